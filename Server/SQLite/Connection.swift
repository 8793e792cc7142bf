import CGatehouseSQLite
import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One connection to the file, closed once.
///
/// Not `Sendable`: it is opened without SQLite's own mutex (`SQLITE_OPEN_NOMUTEX`), so one thread at a time may use it.
/// The writer's thread owns one; the pool of readers hands the others out, one borrower each.
@safe final class Connection {
    enum Role { case writer, reader }

    private let handle: OpaquePointer
    let role: Role
    /// Which opening of the store this belongs to, see `StoreFile`.
    let epoch: Int
    private var statements: StatementCache
    /// What an earlier statement of the running transaction failed with.
    private(set) var failure: StorageError?
    /// Whether the connection should be closed instead of used again.
    private(set) var isSpoilt = false
    /// Read by the authorizer, which SQLite calls while it prepares: only our own statements may begin and end
    /// transactions or change settings.
    private let allowsControl = CVariable(true)
    /// How many pages the log had after the last commit; SQLite's hook writes it.
    private let logPageCount = CVariable<Int32>(0)
    private let busyWait: CVariable<BusyWait>
    private var control: [Control: Statement] = [:]
    private var known: (dataVersion: Int64, generation: Int64)?
    /// Nil for a file that has no write-ahead log, as one that was put in place of the store just now.
    private(set) lazy var log: LogIndex? =
        (try? pragma("journal_mode")) == .text("wal") ? unsafe LogIndex(of: handle) : nil

    init(to path: String, as role: Role, epoch: Int, options: SQLiteOptions) throws(StorageError) {
        Self.turnOffMemoryStatistics
        var handle: OpaquePointer?
        // No CREATE: the file is made by `StoreFile`, with its mode, once. A store that vanishes while the server runs
        // must not come back empty, without any account.
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = unsafe sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            let error = unsafe StorageError(on: handle, code: code)
            let reason = unsafe handle.map { unsafe String(cString: strerror(sqlite3_system_errno($0))) } ?? "no memory"
            unsafe sqlite3_close(handle)
            throw StorageError(error.kind, message: "\(path): \(error.message) (\(reason))", rawCode: error.rawCode)
        }
        unsafe self.handle = handle
        self.role = role
        self.epoch = epoch
        self.statements = StatementCache(capacity: options.cachedStatements)
        let timeout = role == .writer ? options.busyTimeoutMilliseconds : options.readerBusyTimeoutMilliseconds
        busyWait = CVariable(BusyWait(timeoutNanoseconds: UInt64(max(0, timeout)) * 1_000_000))
        do {
            try configure(options)
        } catch {
            throw StorageError(error.kind, message: "\(path): \(error.message)", rawCode: error.rawCode)
        }
    }

    deinit {
        // Statements first: a connection with statements left does not close.
        statements.removeAll()
        control = [:]
        let code = unsafe sqlite3_close(handle)
        assert(code == SQLITE_OK, "a statement outlived its connection")
    }

    /// SQLite counts every allocation under one lock for the whole process unless told not to; readers on several
    /// cores would meet there. Must come before SQLite's first use, and is refused harmlessly after it.
    private static let turnOffMemoryStatistics: Void = { _ = gatehouse_sqlite3_turn_off_memory_statistics() }()

    private func configure(_ options: SQLiteOptions) throws(StorageError) {
        try check(unsafe BusyWait.install(busyWait.address, on: handle))
        // A misspelt column in double quotes is an error and not a string; the schema's own text cannot call functions.
        for option in [SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL, SQLITE_DBCONFIG_TRUSTED_SCHEMA] {
            try check(unsafe gatehouse_sqlite3_db_config(handle, option, 0))
        }
        try check(unsafe gatehouse_sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1))
        if role == .writer {
            // SQLite opens a file that it may not write for reading, without a word.
            guard unsafe sqlite3_db_readonly(handle, "main") == 0 else {
                throw StorageError(.readOnly, message: "the file cannot be written")
            }
            try useLog(waiting: .milliseconds(options.busyTimeoutMilliseconds))
        }
        // FULL: a commit returns after the log reached the disk. `fullfsync` means the same on macOS.
        try pragma(options.isDurable ? "synchronous = FULL" : "synchronous = OFF")
        try pragma("fullfsync = ON")
        try pragma("foreign_keys = ON")
        try pragma(options.sortsInMemory ? "temp_store = MEMORY" : "temp_store = FILE")
        try pragma(
            "cache_size = -\(role == .reader ? max(options.cacheKiB, options.leastReaderCacheKiB) : options.cacheKiB)")
        // No `mmap_size`: reading a mapped file on a failing disk is a signal instead of an error.
        switch role {
        case .writer:
            // The writer checkpoints itself, after it has answered (`Writer`).
            try pragma("wal_autocheckpoint = 0")
            try pragma("journal_size_limit = 16777216")  // 16 MiB
            unsafe sqlite3_wal_hook(handle, noteLogPages, logPageCount.address)
            if let pages = options.maximumPages { try pragma("max_page_count = \(pages)") }
        case .reader:
            try pragma("query_only = ON")
        }
        allowsControl.value = false
        try check(unsafe sqlite3_set_authorizer(handle, authorize, allowsControl.address))
    }

    /// Of several that open a new file at once SQLite refuses some without asking whether they would wait: each holds what the other
    /// needs. They let go, and try again.
    private func useLog(waiting time: Duration) throws(StorageError) {
        let end = ContinuousClock.now + time
        while true {
            do throws(StorageError) {
                guard case .text("wal") = try pragma("journal_mode = WAL") else {
                    throw StorageError(.cannotOpen, message: "the file cannot be used with a write-ahead log")
                }
                return
            } catch {
                guard error.kind == .busy, ContinuousClock.now < end else { throw error }
                usleep(.random(in: 1000...10_000))
            }
        }
    }

    /// Sets or reads a setting. Not for bodies.
    @discardableResult
    func pragma(_ text: String) throws(StorageError) -> StorageValue? {
        let allowed = allowsControl.value
        allowsControl.value = true
        defer { allowsControl.value = allowed }
        let statement = try prepare("PRAGMA " + text)
        return try statement.run([]).first?.value(at: 0)
    }

    private func check(_ code: Int32) throws(StorageError) {
        guard code == SQLITE_OK else { throw unsafe StorageError(on: handle, code: code) }
    }
}

