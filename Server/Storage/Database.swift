/// A store. The contract suite in `Tests/Storage` says what every one of them promises.
package protocol Database: Sendable {
    /// Runs the body in a write transaction and returns after its commit is durable.
    ///
    /// A body that throws leaves no trace, and its error comes back as it is. A task that is cancelled while its
    /// transaction still waits gets `CancellationError`; one that has begun is finished.
    @discardableResult
    nonisolated(nonsending) func transaction<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T

    /// Runs the body on one consistent snapshot. It cannot write.
    nonisolated(nonsending) func read<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T

    /// Runs one reading statement. Cheaper than `read`, since one statement needs no transaction around it.
    nonisolated(nonsending) func rows(_ query: Query) async throws -> [Row]

    /// A number that changes with every write that can change an authorisation (table `generation`, one row).
    ///
    /// Compare it for equality only. Cheap while nothing changed; a commit of this process shows at the next call, one
    /// of another process or node within the time that the engine promises (SQLite: at once).
    nonisolated(nonsending) func generation() async throws -> Int64

    /// Brings the schema up to date and returns the numbers of the migrations that ran now.
    nonisolated(nonsending) func migrate(_ migrations: [Migration]) async throws -> [Int]

    /// The number of the last migration that ran, 0 when none did.
    nonisolated(nonsending) func schemaVersion() async throws -> Int

    /// Throws when the store cannot be read or written now.
    nonisolated(nonsending) func checkReachable() async throws

    /// Finishes what waits, refuses what comes later, and lets go of the store. May be called more than once.
    nonisolated(nonsending) func close() async
}
