#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Keeps a credential in a file that only its owner may read. Any number of processes may share it: one renews for all.
///
/// Beside `path` there is `path.lock`, which stays. The file is replaced as a whole, so nobody ever reads half of one.
public struct FileCredentialStore: CredentialStore {
    /// Where the credential is.
    public let path: String
    private let patience: Duration

    /// Far more than a credential with two tokens needs.
    private static let maximumSize = 64 * 1024
    /// How often to look whether another process has ended its work.
    private static let pause = Duration.milliseconds(20)

    /// - Parameters:
    ///   - path: need not exist yet; its folder must.
    ///   - patience: how long to wait for another process that renews.
    public init(path: String, patience: Duration = .seconds(30)) {
        self.path = path
        self.patience = patience
    }

    // MARK: Reading

    /// What the file says; nil when there is none, or an empty one.
    public func load() throws(CredentialStoreError) -> StoredCredential? {
        // Without O_NONBLOCK opening a pipe would wait for its writer.
        guard let file = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW) else { return nil }
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw .failed("\(path) is no file.") }
        guard status.st_uid == geteuid() else { throw .exposed("\(path) belongs to somebody else.") }
        guard status.st_mode & 0o077 == 0 else {
            throw .exposed("Others may read \(path). Mend it with: chmod 600 '\(path)'")
        }
        let bytes = try file.read(atMost: Self.maximumSize + 1)
        guard bytes.count <= Self.maximumSize else { throw .corrupted("\(path) is too large") }
        // As mktemp leaves it.
        guard !bytes.isEmpty else { return nil }
        do throws(CredentialStoreError) { return try StoredCredential(bytes: bytes) } catch {
            guard case .corrupted(let reason) = error else { throw error }
            throw .corrupted("\(path): \(reason)")
        }
    }

    // MARK: Writing

    /// Puts one in the place of the other, through a file beside it that is renamed when it is whole and on the disk.
    public func replace(
        _ old: StoredCredential?, with new: StoredCredential?
    ) throws(CredentialStoreError) {
        guard try readable()?.generation == old?.generation else { throw .changedMeanwhile }
        guard let new else {
            try OpenFile.delete(path)
            return try OpenFile.synchronizeFolder(of: path)
        }
        // Only who holds the lock writes, so what is there was left by somebody who died.
        let draft = path + ".new"
        try OpenFile.delete(draft)
        do throws(CredentialStoreError) {
            guard let file = try OpenFile(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW) else { throw noFolder }
            try file.write(new.bytes)
            try file.synchronize()
            try OpenFile.rename(draft, to: path)
            try OpenFile.synchronizeFolder(of: path)
        } catch {
            // The first failure says more than one that comes of it.
            try? OpenFile.delete(draft)
            throw error
        }
    }

    private func readable() throws(CredentialStoreError) -> StoredCredential? {
        do throws(CredentialStoreError) { return try load() } catch {
            guard case .corrupted = error else { throw error }
            return nil
        }
    }

    // MARK: Keeping others out

    /// Runs it under a lock that ends with the process that holds it, however that ends.
    public func exclusively<Value: Sendable>(
        _ body: @Sendable () async throws(GatehouseError) -> Value
    ) async throws(GatehouseError) -> Value {
        let lock = try await lock()
        defer { lock.unlock() }
        return try await body()
    }

    private func lock() async throws(GatehouseError) -> OpenFile {
        do throws(CredentialStoreError) {
            guard let file = try OpenFile(path + ".lock", O_RDWR | O_CREAT | O_NOFOLLOW) else { throw noFolder }
            let end = ContinuousClock.now + patience
            while try !file.lock() {
                guard ContinuousClock.now < end else {
                    throw .busy("Another process has been at work on \(path) for more than \(patience).")
                }
                do { try await Task.sleep(for: Self.pause) } catch { break }
            }
            if !Task.isCancelled { return file }
        } catch { throw .credentialStore(error) }
        throw .cancelled
    }

    private var noFolder: CredentialStoreError { .failed("The folder of \(path) does not exist.") }
}
