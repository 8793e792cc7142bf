import GatehouseCryptography
import GatehouseJSON
import HTTPTypes

/// An access token and when it ends.
public struct AccessToken: Sendable {
    /// What goes into `Authorization: Bearer …`.
    public let text: String
    /// Unix seconds, by the server's clock.
    public let expiresAt: Int64
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    /// Without the token itself.
    public var description: String { "AccessToken(until \(expiresAt))" }
    /// Nothing, so that `dump` shows no token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Gatehouse {
    /// Signs in (`POST /v1/auth`). Clients with a credential do this by themselves.
    ///
    /// - Parameter name: an alias or an e-mail address.
    /// - Throws: code `invalid_credentials` for a wrong name or password, `too_many_attempts` with `retryAfter`.
    public func signIn(name: String, password: String) async throws(GatehouseError) -> AccessToken {
        // Sent twice, it makes a session that nobody uses, and that ends by itself.
        let response = try await send(
            Call(method: .post, target: "/v1/auth", body: ["alias": .string(name), "password": .string(password)]))
        guard let text = try response.json()["jwt"]?.string else {
            throw .unexpectedAnswer("it has no jwt")
        }
        guard let expiresAt = UnverifiedToken.expiry(of: text) else {
            throw .unexpectedAnswer("the token has no expiry")
        }
        return AccessToken(text: text, expiresAt: expiresAt)
    }
}

/// What a token says of itself. The client cannot verify it and need not: it only wants to know when to renew.
enum UnverifiedToken {
    /// The claim `exp`; nil when the text is no JWT or has none.
    static func expiry(of token: String) -> Int64? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Base64URL.decode(parts[1]),
            let claims = try? JSONValue(parsing: payload)
        else { return nil }
        return claims["exp"]?.int64
    }
}
