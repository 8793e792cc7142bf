internal import CGatehouseCAres
internal import Glibc
internal import Synchronization

/// One question on its way. Two are the same only when they are the same object.
final class DNSQuestion: Sendable {
    let name: String
    let type: UInt16
    let deadline: ContinuousClock.Instant

    init(name: String, type: UInt16, deadline: ContinuousClock.Instant) {
        self.name = name
        self.type = type
        self.deadline = deadline
    }
}

typealias DNSContinuation = CheckedContinuation<Result<[UInt8], DNSError>, Never>

/// What callers, on any thread, want from the thread that asks. Whoever takes a continuation out of it resumes it, so each is
/// resumed once.
final class DNSQueue: Sendable {
    private struct State {
        var new: [DNSQuestion] = []
        var open: [ObjectIdentifier: (question: DNSQuestion, continuation: DNSContinuation)] = [:]
        /// Cancelled before they were added.
        var cancelled: Set<ObjectIdentifier> = []
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Wakes the thread.
    let bell: Int32 = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    deinit { close(bell) }

    func add(_ question: DNSQuestion, _ continuation: DNSContinuation) {
        let refusal = state.withLock { state -> DNSError? in
            guard state.cancelled.remove(ObjectIdentifier(question)) == nil else { return .cancelled }
            guard !state.isClosed else { return .serverFailed }
            state.new.append(question)
            state.open[ObjectIdentifier(question)] = (question, continuation)
            return nil
        }
        if let refusal { continuation.resume(returning: .failure(refusal)) } else { ring() }
    }

    func cancel(_ question: DNSQuestion) {
        let entry = state.withLock { state in
            let entry = state.open.removeValue(forKey: ObjectIdentifier(question))
            if entry == nil { state.cancelled.insert(ObjectIdentifier(question)) }
            return entry
        }
        entry?.continuation.resume(returning: .failure(.cancelled))
    }

    /// No question is asked from now on; those that are open fail.
    func end() {
        let open = state.withLock { state in
            state.isClosed = true
            state.new = []
            defer { state.open = [:] }
            return state.open.values.map(\.continuation)
        }
        for continuation in open { continuation.resume(returning: .failure(.serverFailed)) }
        ring()
    }

    // MARK: For the thread

    /// - Returns: nil when this was the end.
    func takeNew() -> [DNSQuestion]? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            defer { state.new = [] }
            return state.new
        }
    }

    /// Does nothing for a question that was cancelled or is late.
    func answer(_ question: DNSQuestion, _ result: Result<[UInt8], DNSError>) {
        let entry = state.withLock { $0.open.removeValue(forKey: ObjectIdentifier(question)) }
        entry?.continuation.resume(returning: result)
    }

    /// Tells those whose time is over, and how long the next one has.
    func endLate(at now: ContinuousClock.Instant) -> Duration? {
        let (late, next) = state.withLock { state in
            let late = state.open.values.filter { $0.question.deadline <= now }
            for entry in late { state.open[ObjectIdentifier(entry.question)] = nil }
            return (late.map(\.continuation), state.open.values.map(\.question.deadline).min())
        }
        for continuation in late { continuation.resume(returning: .failure(.timedOut)) }
        return next.map { $0 - now }
    }

    private func ring() { eventfd_write(bell, 1) }
}
