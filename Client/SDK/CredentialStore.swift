import Synchronization

/// Where a client keeps its credential. Bring your own for a key chain or a database.
///
/// A store is for one server and one account. Clients that share one, in whatever processes, share one sign-in.
public protocol CredentialStore: Sendable {
    /// What is kept; nil when nothing is.
    func load() async throws(CredentialStoreError) -> StoredCredential?

    /// Puts `new` in the place of `old`, whole or not at all. Nil means nothing kept; what cannot be read counts as that.
    ///
    /// - Throws: `.changedMeanwhile` when something else than `old` is kept. Comparing `generation` is enough.
    func replace(
        _ old: StoredCredential?, with new: StoredCredential?
    ) async throws(CredentialStoreError)

    /// Runs `body` while no other client of this store runs its own, in this process or another.
    ///
    /// A store that cannot keep others out may just run it: two clients then send the same renewal at the same time, which
    /// does no harm, because both send the key that `replace` kept.
    ///
    /// - Throws: what `body` throws, `.credentialStore(.busy)` when the others take too long, `.cancelled`.
    func exclusively<Value: Sendable>(
        _ body: @Sendable () async throws(GatehouseError) -> Value
    ) async throws(GatehouseError) -> Value
}

/// Why a store did not do what it was asked to.
public enum CredentialStoreError: Error, Sendable, Equatable {
    /// Others could have read it, so it is not trusted; how to mend it.
    case exposed(String)
    /// What is kept is no credential; what is wrong with it. Signing in replaces it.
    case corrupted(String)
    /// Somebody else has been at work on it for too long.
    case busy(String)
    /// Something else is kept than the client knew.
    case changedMeanwhile
    /// Anything else, in a sentence.
    case failed(String)
}

extension CredentialStoreError: CustomStringConvertible {
    /// A sentence for people. Never a secret.
    public var description: String {
        switch self {
        case .exposed(let reason), .busy(let reason), .failed(let reason): reason
        case .corrupted(let reason): "The credential that is kept cannot be read: \(reason). Sign in again."
        case .changedMeanwhile: "The credential was changed by somebody else meanwhile."
        }
    }
}

/// Keeps a credential as long as the process runs.
public final class MemoryCredentialStore: CredentialStore {
    private let kept = Mutex<StoredCredential?>(nil)

    /// An empty store.
    public init() {}

    /// What is kept.
    public func load() throws(CredentialStoreError) -> StoredCredential? { kept.withLock { $0 } }

    /// Puts one in the place of the other.
    public func replace(
        _ old: StoredCredential?, with new: StoredCredential?
    ) throws(CredentialStoreError) {
        let isReplaced = kept.withLock { kept in
            guard kept?.generation == old?.generation else { return false }
            kept = new
            return true
        }
        if !isReplaced { throw .changedMeanwhile }
    }

    /// Just runs it: the tasks of one client wait for each other anyway.
    public func exclusively<Value: Sendable>(
        _ body: @Sendable () async throws(GatehouseError) -> Value
    ) async throws(GatehouseError) -> Value { try await body() }
}
