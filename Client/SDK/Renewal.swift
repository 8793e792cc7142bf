import GatehouseCryptography

/// How a token is renewed together with everybody who shares the store.
///
/// One client at a time renews: it takes the store's lock and looks again, because another may have renewed meanwhile. Before
/// a refresh token is presented, the key that goes with it is kept beside it. Whoever finds both, after a lost answer, a crash
/// or a lock that did not hold, sends the same key again, and the server answers with the same successor (A-29 in Docs/API.md).
extension TokenHolder {
    /// How often something else may have been kept meanwhile before that is an error.
    private static let rounds = 5

    func renewed(_ client: Gatehouse, _ refused: String?) async throws(GatehouseError) -> AccessToken {
        // Without the lock, for a process that begins and finds a good token.
        if let kept = try await kept(client), isGood(kept.token, client, refused) { return kept.token }
        return try await changing { (loaded) throws(GatehouseError) in
            var old = loaded
            var refusal: GatehouseError.Refusal?
            if let mine = self.belonging(loaded, to: client) {
                if self.isGood(mine.token, client, refused) { return mine.token }
                switch try await self.renew(mine, client, refused) {
                case .renewed(let token): return token
                case .over(let left, let reason): (old, refusal) = (left, reason)
                }
            }
            guard case .password(let name, let password) = self.credential else {
                // What the server refused is of no more use.
                if refusal != nil { try await self.replace(old, with: nil) }
                throw .signInRequired(refusal)
            }
            let grant = try await client.begin(at: self.door, name: name, password: password)
            return try await self.keep(grant, of: name, at: self.door, insteadOf: old, client)
        }
    }

    func signIn(
        _ client: Gatehouse, name: String, password: String, at door: SignInDoor
    ) async throws(GatehouseError) -> AccessToken {
        let grant = try await client.begin(at: door, name: name, password: password)
        let token = try await changing { (loaded) throws(GatehouseError) in
            try await self.keep(grant, of: name, at: door, insteadOf: loaded, client)
        }
        set(token)
        return token
    }

    func signOut(_ client: Gatehouse) async throws(GatehouseError) {
        set(nil)
        let failure = try await changing { (loaded) throws(GatehouseError) -> GatehouseError? in
            let mine = self.belonging(loaded, to: client)
            if loaded != nil, mine == nil { return nil }
            var failure: GatehouseError?
            if let mine {
                do throws(GatehouseError) { try await client.revoke(mine.refreshToken ?? mine.token.text) } catch {
                    // Not every server has sessions that can be ended.
                    if error.status != 404 && error.status != 405 { failure = error }
                }
            }
            try await self.replace(loaded, with: nil)
            return failure
        }
        if let failure { throw failure }
    }

    /// What is kept for this client; nil also when what is kept belongs to another server or account.
    func kept(_ client: Gatehouse) async throws(GatehouseError) -> StoredCredential? {
        do throws(CredentialStoreError) { return belonging(try await store.load(), to: client) } catch {
            throw .credentialStore(error)
        }
    }

    /// Signs in again where the client is signed in, or would sign in at its next call, with another password.
    ///
    /// - Throws: `.signInRequired` when that is nowhere.
    func signInAgain(
        _ client: Gatehouse, password: String, after change: () async throws(GatehouseError) -> Void
    ) async throws(GatehouseError) {
        let known: (name: String, door: SignInDoor)
        if case .password(let name, _) = credential {
            known = (name, door)
        } else if let kept = try await kept(client) {
            known = (kept.name, kept.door)
        } else {
            throw .signInRequired(nil)
        }
        try await change()
        if credential != nil { credential = .password(name: known.name, password: password) }
        _ = try await signIn(client, name: known.name, password: password, at: known.door)
    }

    // MARK: One renewal

    private enum Outcome {
        case renewed(AccessToken)
        /// The session cannot be renewed; what is kept now, and what the server said, if it was asked.
        case over(StoredCredential, GatehouseError.Refusal?)
    }

