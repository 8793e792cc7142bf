import CGatehouseCurl
import Glibc
import Synchronization

/// The multi handle and the thread that alone touches it.
///
/// Sendable because `multi` and `running` belong to that thread; everything else is behind the lock.
@safe final class CurlEngine: @unchecked Sendable {
    private struct Shared {
        var submitted: [Transfer] = []
        var cancelled: [Transfer] = []
        var idleHandles: [EasyHandle] = []
        var isStopped = false
        var hasStarted = false
    }

    /// Easy handles kept for the next request.
    private static let keptHandles = 64
    /// Longest sleep of the thread, in milliseconds; whoever submits wakes it.
    private static let longestPoll: Int32 = 10_000

    private let shared = Mutex(Shared())
    private let multi: UnsafeMutableRawPointer
    private var running: [UnsafeMutableRawPointer: Transfer] = unsafe [:]

    /// Once for the whole process, before any handle (curl_global_init(3)).
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    init(maximumConnections: Int) {
        precondition(Self.isReady, "libcurl cannot start")
        guard let multi = unsafe curl_multi_init() else { preconditionFailure("libcurl cannot make a multi handle") }
        unsafe self.multi = multi
        // Its default follows the number of transfers under way, so that finished ones would close their connections.
        unsafe gatehouse_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maximumConnections)
        unsafe gatehouse_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, maximumConnections)
    }

    func start() {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(self).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                let engine = unsafe Unmanaged<CurlEngine>.fromOpaque(argument!).takeRetainedValue()
                engine.work()
                return nil
            }, argument)
        precondition(code == 0, "no thread for libcurl can be made")
        pthread_detach(thread)
    }

    // MARK: From any thread

    func idleHandle() throws(TransferError) -> EasyHandle {
        let handle = shared.withLock { $0.idleHandles.popLast().map { Lent(handle: $0) } }?.handle
        return try handle ?? EasyHandle()
    }

    func submit(_ transfer: Transfer) {
        let (isFirst, isStopped) = shared.withLock { shared in
            guard !shared.isStopped else { return (false, true) }
            shared.submitted.append(transfer)
            return (shared.submitted.count == 1, false)
        }
        if isStopped { return transfer.end(.failure(.cancelled)) }
        // A wake-up is a system call; the thread takes all that has been submitted at once.
        if isFirst { unsafe curl_multi_wakeup(multi) }
        if Task.isCancelled { cancel(transfer) }
    }

    func cancel(_ transfer: Transfer) {
        transfer.end(.failure(.cancelled))
        let wakes = shared.withLock { shared in
            guard !shared.isStopped else { return false }
            shared.cancelled.append(transfer)
            return true
        }
        if wakes { unsafe curl_multi_wakeup(multi) }
    }

    func stop() {
        let wasStopped = shared.withLock { shared in
            defer { shared.isStopped = true }
            return shared.isStopped
        }
        if !wasStopped { unsafe curl_multi_wakeup(multi) }
    }

    // MARK: On the thread

    private func work() {
        while takeOrders() {
            var active: Int32 = 0
            unsafe curl_multi_perform(multi, &active)
            takeFinished()
            unsafe curl_multi_poll(multi, nil, 0, Self.longestPoll, nil)
        }
        for transfer in unsafe running.values {
            unsafe curl_multi_remove_handle(multi, transfer.handle.raw)
            transfer.end(.failure(.cancelled))
        }
        unsafe running.removeAll()
        shared.withLock { shared in
            for transfer in shared.submitted { transfer.end(.failure(.cancelled)) }
            shared.submitted.removeAll()
            shared.idleHandles.removeAll()
        }
        unsafe curl_multi_cleanup(multi)
    }

    /// - Returns: false when the transport has been shut down.
    private func takeOrders() -> Bool {
        let (submitted, cancelled, isStopped) = shared.withLock { shared in
            defer {
                shared.submitted.removeAll(keepingCapacity: true)
                shared.cancelled.removeAll(keepingCapacity: true)
            }
            return (shared.isStopped ? [] : shared.submitted, shared.cancelled, shared.isStopped)
        }
        for transfer in submitted {
            unsafe running[transfer.handle.raw] = transfer
            let code = unsafe curl_multi_add_handle(multi, transfer.handle.raw)
            if code != CURLM_OK {
                unsafe running[transfer.handle.raw] = nil
                transfer.end(.failure(TransferError(kind: .other, message: "libcurl refuses the request")))
            }
        }
        for transfer in cancelled where unsafe running[transfer.handle.raw] === transfer { retire(transfer) }
        return !isStopped
    }

    private func takeFinished() {
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &left) {
            guard unsafe message.pointee.msg == CURLMSG_DONE, let raw = unsafe message.pointee.easy_handle,
                let transfer = unsafe running[raw]
            else { continue }
            // Before the handle leaves the multi handle, which frees the message.
            let code = unsafe gatehouse_curl_message_result(message)
            transfer.finish(code)
            retire(transfer)
        }
    }

    private func retire(_ transfer: Transfer) {
        unsafe curl_multi_remove_handle(multi, transfer.handle.raw)
        unsafe running[transfer.handle.raw] = nil
        transfer.handle.reset()
        let lent = Lent(handle: transfer.handle)
        shared.withLock { shared in
            if shared.idleHandles.count < Self.keptHandles { shared.idleHandles.append(lent.handle) }
        }
    }
}

/// Carries a handle over the lock's boundary.
///
/// Sendable because at each time one side alone holds it: the pool, the sender, or the thread.
private struct Lent: @unchecked Sendable {
    let handle: EasyHandle
}

extension TransferError {
    static let cancelled = TransferError(kind: .cancelled, message: "The request was cancelled")
}
