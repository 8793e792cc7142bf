internal import CGatehouseCurl
internal import Foundation
internal import Synchronization

/// The thread of a transport: the only one that touches its libcurl handles.
@safe final class TransferLoop {
    private struct Running {
        let transfer: Transfer
        let handle: EasyHandle
        let continuation: TransferContinuation
        let deadline: ContinuousClock.Instant
    }

    private let queue: TransferQueue
    private let multi: UnsafeMutableRawPointer
    private let maximumConnections: Int
    /// By the address of libcurl's easy handle.
    private var running: [UInt: Running] = [:]
    /// Finished handles, for the next transfers: a new one costs more than a reset.
    private var idle: [EasyHandle] = []
    private var line = TransferLine()
    /// Not after the first deadline of those that run or wait.
    private var nextDeadline: ContinuousClock.Instant?

    init(_ queue: TransferQueue, maximumConnections: Int) {
        guard let multi = unsafe curl_multi_init() else { preconditionFailure("libcurl is out of memory") }
        self.queue = queue
        unsafe self.multi = multi
        self.maximumConnections = maximumConnections
    }

    deinit {
        let code = unsafe curl_multi_cleanup(multi)
        precondition(code == CURLM_OK, "libcurl cannot be cleaned up")
    }

    /// Returns when the queue is closed and every transfer was told.
    func run() {
        // CURLOPT_NOSIGNAL leaves SIGPIPE to us: a write to a closed connection must not end the process.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)

        unsafe queue.attach(WakeUp(multi))
        do throws(TransferError) {
            try setUp()
            while isOpenAfterCommands() {
                try perform()
                finishDone()
                finishLate()
                startNext()
                try wait()
            }
        } catch {
            queue.close(error)
            _ = isOpenAfterCommands()
        }
        queue.detach()
    }

    private func setUp() throws(TransferError) {
        // Its default follows the number of transfers just then, so finished ones would close their connections.
        try set(CURLMOPT_MAXCONNECTS, maximumConnections)
        try set(CURLMOPT_MAX_TOTAL_CONNECTIONS, maximumConnections)
    }

    private func set(_ option: CURLMoption, _ value: Int) throws(TransferError) {
        try check(unsafe gatehouse_curl_multi_set_long(multi, option, value), "curl_multi_setopt")
    }

    // MARK: Commands

    /// - Returns: false when this was the end.
    private func isOpenAfterCommands() -> Bool {
        let (commands, closed) = queue.take()
        for command in commands {
            switch command {
            case .start(let transfer, let continuation):
                let deadline = ContinuousClock.now + .milliseconds(milliseconds(transfer.timeout))
                nextDeadline = min(nextDeadline ?? deadline, deadline)
                line.append(WaitingTransfer(transfer: transfer, continuation: continuation, deadline: deadline))
            case .cancel(let transfer): cancel(transfer)
            case .resume(let transfer): resume(transfer)
            }
        }
        guard let closed else {
            startNext()
            return true
        }
        abort(running.values, closed)
        for entry in running.values { end(entry, with: .failure(closed.afterSending(entry.handle.wasSent))) }
        for waiting in line.remove(where: { _ in true }) { waiting.continuation.resume(returning: .failure(closed)) }
        return false
    }

    /// Gives the free places to those in line. libcurl begins with them at the next `perform`, and does not wait before.
    private func startNext() {
        while running.count < maximumConnections, let next = line.popFirst() { start(next) }
    }

    private func start(_ waiting: WaitingTransfer) {
        guard !waiting.transfer.isCancelled.load(ordering: .acquiring) else {
            waiting.continuation.resume(returning: .failure(.cancelled))
            return
        }
        do throws(TransferError) {
            let handle = if let kept = idle.popLast() { kept } else { try EasyHandle() }
            try handle.prepare(waiting.transfer, timeout: waiting.deadline - .now)
            try check(unsafe curl_multi_add_handle(multi, handle.raw), "curl_multi_add_handle")
            running[handle.address] = Running(
                transfer: waiting.transfer, handle: handle, continuation: waiting.continuation,
                deadline: waiting.deadline)
        } catch {
            waiting.continuation.resume(returning: .failure(error))
        }
    }

