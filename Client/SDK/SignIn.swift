import GatehouseJSON
import HTTPTypes

extension Gatehouse {
    /// Signs in and stays signed in: later calls use this sign-in, from the client's store. Clients with a credential do this
    /// by themselves.
    ///
    /// - Parameter name: an alias or an e-mail address.
    /// - Throws: code `invalid_credentials` for a wrong name or password, `too_many_attempts` with `retryAfter`.
    @discardableResult
    public func signIn(name: String, password: String) async throws(GatehouseError) -> AccessToken {
        try await tokens.signIn(self, name: name, password: password, at: tokens.door)
    }

    /// A token that is good for a while yet, for requests of your own.
    ///
    /// - Throws: `.signInRequired` when nobody is signed in and no password is at hand.
    public func accessToken() async throws(GatehouseError) -> AccessToken { try await tokens.token(for: self) }

    /// Ends the session at the server and forgets it here, whatever the server says. A client with a password at hand signs in
    /// again at its next call.
    ///
    /// - Throws: when the server could not be told; the session then lives on until it idles or somebody ends it.
    public func signOut() async throws(GatehouseError) { try await tokens.signOut(self) }

    /// What is kept of a sign-in, whether or not it is still good; nil when nobody is signed in.
    public func storedCredential() async throws(GatehouseError) -> StoredCredential? { try await tokens.kept(self) }
}

/// What a server gives to whoever signs in or renews.
struct Grant {
    let token: AccessToken
    let refreshToken: String?
}

extension Gatehouse {
    /// Asks for a new session with a password.
    func begin(at door: SignInDoor, name: String, password: String) async throws(GatehouseError) -> Grant {
        // Sent twice, it makes a session that nobody uses, and that ends by itself.
        switch door {
        case .openCAP:
            return try await grant(
                Call(method: .post, target: "/v1/auth", body: ["alias": .string(name), "password": .string(password)]))
        case .idm, .cap:
            return try await grant(
                Call(method: .post, target: "/auth", body: ["username": .string(name), "password": .string(password)]))
        case .ampho(let prefix, let audience):
            var members: [JSONValue.Member] = [
                .init(name: "login", value: .string(name)), .init(name: "password", value: .string(password)),
                .init(name: "refresh_token", value: true),
            ]
            if let audience { members.append(.init(name: "audience", value: .string(audience))) }
            return try await grant(Call(method: .post, target: "\(prefix)/login", body: .object(members)))
        }
    }

    /// Asks for the next token of a session.
    ///
    /// - Parameters:
    ///   - presented: the refresh token; of a session that has none, an access token that is still good.
    ///   - idempotencyKey: the same for the same refresh token until an answer came; then it may be sent any number of times.
    func renew(prefix: String, presented: String, idempotencyKey: String?) async throws(GatehouseError) -> Grant {
        try await grant(
            Call(
                method: .post, target: "\(prefix)/renew", authorization: .secret(presented),
                idempotencyKey: idempotencyKey))
    }

    private func grant(_ call: Call) async throws(GatehouseError) -> Grant {
        let response = try await send(call)
        let answer = try response.json()
        guard let text = (answer["token"] ?? answer["jwt"] ?? answer["access_token"])?.string else {
            throw .unexpectedAnswer("it has no token")
        }
        let token = UnverifiedToken(text)
        let now = clock.now()
        if let starts = answer["starts"]?.int64, response.header("Date") == nil {
            serverClock.learn(Double(starts), now: now)
        }
        guard let expiresAt = answer["expires"]?.int64 ?? token?.expiresAt,
            StoredCredential.seconds.contains(expiresAt)
        else { throw .unexpectedAnswer("the token has no expiry") }
        let startsAt = answer["starts"]?.int64 ?? token?.startsAt ?? Int64(serverClock.now(now))
        guard startsAt <= expiresAt, StoredCredential.seconds.contains(startsAt) else {
            throw .unexpectedAnswer("the token ends before it begins")
        }
        return Grant(
            token: AccessToken(text: text, startsAt: startsAt, expiresAt: expiresAt),
            refreshToken: answer["refresh_token"]?.string)
    }
}
