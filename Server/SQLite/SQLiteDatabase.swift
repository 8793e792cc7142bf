package import GatehouseStorage

/// A store in one SQLite file, which other processes (the command line) may use at the same time.
package final class SQLiteDatabase: Database {
    private let file: StoreFile
    private let writer: Writer
    private let readers: ReaderPool
    /// Only of a store for tests.
    private let directory: TemporaryDirectory?

    /// Opens the file and makes it, with mode 0600, when it is not there. Its directory must be.
    package convenience init(path: String, readers: Int = 4) throws(StorageError) {
        var options = SQLiteOptions()
        options.readers = readers
        try self.init(path: path, options: options)
    }

    package convenience init(path: String, options: SQLiteOptions) throws(StorageError) {
        try self.init(path: path, options: options, in: nil)
    }

    /// A store for tests: a file in a directory of its own that goes when the store is closed or forgotten. Its commits
    /// do not wait for the disk.
    package static func inMemory() throws(StorageError) -> SQLiteDatabase {
        try passing(in: try TemporaryDirectory(), SQLiteOptions())
    }

    /// A store for work that is too much for memory: a file in a new directory below `folder`, open to nobody else, that goes
    /// when the store is closed or forgotten. Its commits do not wait for the disk.
    package static func scratch(in folder: String) throws(StorageError) -> SQLiteDatabase {
        var options = SQLiteOptions()
        options.sortsInMemory = false
        return try passing(in: try TemporaryDirectory(in: folder), options)
    }

    private static func passing(
        in directory: TemporaryDirectory, _ options: SQLiteOptions
    ) throws(StorageError) -> SQLiteDatabase {
        var options = options
        options.isDurable = false
        return try SQLiteDatabase(path: directory.path + "/store.sqlite", options: options, in: directory)
    }

    private init(path: String, options: SQLiteOptions, in directory: TemporaryDirectory?) throws(StorageError) {
        self.directory = directory
        file = try StoreFile(path: path, options: options)
        try file.create()
        writer = try Writer(file)
        readers = ReaderPool(file)
        try writer.start(beforeClosing: { [readers] in readers.close() })
    }

    deinit {
        // The thread finishes what waits and closes the file by itself.
        writer.queue.close()
        directory?.remove()
    }

    package var path: String { file.path }

    /// What is wrong with the file; empty when it is sound. For the command line: it reads all of it, on the caller's
    /// thread.
    package nonisolated(nonsending) func integrityProblems() async throws -> [String] {
        try readers.withConnection { connection in try connection.integrityProblems() }
    }

    package var statistics: SQLiteStatistics { writer.queue.statistics }
}

// MARK: Database

extension SQLiteDatabase {
    @discardableResult
    package nonisolated(nonsending) func transaction<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        let write = PendingTransaction(body)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                write.continuation = continuation
                do {
                    try writer.queue.submit(write)
                } catch {
                    write.finish(throwing: error)
                }
            }
        } onCancel: {
            writer.queue.cancel(write)
        }
    }

    package nonisolated(nonsending) func read<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        try readers.withConnection { connection in try connection.snapshot(body) }
    }

    package nonisolated(nonsending) func rows(_ query: Query) async throws -> [Row] {
        try readers.withConnection { connection in try connection.rows(query) }
    }

    package nonisolated(nonsending) func generation() async throws -> Int64 {
        try readers.generation()
    }

    package nonisolated(nonsending) func migrate(_ migrations: [Migration]) async throws -> [Int] {
        let ran = try await MigrationRunner(migrations).run(on: self)
        file.noteSchemaVersion(try await schemaVersion())
        return ran
    }

    package nonisolated(nonsending) func schemaVersion() async throws -> Int {
        try readers.withConnection { connection in try connection.version() }
    }

    package nonisolated(nonsending) func checkReachable() async throws {
        _ = try await rows("SELECT COUNT(*) FROM sqlite_schema")
        // Takes the lock of those who write and writes nothing.
        try await transaction { _ in }
    }

    package nonisolated(nonsending) func close() async {
        writer.queue.close()
        await writer.queue.waitUntilFinished()
        directory?.remove()
    }

    /// Closes the database when `body` has ended, however it did.
    package nonisolated(nonsending) func closing<T, Failure: Error>(
        _ body: nonisolated(nonsending) (SQLiteDatabase) async throws(Failure) -> T
    ) async throws(Failure) -> T {
        let result: Result<T, Failure>
        do { result = .success(try await body(self)) } catch { result = .failure(error) }
        await close()
        return try result.get()
    }
}