    /// Goes on with an upload that waited for its next octets. One that has not begun yet, or has ended, does not wait.
    private func resume(_ transfer: Transfer) {
        guard let entry = entry(of: transfer) else { return }
        do throws(TransferError) { try entry.handle.resume() } catch { end(entry, with: .failure(error)) }
    }

    /// Rare, so a search is cheaper than another table kept for every transfer.
    private func entry(of transfer: Transfer) -> Running? { running.values.first { $0.transfer === transfer } }

    private func cancel(_ transfer: Transfer) {
        if let entry = entry(of: transfer) {
            abort([entry], .cancelled)
        }
        if let entry = entry(of: transfer) {
            end(entry, with: .failure(.cancelled.afterSending(entry.handle.wasSent)))
        }
        for waiting in line.remove(where: { $0.transfer === transfer }) {
            waiting.continuation.resume(returning: .failure(.cancelled))
        }
    }

    // MARK: Progress

    /// Ends those of these that are about mail; see `EasyHandle.hasToBeAborted`.
    private func abort(_ entries: some Collection<Running>, _ reason: TransferError) {
        let entries = entries.filter(\.handle.hasToBeAborted)
        guard !entries.isEmpty else { return }
        for entry in entries { entry.handle.abort(reason.afterSending(entry.handle.wasSent)) }
        // Whatever libcurl says now, it will say again at the next turn.
        try? perform()
        finishDone()
    }

    private func perform() throws(TransferError) {
        var count: Int32 = 0
        try check(unsafe curl_multi_perform(multi, &count), "curl_multi_perform")
    }

    private func finishDone() {
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &left) {
            guard unsafe message.pointee.msg == CURLMSG_DONE, let raw = unsafe message.pointee.easy_handle,
                let entry = running[UInt(bitPattern: raw)]
            else { continue }
            // The message is gone once its handle is removed.
            let code = unsafe message.pointee.data.result
            end(entry, with: entry.handle.result(code))
        }
    }

    /// Ends those whose time is up before they got a connection: libcurl 7.88 watches the clock only after that.
    private func finishLate() {
        guard let next = nextDeadline, next <= .now else { return }
        let now = ContinuousClock.now
        abort(running.values.filter { $0.deadline <= now && !$0.handle.wasSent }, .timedOutInLine)
        for entry in running.values where entry.deadline <= now && !entry.handle.wasSent {
            end(entry, with: .failure(.timedOutInLine))
        }
        for waiting in line.remove(where: { $0.deadline <= now }) {
            waiting.continuation.resume(returning: .failure(.timedOutInLine))
        }
        let running = running.values.lazy.map(\.deadline).filter { $0 > now }.min()
        nextDeadline = [running, line.firstDeadline].compactMap(\.self).min()
    }

    /// Until something can be read or written, a time is up, or `WakeUp` says so. libcurl's own times come on top.
    private func wait() throws(TransferError) {
        // An hour when there is nothing to do.
        let longest = nextDeadline.map { milliseconds($0 - .now) } ?? 3_600_000
        try check(unsafe curl_multi_poll(multi, nil, 0, Int32(longest), nil), "curl_multi_poll")
    }

    /// Removing a transfer that has not finished closes its connection, or resets its stream.
    private func end(_ entry: Running, with result: Result<TransferResponse, TransferError>) {
        running[entry.handle.address] = nil
        let code = unsafe curl_multi_remove_handle(multi, entry.handle.raw)
        precondition(code == CURLM_OK, "libcurl does not know its own handle")
        entry.handle.reset()
        if idle.count < maximumConnections { idle.append(entry.handle) }
        entry.continuation.resume(returning: result)
    }

    private func check(_ code: CURLMcode, _ operation: String) throws(TransferError) {
        guard code == CURLM_OK else { throw .multi(code, operation) }
    }
}
