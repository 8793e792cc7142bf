import GatehouseStorage

/// The one thread that writes.
///
/// It takes all transactions that wait and commits them together, because waiting for the disk is what a commit costs,
/// and it costs the same for one as for many. Each body has a savepoint of its own. Nobody is answered before the
/// commit; if that fails, nobody was.
///
/// `@unchecked Sendable`: `connection` is used by the thread that `start` makes, and by nobody else after it began.
final class Writer: @unchecked Sendable {
    let queue: WriterQueue
    private let file: StoreFile
    private var connection: Connection?

    /// Opens the file, so that what is wrong with it shows now.
    init(_ file: StoreFile) throws(StorageError) {
        self.file = file
        self.queue = WriterQueue(maximumWaiting: file.options.maximumWaiting)
        self.connection = try file.connect(as: .writer)
    }

    /// - Parameter beforeClosing: runs on the thread after the last transaction, before the last checkpoint.
    func start(beforeClosing: @escaping @Sendable () -> Void) throws(StorageError) {
        try startThread { [self] in
            while let group = queue.take(upTo: file.options.maximumGroup) {
                commit(group)
                checkpointIfDue()
            }
            beforeClosing()
            checkpoint(truncatesLog: true)
            connection = nil
            queue.finish()
        }
    }
}

// MARK: A group

extension Writer {
    private func commit(_ group: [any PendingWrite]) {
        var left = group[...]
        // More than one round only when SQLite ended a transaction in the middle of a group.
        while !left.isEmpty { commitRound(&left) }
    }

    /// Runs transactions from the front of `left` and commits them. All of them, unless one made SQLite roll
    /// everything back: then those before it are told so, and those after it have another round.
    private func commitRound(_ left: inout ArraySlice<any PendingWrite>) {
        var done: [any PendingWrite] = []
        var failed: [(any PendingWrite, any Error)] = []
        do {
            let connection = try usableConnection()
            try connection.execute(.beginImmediate)
            while let write = left.popFirst() {
                guard queue.begin(write) else { continue }
                do {
                    try connection.runInSavepoint { sql in try write.run(in: sql) }
                    done.append(write)
                } catch {
                    failed.append((write, error))
                    guard connection.isInTransaction else { throw error }
                }
            }
            try connection.execute(.commit)
            // A store that was moved away meanwhile has the commit where nobody will look for it.
            guard !connection.hasMoved else { throw replaced() }
        } catch {
            rollBack()
            failed += done.map { ($0, error) }
            if done.isEmpty, failed.isEmpty {
                // Nothing could begin: the error is everyone's.
                failed = left.filter(queue.begin).map { ($0, error) }
                left = []
            }
            done = []
        }
        queue.count { statistics in
            statistics.commits += done.isEmpty ? 0 : 1
            statistics.committedTransactions += done.count
            statistics.failedTransactions += failed.count
            statistics.largestGroup = max(statistics.largestGroup, done.count)
        }
        for write in done { write.finish() }
        for (write, error) in failed { write.finish(throwing: error) }
    }

    private func rollBack() {
        guard let connection, connection.isInTransaction else { return }
        do {
            try connection.execute(.rollBack)
        } catch {
            // A connection that cannot even roll back is closed, which does it.
            self.connection = nil
        }
    }

    private func replaced() -> StorageError {
        StorageError(.replaced, message: "\(file.path) was moved or replaced")
    }

    /// The connection, or a new one when the old one failed or leads to a file that is no longer there.
    private func usableConnection() throws(StorageError) -> Connection {
        if let connection {
            if connection.hasMoved { file.noteReplacement(of: connection.epoch) }
            if !connection.isSpoilt, connection.epoch == file.epoch { return connection }
        }
        // The old one is closed after the new one is open: closing the last connection moves the log into the file and
        // removes it, and a disk that just failed is not one to do that on.
        let new = try file.connect(as: .writer)
        connection = new
        queue.count { $0.reopenings += 1 }
        return new
    }
}

// MARK: Checkpoints

extension Writer {
    /// After the answers, so that nobody waits for it.
    private func checkpointIfDue() {
        guard let connection, connection.logPages >= file.options.checkpointPages else { return }
        checkpoint(truncatesLog: false)
    }

    private func checkpoint(truncatesLog: Bool) {
        guard let connection else { return }
        do {
            try connection.checkpoint(truncatesLog: truncatesLog)
            queue.count { $0.checkpoints += 1 }
        } catch {
            queue.count { $0.failedCheckpoints += 1 }
        }
    }
}
