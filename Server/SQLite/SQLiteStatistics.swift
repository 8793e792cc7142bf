/// What the writer has done since the store was opened.
package struct SQLiteStatistics: Sendable, Equatable {
    /// Transactions that wait now.
    package var waiting = 0
    /// Transactions whose commit was acknowledged.
    package var committedTransactions = 0
    /// Transactions that threw, or whose group could not be committed.
    package var failedTransactions = 0
    /// Commits; with many writers far fewer than transactions.
    package var commits = 0
    package var largestGroup = 0
    package var checkpoints = 0
    /// A checkpoint that fails loses nothing: the log keeps the pages and the next one moves them.
    package var failedCheckpoints = 0
    /// How often the file was opened again after a fault or because another one took its place.
    package var reopenings = 0
}
