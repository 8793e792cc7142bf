import Synchronization

/// Keeps the token of one credential fresh for any number of tasks.
///
/// The first task that finds no good token signs in, inside its own task; whoever comes meanwhile waits for that one. When the
/// one that signs in is cancelled, one of those who wait takes over.
final class TokenHolder: Sendable {
    private struct State {
        var current: (token: AccessToken, renewAt: Double)?
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

    /// A token is renewed this many seconds before it ends, or after nine tenths of its life when that is later.
    private static let margin = 30.0

    private let credential: Credential
    private let state = Mutex(State())

    init(credential: Credential) { self.credential = credential }

    /// How many tasks wait for another one's sign-in.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// A token that is good for a while yet.
    ///
    /// - Parameter refused: a token that the server did not take, so it is replaced whatever its expiry says.
    func token(for client: Gatehouse, insteadOf refused: String? = nil) async throws(GatehouseError) -> String {
        while true {
            let now = client.serverClock.now(client.clock.now())
            let (good, isOurs) = state.withLock { state -> (String?, Bool) in
                if let current = state.current, current.token.text != refused, now < current.renewAt {
                    return (current.token.text, false)
                }
                guard !state.isRenewing else { return (nil, false) }
                state.isRenewing = true
                return (nil, true)
            }
            if let good { return good }
            if isOurs { return try await renew(client).text }
            switch await outcome() {
            case .renewed(let token): return token.text
            case .failed(let error): throw error
            case .cancelled: throw .cancelled
            case .abandoned: continue
            }
        }
    }

    // MARK: Renewing

    private func renew(_ client: Gatehouse) async throws(GatehouseError) -> AccessToken {
        do throws(GatehouseError) {
            let token =
                switch credential {
                case .password(let name, let password): try await client.signIn(name: name, password: password)
                }
            let now = client.serverClock.now(client.clock.now())
            let life = Double(token.expiresAt) - now
            end(.renewed(token)) { $0.current = (token, now + max(life - Self.margin, life * 0.9)) }
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