    private func renew(
        _ mine: StoredCredential, _ client: Gatehouse, _ refused: String?
    ) async throws(GatehouseError) -> Outcome {
        guard case .ampho(let prefix, _) = mine.door else { return .over(mine, nil) }
        guard let refreshToken = mine.refreshToken else {
            // A server that gave none renews a token that is still good.
            let now = client.serverClock.now(client.clock.now())
            guard mine.token.text != refused, now < Double(mine.token.expiresAt) else { return .over(mine, nil) }
            do throws(GatehouseError) {
                let grant = try await client.renew(prefix: prefix, presented: mine.token.text, idempotencyKey: nil)
                return .renewed(try await keep(grant, of: mine.name, at: mine.door, insteadOf: mine, client))
            } catch {
                guard let refusal = error.refusal, (400..<429).contains(refusal.status) else { throw error }
                return .over(mine, refusal)
            }
        }
        var pending = mine
        let key = mine.idempotencyKey ?? SystemRandom.identifier()
        if mine.idempotencyKey == nil {
            pending.idempotencyKey = key
            pending.generation += 1
            try await replace(mine, with: pending)
        }
        let grant: Grant
        do throws(GatehouseError) {
            grant = try await client.renew(prefix: prefix, presented: refreshToken, idempotencyKey: key)
        } catch {
            // Without a code it may be the word of something between us and the server.
            guard let refusal = error.refusal, refusal.status == 401, refusal.code != nil else { throw error }
            return .over(pending, refusal)
        }
        return .renewed(try await keep(grant, of: mine.name, at: mine.door, insteadOf: pending, client))
    }

    private func keep(
        _ grant: Grant, of name: String, at door: SignInDoor, insteadOf old: StoredCredential?, _ client: Gatehouse
    ) async throws(GatehouseError) -> AccessToken {
        let new = StoredCredential(
            server: client.server, name: name, generation: (old?.generation ?? Int64.random(in: 0..<1 << 32)) + 1,
            door: door, token: grant.token, refreshToken: grant.refreshToken,
            clockOffset: Int64(client.serverClock.offset))
        try await replace(old, with: new)
        return new.token
    }

    // MARK: The store

    /// Runs a change while nobody else changes the store, again when somebody did all the same.
    private func changing<Value: Sendable>(
        _ change: @escaping @Sendable (StoredCredential?) async throws(GatehouseError) -> Value
    ) async throws(GatehouseError) -> Value {
        var round = 0
        while true {
            round += 1
            do throws(GatehouseError) {
                return try await store.exclusively { () throws(GatehouseError) in
                    try await change(try await self.loaded())
                }
            } catch {
                guard error == .credentialStore(.changedMeanwhile), round < Self.rounds else { throw error }
            }
        }
    }

    /// What is kept; nil also when it cannot be read, since it is about to be replaced.
    private func loaded() async throws(GatehouseError) -> StoredCredential? {
        do throws(CredentialStoreError) { return try await store.load() } catch {
            guard case .corrupted = error else { throw .credentialStore(error) }
            return nil
        }
    }

    private func replace(
        _ old: StoredCredential?, with new: StoredCredential?
    ) async throws(GatehouseError) {
        do throws(CredentialStoreError) { try await store.replace(old, with: new) } catch {
            throw .credentialStore(error)
        }
    }

    /// What is kept, when it may be used: it is for this server, and for the account of the client's credential if it has one.
    private func belonging(_ kept: StoredCredential?, to client: Gatehouse) -> StoredCredential? {
        guard let kept, kept.server == client.server else { return nil }
        if case .password(let name, _) = credential, kept.name != name || kept.door != door { return nil }
        client.serverClock.begin(with: Double(kept.clockOffset))
        return kept
    }

    private func isGood(_ token: AccessToken, _ client: Gatehouse, _ refused: String?) -> Bool {
        token.text != refused && client.serverClock.now(client.clock.now()) < token.renewAt
    }
}
