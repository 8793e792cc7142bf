import CGatehouseSQLite
package import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A SQLite file of another program. It is read and never written, nor is anything made beside it unless it has a log there.
package final class ForeignFile: Sendable {
    /// The one connection; whoever reads has it alone.
    private let connection: Guarded<Open>
    private let path: String
    private let look: Look

    /// - Throws: `StorageError`: `.notADatabase` for a file of another kind, `.cannotOpen`, and `.readOnly` when its own program has to
    ///   finish a change first.
    package init(path given: String) throws(StorageError) {
        // Where links lead: that is where its own program has its log.
        guard let resolved = unsafe realpath(given, nil) else {
            throw StorageError(.cannotOpen, message: unsafe "\(given): \(String(cString: strerror(errno)))")
        }
        defer { unsafe free(resolved) }
        let path = unsafe String(cString: resolved)
        self.path = path
        let hasLog = ["-wal", "-journal"].contains { Look(path + $0).map { $0.size > 0 } ?? false }
        guard let look = Look(path) else {
            throw StorageError(.cannotOpen, message: unsafe "\(path): \(String(cString: strerror(errno)))")
        }
        self.look = look
        connection = Guarded(try Open(path, isImmutable: !hasLog))
        // The file is not looked at before the first statement.
        _ = try rows("SELECT COUNT(*) FROM sqlite_schema")
    }

    /// Runs one reading statement.
    package func rows(_ query: Query) throws(StorageError) -> [Row] {
        try connection.withLock { open throws(StorageError) in try open.rows(query) }
    }

    /// Whether somebody wrote to the file since it was opened. SQLite does not look at a file without a log again.
    package var hasChanged: Bool { Look(path) != look }

    /// When a file was written last, and its size.
    private struct Look: Equatable {
        let size: Int64
        let seconds: Int
        let nanoseconds: Int

        init?(_ path: String) {
            var information = stat()
            guard unsafe stat(path, &information) == 0 else { return nil }
            size = Int64(information.st_size)
            #if canImport(Glibc)
            (seconds, nanoseconds) = (information.st_mtim.tv_sec, information.st_mtim.tv_nsec)
            #else
            (seconds, nanoseconds) = (information.st_mtimespec.tv_sec, information.st_mtimespec.tv_nsec)
            #endif
        }
    }
}

/// Owns the connection; statements go before it.
@safe private final class Open {
    private let handle: OpaquePointer
    private var statements = StatementCache(capacity: 64)

    init(_ path: String, isImmutable: Bool) throws(StorageError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = unsafe sqlite3_open_v2(
            Self.address(of: path) + (isImmutable ? "?immutable=1" : "?mode=ro"), &handle, flags, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            let error = unsafe StorageError(on: handle, code: code)
            unsafe sqlite3_close(handle)
            throw error
        }
        unsafe self.handle = handle
        for (option, value) in [
            (SQLITE_DBCONFIG_DQS_DML, Int32(0)), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_DEFENSIVE, 1),
            // The log is another program's, too.
            (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1),
        ] {
            guard unsafe gatehouse_sqlite3_db_config(handle, option, value) == SQLITE_OK else {
                throw StorageError(.cannotOpen, message: "\(path) cannot be read safely")
            }
        }
        unsafe sqlite3_busy_timeout(handle, 5000)
        for pragma in ["query_only = ON", "cell_size_check = ON", "cache_size = -16384"] {
            _ = try unsafe Statement("PRAGMA " + pragma, on: handle).run([])
        }
    }

    deinit {
        statements.removeAll()
        unsafe sqlite3_close(handle)
    }

    func rows(_ query: Query) throws(StorageError) -> [Row] {
        let statement = try statements.statement(query.text) { () throws(StorageError) in
            guard let text = query.text(placeholder: { "?\($0)" }) else {
                throw StorageError(.invalidStatement, message: "the statement has a NUL")
            }
            return try unsafe Statement(text, on: handle)
        }
        return try statement.run(query.values)
    }

    /// As a URI, in which nothing of the name means anything (<https://www.sqlite.org/uri.html>).
    private static func address(of path: String) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/".utf8)
        let digits = Array("0123456789ABCDEF")
        return "file:"
            + path.utf8.map { octet in
                plain.contains(octet)
                    ? String(Character(Unicode.Scalar(octet)))
                    : "%" + String(digits[Int(octet >> 4)]) + String(digits[Int(octet & 15)])
            }.joined()
    }
}
