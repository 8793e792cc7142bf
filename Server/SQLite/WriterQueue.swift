import GatehouseStorage

/// The transactions that wait for the writer, first come, first served.
final class WriterQueue: Sendable {
    private struct State {
        var waiting: [any PendingWrite] = []
        var isClosed = false
        var isFinished = false
        var finishWaiters: [CheckedContinuation<Void, Never>] = []
        var statistics = SQLiteStatistics()
    }

    private let state = Guarded(State())
    private let maximumWaiting: Int

    init(maximumWaiting: Int) {
        self.maximumWaiting = maximumWaiting
    }

    var statistics: SQLiteStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.waiting = state.waiting.count
            return statistics
        }
    }

    func count(_ change: (inout SQLiteStatistics) -> Void) {
        state.withLock { change(&$0.statistics) }
    }
}

// MARK: For those who write

extension WriterQueue {
    func submit(_ write: any PendingWrite) throws {
        try state.withLock { state in
            guard write.phase != .cancelled else { throw CancellationError() }
            guard !state.isClosed else { throw StorageError(.closed, message: "the store is closed") }
            guard state.waiting.count < maximumWaiting else {
                throw StorageError(.overloaded, message: "\(maximumWaiting) transactions are waiting already")
            }
            write.phase = .waiting
            state.waiting.append(write)
        }
        state.announceChange()
    }

    /// Drops a transaction that has not begun; one that has is left alone.
    func cancel(_ write: any PendingWrite) {
        let wasWaiting = state.withLock { state in
            guard write.phase <= .waiting else { return false }
            defer { write.phase = .cancelled }
            state.waiting.removeAll { $0 === write }
            return write.phase == .waiting
        }
        if wasWaiting { write.finish(throwing: CancellationError()) }
    }

    /// Refuses what comes from now on. What waits is still done.
    func close() {
        state.withLock { $0.isClosed = true }
        state.announceChange()
    }

    /// Returns when the writer has done everything and let go of the file.
    func waitUntilFinished() async {
        await withCheckedContinuation { continuation in
            let isFinished = state.withLock { state in
                if !state.isFinished { state.finishWaiters.append(continuation) }
                return state.isFinished
            }
            if isFinished { continuation.resume() }
        }
    }
}

// MARK: For the writer's thread

extension WriterQueue {
    /// Waits for transactions and takes all of them, up to a number.
    ///
    /// - Returns: `nil` when the queue was closed and nothing is left.
    func take(upTo maximum: Int) -> [any PendingWrite]? {
        state.withLock(when: { $0.isClosed || !$0.waiting.isEmpty }) { state in
            guard !state.waiting.isEmpty else { return nil }
            let taken = Array(state.waiting.prefix(maximum))
            state.waiting.removeFirst(taken.count)
            return taken
        }
    }

    /// From here on the transaction can no longer be cancelled.
    ///
    /// - Returns: `false` when it was cancelled before.
    func begin(_ write: any PendingWrite) -> Bool {
        state.withLock { _ in
            guard write.phase == .waiting else { return false }
            write.phase = .running
            return true
        }
    }

    func finish() {
        let waiters = state.withLock { state in
            state.isFinished = true
            defer { state.finishWaiters = [] }
            return state.finishWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
