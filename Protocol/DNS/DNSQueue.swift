internal import CGatehouseCAres
internal import Glibc
internal import Synchronization

/// One question on its way. Two are the same only when they are the same object.
final class DNSQuestion: Sendable {
    /// In lower case, without a dot at its end.
    let name: String
    let type: DNSRecordType
    let deadline: ContinuousClock.Instant
    /// Changes under the lock of the queue: it may be cancelled before it is added.
    fileprivate let isCancelled = Atomic(false)

    init(name: String, type: DNSRecordType, deadline: ContinuousClock.Instant) {
        self.name = name
        self.type = type
        self.deadline = deadline
    }
}

typealias DNSContinuation = CheckedContinuation<Result<[UInt8], DNSError>, Never>

/// What callers, on any thread, want from the thread that asks. Whoever takes a continuation out of it resumes it, so each is
/// resumed once.
final class DNSQueue: Sendable {
    private struct Entry {
        let question: DNSQuestion
        let continuation: DNSContinuation
        var isAsked = false
    }

    private struct State {
        /// Nobody has asked them yet; who was told in the meantime is still in it.
        var line: [DNSQuestion] = []
        /// Those who wait for an answer.
        var open: [ObjectIdentifier: Entry] = [:]
        /// How many of them have been asked.
        var asked = 0
        var isClosed = false

        mutating func remove(_ question: DNSQuestion) -> DNSContinuation? {
            guard let entry = open.removeValue(forKey: ObjectIdentifier(question)) else { return nil }
            if entry.isAsked { asked -= 1 }
            return entry.continuation
        }
    }

    private let state = Mutex(State())
    /// Wakes the thread.
    let bell: Int32 = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

    deinit { close(bell) }

    func add(_ question: DNSQuestion, _ continuation: DNSContinuation) {
        let refusal = state.withLock { state -> DNSError? in
            guard !question.isCancelled.load(ordering: .relaxed) else { return .cancelled }
            guard !state.isClosed else { return .serverFailed }
            state.line.append(question)
            state.open[ObjectIdentifier(question)] = Entry(question: question, continuation: continuation)
            return nil
        }
        if let refusal { continuation.resume(returning: .failure(refusal)) } else { ring() }
    }

    func cancel(_ question: DNSQuestion) {
        let continuation = state.withLock { state in
            question.isCancelled.store(true, ordering: .relaxed)
            return state.remove(question)
        }
        guard let continuation else { return }
        continuation.resume(returning: .failure(.cancelled))
        // When it was the last one, nothing is asked any more.
        ring()
    }

    /// No question is asked from now on; those that are open fail.
    func end() {
        let open = state.withLock { state in
            state.isClosed = true
            state.line = []
            state.asked = 0
            defer { state.open = [:] }
            return state.open.values.map(\.continuation)
        }
        for continuation in open { continuation.resume(returning: .failure(.serverFailed)) }
        ring()
    }

    // MARK: For the thread

    /// The next ones to ask.
    ///
    /// - Parameter most: that shall have been asked and wait for an answer.
    /// - Returns: nil when this was the end.
    func take(upTo most: Int) -> [DNSQuestion]? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            var taken: [DNSQuestion] = []
            var rest = state.line[...]
            while state.asked < most, let next = rest.popFirst() {
                guard state.open[ObjectIdentifier(next)] != nil else { continue }
                state.open[ObjectIdentifier(next)]?.isAsked = true
                state.asked += 1
                taken.append(next)
            }
            state.line = Array(rest)
            return taken
        }
    }

    /// What was asked has to be asked again.
    func putBack() {
        state.withLock { state in
            let asked = state.open.values.filter(\.isAsked).map(\.question)
            for question in asked { state.open[ObjectIdentifier(question)]?.isAsked = false }
            state.asked = 0
            state.line = asked + state.line
        }
    }

    /// Does nothing for a question that was cancelled or is late.
    func answer(_ question: DNSQuestion, _ result: Result<[UInt8], DNSError>) {
        state.withLock { $0.remove(question) }?.resume(returning: result)
    }

    /// Tells those whose time is over.
    ///
    /// - Returns: how long the next one has; nil when nobody waits.
    func endLate(at now: ContinuousClock.Instant) -> Duration? {
        let (late, next) = state.withLock { state in
            let late = state.open.values.map(\.question).filter { $0.deadline <= now }
            let continuations = late.compactMap { state.remove($0) }
            return (continuations, state.open.values.map(\.question.deadline).min())
        }
        for continuation in late { continuation.resume(returning: .failure(.timedOut)) }
        return next.map { $0 - now }
    }

    private func ring() { eventfd_write(bell, 1) }
}