private func noteLogPages(
    _ count: UnsafeMutableRawPointer?, _: OpaquePointer?, _: UnsafePointer<CChar>?, pages: Int32
) -> Int32 {
    unsafe count?.assumingMemoryBound(to: Int32.self).pointee = pages
    return SQLITE_OK
}

/// Refuses what would break a transaction of others from within a body (several bodies share one commit): beginning and
/// ending transactions, attaching files, changing settings. SQLite then says "not authorized".
private func authorize(
    _ allowsControl: UnsafeMutableRawPointer?, action: Int32, name: UnsafePointer<CChar>?,
    argument: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?, _: UnsafePointer<CChar>?
) -> Int32 {
    // FTS5 asks for it within its own statements, to see whether another process wrote; nothing is set.
    if action == SQLITE_PRAGMA, let name = unsafe name, unsafe argument == nil,
        unsafe String(cString: name) == "data_version"
    {
        return SQLITE_OK
    }
    return switch action {
    case SQLITE_TRANSACTION, SQLITE_SAVEPOINT, SQLITE_ATTACH, SQLITE_DETACH, SQLITE_PRAGMA:
        unsafe allowsControl?.assumingMemoryBound(to: Bool.self).pointee == true ? SQLITE_OK : SQLITE_DENY
    default: SQLITE_OK
    }
}

// MARK: Statements of a body

extension Connection: StatementRunner {
    func run(_ query: Query) throws(StorageError) -> [Row] {
        if let failure { throw refused(after: failure) }
        do throws(StorageError) {
            let statement = try statement(for: query)
            return try statement.run(query.values)
        } catch {
            throw note(error)
        }
    }

    func changes(_ query: Query) throws(StorageError) -> Int {
        let before = unsafe sqlite3_total_changes64(handle)
        _ = try run(query)
        // `changes` keeps the count of an earlier statement when this one was no INSERT, UPDATE or DELETE.
        guard unsafe sqlite3_total_changes64(handle) != before else { return 0 }
        return Int(unsafe sqlite3_changes64(handle))
    }

    func define(_ statement: String) throws(StorageError) {
        _ = try run(Query(migrationStatement: sqliteDefinition(statement)))
    }

    func hasTable(_ name: String) throws(StorageError) -> Bool {
        try run("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = \(name)").isEmpty == false
    }

    private func statement(for query: Query) throws(StorageError) -> Statement {
        try statements.statement(query.text) { () throws(StorageError) in
            guard let text = query.text(placeholder: { "?\($0)" }) else {
                throw StorageError(.invalidStatement, message: "the statement has a NUL")
            }
            let statement = try prepare(text)
            guard role == .writer || statement.isReadOnly else {
                throw StorageError(.writeInRead, message: "a statement that writes needs a transaction")
            }
            return statement
        }
    }

    func prepare(_ text: String) throws(StorageError) -> Statement { try unsafe Statement(text, on: handle) }

    private func refused(after failure: StorageError) -> StorageError {
        StorageError(
            .transactionFailed, message: "an earlier statement of the transaction failed: \(failure.message)",
            rawCode: failure.rawCode)
    }

    private func note(_ error: StorageError) -> StorageError {
        failure = error
        if error.spoilsConnection { isSpoilt = true }
        return error
    }
}

// MARK: Transactions

