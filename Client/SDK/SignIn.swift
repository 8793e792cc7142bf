import GatehouseCryptography
import GatehouseJSON
import HTTPTypes

/// An access token and when it ends.
public struct AccessToken: Sendable, CustomStringConvertible, CustomReflectable {
    /// What goes into `Authorization: Bearer …`.
    public let text: String
    /// Unix seconds, by the server's clock.
    public let expiresAt: Int64

    /// Without the token itself.
    public var description: String { "AccessToken(until \(expiresAt))" }
    /// Nothing, so that `dump` shows no token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Gatehouse {
    /// Signs in (`POST /v1/auth`). Clients with a credential do this by themselves.
    ///
    /// - Throws: `GatehouseError`; code `invalid_credentials` for a wrong name or password, `too_many_attempts` with `retryAfter`.
    public func signIn(name: String, password: String) async throws -> AccessToken {
        let response = try await attempt(
            Call(
                method: .post, target: "/v1/auth", body: ["alias": .string(name), "password": .string(password)],
                isRepeatable: false), bearer: nil)
        guard let text = try json(response)["jwt"]?.string else {
            throw GatehouseError.unexpectedAnswer("the answer has no jwt")
        }
        guard let expiresAt = UnverifiedToken.expiry(of: text) else {
            throw GatehouseError.unexpectedAnswer("the token has no expiry")
        }
        return AccessToken(text: text, expiresAt: expiresAt)
    }
}

/// Keeps the token of one credential fresh for any number of tasks.
actor TokenHolder {
    /// A token is renewed this many seconds before it ends, or after nine tenths of its life when that is later.
    private static let margin: Int64 = 30

    private let credential: Credential
    private var current: (token: AccessToken, renewAt: Double)?
    private var renewal: Task<AccessToken, any Error>?

    init(credential: Credential) { self.credential = credential }

    /// A token that is good for a while yet. Callers that come while one is fetched all get that one.
    ///
    /// - Parameter refused: a token that the server did not take, so it is replaced whatever its expiry says.
    func token(for client: Gatehouse, insteadOf refused: String? = nil) async throws -> String {
        if let current, current.token.text != refused, client.serverClock.now(client.effects.now()) < current.renewAt {
            return current.token.text
        }
        let running = renewal ?? renew(with: client)
        return try await running.value.text
    }

    private func renew(with client: Gatehouse) -> Task<AccessToken, any Error> {
        let credential = credential
        // Not a child of the caller's task: when that one is cancelled, the others still want the token.
        let task = Task {
            defer { renewal = nil }
            let token =
                switch credential {
                case .password(let name, let password): try await client.signIn(name: name, password: password)
                }
            let now = client.serverClock.now(client.effects.now())
            let life = Double(token.expiresAt) - now
            current = (token, now + max(life - Double(Self.margin), life * 0.9))
            return token
        }
        renewal = task
        return task
    }
}

/// What a token says of itself. The client cannot verify it and need not: it only wants to know when to renew.
enum UnverifiedToken {
    static func expiry(of token: String) -> Int64? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Base64URL.decode(parts[1]),
            let claims = try? JSONValue(parsing: payload)
        else { return nil }
        return claims["exp"]?.int64
    }
}
