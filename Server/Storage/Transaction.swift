/// What a body gets to run its statements with.
///
/// It cannot be copied and is only lent, so it cannot outlive the body. A statement that fails ends the transaction on
/// every engine: later statements are refused, and a body that swallows the error is rolled back all the same. What
/// may fail without that goes into `savepoint`.
package struct Transaction: ~Copyable {
    private let runner: any StatementRunner

    /// For drivers.
    package init(_ runner: any StatementRunner) {
        self.runner = runner
    }

    /// Runs one statement to its end and returns its rows.
    @discardableResult
    package func callAsFunction(_ query: Query) throws(StorageError) -> [Row] {
        try runner.run(query)
    }

    /// Runs one statement and returns how many rows it inserted, changed or deleted.
    package func changes(_ query: Query) throws(StorageError) -> Int {
        try runner.changes(query)
    }

    /// Runs a part that may fail: when `body` throws, what it did is undone and the rest of the transaction goes on.
    package func savepoint<T>(_ body: (borrowing Transaction) throws -> T) throws -> T {
        try runner.openSavepoint()
        let result: T
        do {
            result = try body(self)
        } catch {
            try runner.rollBackSavepoint()
            throw error
        }
        try runner.releaseSavepoint()
        return result
    }

    /// Runs a statement of a migration.
    func define(_ statement: String) throws(StorageError) {
        try runner.define(statement)
    }

    package func hasTable(_ name: String) throws(StorageError) -> Bool {
        try runner.hasTable(name)
    }
}

/// The driver's side of a transaction: one connection, used by one thread at a time.
package protocol StatementRunner: AnyObject {
    func run(_ query: Query) throws(StorageError) -> [Row]
    func changes(_ query: Query) throws(StorageError) -> Int
    func openSavepoint() throws(StorageError)
    /// Keeps what was done since `openSavepoint`. Throws, and has rolled back, when a statement in it had failed.
    func releaseSavepoint() throws(StorageError)
    func rollBackSavepoint() throws(StorageError)
    /// Runs a statement of a migration, after translating what this engine writes differently.
    func define(_ statement: String) throws(StorageError)
    func hasTable(_ name: String) throws(StorageError) -> Bool
}
