internal import CGatehouseCurl
internal import Synchronization

/// One request, or one conversation about mail, on its way through a transport. Two are the same only when they are the same
/// object.
final class Transfer: Sendable {
    enum Content: Sendable {
        case http(TransferRequest)
        case mail(SMTPExchange)
    }

    let content: Content
    /// Set before the cancellation is queued: a start that comes after it sees it.
    let isCancelled = Atomic(false)

    /// Of the request's upload.
    let feed: UploadFeed?

    init(_ request: TransferRequest) {
        content = .http(request)
        feed = request.upload.map { UploadFeed($0) }
    }

    init(_ exchange: SMTPExchange) {
        content = .mail(exchange)
        feed = nil
    }

    var timeout: Duration {
        switch content {
        case .http(let request): request.timeout
        case .mail(let exchange): exchange.timeout
        }
    }
}

typealias TransferContinuation = CheckedContinuation<Result<TransferResponse, TransferError>, Never>

/// What callers, on any thread, want from the thread of a transport.
final class TransferQueue: Sendable {
    enum Command {
        case start(Transfer, TransferContinuation)
        case cancel(Transfer)
        case resume(Transfer)
    }

    private struct State {
        var commands: [Command] = []
        var closed: TransferError?
        var wake: WakeUp?
    }

    private let state = Mutex(State())

    func start(_ transfer: Transfer, _ continuation: TransferContinuation) {
        if let refusal = add(.start(transfer, continuation)) { continuation.resume(returning: .failure(refusal)) }
    }

    func cancel(_ transfer: Transfer) {
        transfer.isCancelled.store(true, ordering: .releasing)
        // When the queue is closed, the transfer has been told so.
        _ = add(.cancel(transfer))
    }

    /// Says that an upload which waited can go on.
    func resume(_ transfer: Transfer) { _ = add(.resume(transfer)) }

    /// Refuses everything from now on. The thread tells the running transfers, and ends.
    func close(_ reason: TransferError) {
        state.withLock { state in
            guard state.closed == nil else { return }
            state.closed = reason
            state.wake?()
        }
    }

    // MARK: The thread's side

    /// - Parameter wake: makes the thread call `take` soon. It is not called after `detach`.
    func attach(_ wake: WakeUp) { state.withLock { $0.wake = wake } }

    func detach() { state.withLock { $0.wake = nil } }

    /// The commands since the last call, and the reason to end, if there is one.
    func take() -> (commands: [Command], closed: TransferError?) {
        state.withLock { state in
            let commands = state.commands
            // Keeping the storage would cost the copy that it saves.
            state.commands = []
            return (commands, state.closed)
        }
    }

    /// - Returns: why the command was not taken.
    private func add(_ command: Command) -> TransferError? {
        state.withLock { state in
            if let closed = state.closed { return closed }
            state.commands.append(command)
            // The thread takes all commands at once, so only the first one has to wake it.
            if state.commands.count == 1 { state.wake?() }
            return nil
        }
    }
}

/// Ends a wait in `curl_multi_poll`.
///
/// Sendable because `curl_multi_wakeup` may be called from any thread while the multi handle lives, and the queue, under its
/// lock, forgets this value before the handle goes.
@safe struct WakeUp: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer

    init(_ multi: UnsafeMutableRawPointer) { unsafe self.multi = multi }

    func callAsFunction() {
        let code = unsafe curl_multi_wakeup(multi)
        // It can only fail for a handle that is none.
        precondition(code == CURLM_OK, "libcurl cannot be woken")
    }
}
