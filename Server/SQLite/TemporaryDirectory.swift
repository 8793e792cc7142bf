import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A directory for one store that nobody expects back.
struct TemporaryDirectory: Sendable {
    let path: String

    /// In memory where the system offers that.
    init() throws(StorageError) { try self.init(in: unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") }

    init(in parent: String) throws(StorageError) {
        var template = Array("\(parent)/gatehouse-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else {
            throw StorageError(.cannotOpen, message: "cannot make a directory in \(parent)")
        }
        path = unsafe String(cString: made)
    }

    /// Removes the store's files and the directory. What is not there any more is no error.
    func remove() {
        // The head of an audit log is none of the engine's, but lies beside the store.
        for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "store.sqlite.audit-head"] {
            unsafe unlink("\(path)/\(name)")
        }
        unsafe rmdir(path)
    }
}
