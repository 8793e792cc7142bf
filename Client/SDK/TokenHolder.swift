import GatehouseCryptography
import Synchronization

/// Keeps the token of one client fresh for any number of tasks.
///
/// The first task that finds no good token renews it, inside its own task; whoever comes meanwhile waits for that one. When the
/// one that renews is cancelled, one of those who wait takes over. Clients that share a store also look there first.
final class TokenHolder: Sendable {
    private struct State {
        var credential: Credential?
        var current: AccessToken?
        var isRenewing = false
        var waiting: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
        var lastNumber: UInt64 = 0
    }

    /// What those who wait are told.
    private enum Outcome {
        case renewed(AccessToken)
        case failed(GatehouseError)
        /// Nobody is renewing any more.
        case abandoned
        /// The one who waits was cancelled.
        case cancelled
    }

    let door: SignInDoor
    let store: any CredentialStore
    private let state: Mutex<State>

    init(credential: Credential?, door: SignInDoor, store: any CredentialStore) {
        state = Mutex(State(credential: credential))
        self.door = door
        self.store = store
    }

    /// What to sign in with when nothing else helps.
    var credential: Credential? {
        get { state.withLock { $0.credential } }
        set { state.withLock { $0.credential = newValue } }
    }

    /// Whether the client can have a token: it has a password, or somebody has signed in.
    func isAtHand(_ client: Gatehouse) async throws(GatehouseError) -> Bool {
        if credential != nil { return true }
        return try await kept(client) != nil
    }

    /// How many tasks wait for another one's renewal.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// A token that is good for a while yet.
    ///
    /// - Parameter refused: a token that the server did not take, so it is replaced whatever its expiry says.
    func token(for client: Gatehouse, insteadOf refused: String? = nil) async throws(GatehouseError) -> AccessToken {
        while true {
            let now = client.serverClock.now(client.clock.now())
            let (good, isOurs) = state.withLock { state -> (AccessToken?, Bool) in
                if let current = state.current, current.text != refused, now < current.renewAt {
                    return (current, false)
                }
                guard !state.isRenewing else { return (nil, false) }
                state.isRenewing = true
                return (nil, true)
            }
            if let good { return good }
            if isOurs { return try await lead { () throws(GatehouseError) in try await renewed(client, refused) } }
            switch await outcome() {
            // What others wait for may be the very token that was refused here, found in the store.
            case .renewed(let token): if token.text != refused { return token }
            case .failed(let error): throw error
            case .cancelled: throw .cancelled
            case .abandoned: continue
            }
        }
    }

    /// From now on the client has this token, or none.
    func set(_ token: AccessToken?) { state.withLock { $0.current = token } }

    /// Renews for all who wait.
    private func lead(
        _ renew: () async throws(GatehouseError) -> AccessToken
    ) async throws(GatehouseError) -> AccessToken {
        do throws(GatehouseError) {
            let token = try await renew()
            end(.renewed(token)) { $0.current = token }
            return token
        } catch {
            // A wrong password is wrong for everybody; that this task gave up concerns nobody else.
            end(error == .cancelled && Task.isCancelled ? .abandoned : .failed(error))
            throw error
        }
    }

    private func end(_ outcome: Outcome, _ change: (inout sending State) -> Void = { _ in }) {
        let waiting = state.withLock { state in
            change(&state)
            state.isRenewing = false
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume(returning: outcome) }
    }

    // MARK: Waiting

    private func outcome() async -> Outcome {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early = state.withLock { state -> Outcome? in
                    // The renewal may have ended since we looked; then look again.
                    guard state.isRenewing else { return .abandoned }
                    // Set before the handler below runs, so no cancellation is missed.
                    guard !Task.isCancelled else { return .cancelled }
                    state.waiting[number] = continuation
                    return nil
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(returning: .cancelled)
        }
    }
}