extension Connection {
    enum Control: String {
        case begin = "BEGIN"
        case beginImmediate = "BEGIN IMMEDIATE"
        case commit = "COMMIT"
        case rollBack = "ROLLBACK"
        // One name for all: the innermost savepoint of that name is meant.
        case openSavepoint = "SAVEPOINT body"
        case releaseSavepoint = "RELEASE body"
        case rollBackToSavepoint = "ROLLBACK TO body"
        case dataVersion = "PRAGMA data_version"
        case generation = "SELECT value FROM generation WHERE id = 1"
    }

    /// SQLite ends a transaction itself after some errors, among them a full disk.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    @discardableResult
    func execute(_ command: Control) throws(StorageError) -> Int64? {
        allowsControl.value = true
        defer { allowsControl.value = false }
        do {
            let statement: Statement
            if let prepared = control[command] {
                statement = prepared
            } else {
                statement = try prepare(command.rawValue)
                control[command] = statement
            }
            return try statement.integer()
        } catch {
            if error.spoilsConnection { isSpoilt = true }
            throw error
        }
    }

    /// Runs one body so that either everything it did is kept or nothing.
    func runInSavepoint(_ body: (borrowing Transaction) throws -> Void) throws {
        failure = nil
        defer { failure = nil }
        try Transaction(self).savepoint { sql in
            try body(sql)
            if failure == nil, unfinishedForeignKeys {
                failure = StorageError(
                    sqlite: Constraint.foreignKey,
                    message: "FOREIGN KEY constraint failed at the end of the transaction")
            }
        }
    }

    func openSavepoint() throws(StorageError) {
        if let failure { throw refused(after: failure) }
        try execute(.openSavepoint)
    }

    func releaseSavepoint() throws(StorageError) {
        if let failure {
            try rollBackSavepoint()
            throw failure
        }
        try execute(.releaseSavepoint)
    }

    func rollBackSavepoint() throws(StorageError) {
        guard isInTransaction else {
            // SQLite has rolled everything back already.
            throw failure ?? StorageError(.other, message: "the transaction is gone")
        }
        try execute(.rollBackToSavepoint)
        try execute(.releaseSavepoint)
        failure = nil
    }

    /// Whether a deferred foreign key is violated. Looked at after each body, since at the commit it would hurt
    /// everyone who shares it.
    private var unfinishedForeignKeys: Bool {
        var violated: Int32 = 0
        var unused: Int32 = 0
        let code = unsafe sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &violated, &unused, 0)
        return code != SQLITE_OK || violated != 0
    }

    /// Runs a reading body on one snapshot.
    func snapshot<T>(_ body: (borrowing Transaction) throws -> T) throws -> T {
        try execute(.begin)
        failure = nil
        defer { failure = nil }
        let result: T
        do {
            result = try body(Transaction(self))
            if let failure { throw failure }
        } catch {
            if isInTransaction { try execute(.rollBack) }
            throw error
        }
        try execute(.commit)
        return result
    }

    /// Runs one reading statement, which is a snapshot by itself.
    func rows(_ query: Query) throws(StorageError) -> [Row] {
        failure = nil
        defer { failure = nil }
        return try run(query)
    }
}

// MARK: The file

extension Connection {
    /// The number of the last migration that ran, 0 when none did.
    func version() throws(StorageError) -> Int {
        failure = nil
        defer { failure = nil }
        return try MigrationRunner.version(Transaction(self))
    }

    /// The value of the row in `generation`, read again only when someone else committed.
    ///
    /// The version is asked first: a commit between the two shows as a newer value under an older version, and the next
    /// call reads again.
    func generation() throws(StorageError) -> Int64 {
        guard let version = try execute(.dataVersion) else {
            throw StorageError(.other, message: "no data version")
        }
        if let known, known.dataVersion == version { return known.generation }
        guard let generation = try execute(.generation) else {
            throw StorageError(.missingColumn, message: "the table generation has no row")
        }
        known = (version, generation)
        return generation
    }

    /// What SQLite finds wrong with the file; empty when it is sound. Reads all of it.
    func integrityProblems() throws(StorageError) -> [String] {
        allowsControl.value = true
        defer { allowsControl.value = false }
        let rows = try prepare("PRAGMA integrity_check").run([])
        var problems: [String] = []
        for row in rows { problems.append(try row.text(at: 0)) }
        return problems == ["ok"] ? [] : problems
    }

    /// Whether the path leads to another file by now, or to none.
    var hasMoved: Bool {
        var moved: Int32 = 0
        let code = unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
        return code != SQLITE_OK || moved != 0
    }

    /// Moves pages from the log into the file.
    ///
    /// - Parameter truncatesLog: waits for nobody, but leaves an empty log when nobody else uses it.
    func checkpoint(truncatesLog: Bool = false) throws(StorageError) {
        if truncatesLog { unsafe sqlite3_busy_handler(handle, nil, nil) }
        let mode = truncatesLog ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        logPageCount.value = 0
        try check(unsafe sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil))
    }

    /// How many pages the log had after the last commit, 0 after a checkpoint.
    var logPages: Int { Int(logPageCount.value) }
}
