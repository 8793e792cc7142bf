import CGatehouseSQLite
package import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What is done to stores as files: copied, and put in the place of one another.
package enum StoreFiles {
    /// Copies a store, as it is at one moment, into a new file that only its owner can read. Others may read and write the
    /// store meanwhile. The copy is on the disk when this returns, and appears whole or not at all.
    ///
    /// Blocks the caller's thread; for the command line.
    ///
    /// - Throws: `StorageError`, of the kind `.cannotOpen` when there is a file of that name already.
    package static func copy(_ source: String, to destination: String) throws(StorageError) {
        // A name that nobody knows before, and no file that is there: neither somebody's link to elsewhere nor one that others
        // can read.
        let unfinished = destination + ".\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).part"
        let descriptor = unsafe open(unfinished, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot make \(unfinished)") }
        close(descriptor)
        do {
            let from = try RawFile(source)
            let to = try RawFile(unfinished)
            try from.copyAll(to: to)
        } catch {
            unsafe unlink(unfinished)
            throw error
        }
        try synchronize(unfinished)
        // `link` replaces nothing, as `rename` would.
        guard unsafe link(unfinished, destination) == 0 else {
            let error = failure("cannot make \(destination)")
            unsafe unlink(unfinished)
            throw error
        }
        unsafe unlink(unfinished)
        try synchronize(folder(of: destination))
    }

    /// Makes sure that nobody else has the store open, and that all of it stands in its one file.
    ///
    /// - Throws: `StorageError`, of the kind `.busy` when somebody has.
    package static func requireAlone(_ path: String) throws(StorageError) {
        try RawFile(path).leaveLog()
    }

    /// Puts one file in the place of another, or of none, durably.
    package static func move(_ path: String, to destination: String) throws(StorageError) {
        guard unsafe rename(path, destination) == 0 else { throw failure("cannot move \(path) to \(destination)") }
        try synchronize(folder(of: destination))
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func synchronize(_ path: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("cannot write \(path) to the disk") }
    }

    private static func failure(_ what: String) -> StorageError {
        let code = errno
        return StorageError(
            code == ENOSPC || code == EDQUOT ? .full : .cannotOpen,
            message: unsafe "\(what): \(String(cString: strerror(code)))")
    }
}

/// A file with SQLite on it and nothing of ours: for copying it whole.
@safe private struct RawFile: ~Copyable {
    private let handle: OpaquePointer

    init(_ path: String) throws(StorageError) {
        var handle: OpaquePointer?
        let code = unsafe sqlite3_open_v2(
            path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            let error = unsafe StorageError(on: handle, code: code)
            unsafe sqlite3_close(handle)
            throw StorageError(error.kind, message: "\(path): \(error.message)", rawCode: error.rawCode)
        }
        unsafe self.handle = handle
        // Somebody may be writing at this moment.
        unsafe sqlite3_busy_timeout(handle, 5000)
    }

    deinit { unsafe sqlite3_close(handle) }

    /// In one step, since a write of another process between two would begin it anew (<https://www.sqlite.org/backup.html>).
    func copyAll(to destination: borrowing RawFile) throws(StorageError) {
        guard let backup = unsafe sqlite3_backup_init(destination.handle, "main", handle, "main") else {
            throw unsafe StorageError(on: destination.handle, code: sqlite3_errcode(destination.handle))
        }
        let code = unsafe sqlite3_backup_step(backup, -1)
        let end = unsafe sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, end == SQLITE_OK else {
            throw unsafe StorageError(on: destination.handle, code: code == SQLITE_DONE ? end : code)
        }
        try destination.leaveLog()
    }

    /// Writes the log into the file and takes it away, which needs to be alone.
    func leaveLog() throws(StorageError) {
        let code = unsafe sqlite3_exec(handle, "PRAGMA journal_mode = DELETE", nil, nil, nil)
        guard code == SQLITE_OK else { throw unsafe StorageError(on: handle, code: code) }
    }
}
