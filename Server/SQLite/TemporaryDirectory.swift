import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A directory for one store of a test, in memory where the system offers that.
struct TemporaryDirectory: Sendable {
    let path: String

    init() throws(StorageError) {
        let parent = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
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
