import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The file of a store: its path, its mode, and which opening of it is the valid one.
final class StoreFile: Sendable {
    /// Absolute, so that a later change of the working directory does not matter, and so that SQLite does not take it
    /// for a URI or for one of its special names.
    let path: String
    let options: SQLiteOptions
    private let state: Guarded<State>

    private struct State {
        var epoch = 0
        var schemaVersion: Int?
    }

    init(path: String, options: SQLiteOptions) throws(StorageError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StorageError(.cannotOpen, message: "the path of the store is empty or has a NUL")
        }
        self.path = try path.hasPrefix("/") ? path : Self.workingDirectory() + "/" + path
        self.options = options
        self.state = Guarded(State())
    }

    private static func workingDirectory() throws(StorageError) -> String {
        guard let buffer = unsafe getcwd(nil, 0) else {
            throw StorageError(.cannotOpen, message: "the working directory is gone: \(systemReason())")
        }
        defer { unsafe free(buffer) }
        return unsafe String(cString: buffer)
    }

    /// Makes the file when it is not there, readable by its owner only. SQLite gives its log the same mode.
    func create() throws(StorageError) {
        // One at a time: closing a file drops all locks that this process has on it, so nobody may open the new file
        // with SQLite between our `open` and `close` (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).
        try Self.creation.withLock { _ throws(StorageError) in
            let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if descriptor >= 0 {
                close(descriptor)
            } else if errno != EEXIST {
                throw StorageError(.cannotOpen, message: "cannot make \(path): \(Self.systemReason())")
            }
        }
    }

    /// The value means nothing, but has a size: ThreadSanitizer takes a variable without one for its neighbour.
    private static let creation = Guarded(0)

    private static func systemReason() -> String { unsafe String(cString: strerror(errno)) }

    /// Opens a connection of the current epoch.
    ///
    /// After the file was replaced, its schema must be the one that the program was started with: an older store would
    /// otherwise fail in ways that nobody can explain.
    func connect(as role: Connection.Role) throws(StorageError) -> Connection {
        let state = state.withLock { $0 }
        let connection = try Connection(to: path, as: role, epoch: state.epoch, options: options)
        if state.epoch > 0, let expected = state.schemaVersion {
            let found = try connection.version()
            guard found == expected else {
                throw StorageError(
                    .replaced,
                    message: "\(path) was replaced by a store of schema version \(found), not \(expected): restart")
            }
        }
        return connection
    }

    /// Counts the replacements of the file. Connections of an earlier epoch lead to a file that is no longer there.
    var epoch: Int { state.withLock { $0.epoch } }

    /// - Parameter epoch: the epoch of the connection that noticed; it counts once.
    func noteReplacement(of epoch: Int) {
        state.withLock { state in
            if state.epoch == epoch { state.epoch += 1 }
        }
    }

    func noteSchemaVersion(_ version: Int) {
        state.withLock { $0.schemaVersion = version }
    }
}
