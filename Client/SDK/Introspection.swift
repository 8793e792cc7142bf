import GatehouseJSON
import HTTPTypes

/// What the server says about a token (RFC 7662 §2.2).
public struct TokenStatus: Sendable, Equatable {
    /// Whether it is good at this moment. Of a token that is not, the server says nothing else.
    public let isActive: Bool
    /// The account's identifier.
    public let subject: String?
    /// The account's name.
    public let username: String?
    /// The account's roles.
    public let scopes: [String]
    /// Unix seconds, by the server's clock.
    public let expiresAt: Int64?
}

extension Gatehouse {
    /// Asks whether a token is good (`POST /api/introspect`, RFC 7662). Needs an admin, or a key with the scope `introspect`.
    ///
    /// - Throws: code `insufficient_role`.
    public func introspect(_ token: String) async throws(GatehouseError) -> TokenStatus {
        let answer = try await send(
            Call(method: .post, target: "/api/introspect", form: [("token", token)], authorization: .token)
        ).json()
        guard let isActive = answer["active"]?.bool else { throw .unexpectedAnswer("it has no active") }
        return TokenStatus(
            isActive: isActive, subject: answer["sub"]?.string, username: answer["username"]?.string,
            scopes: (answer["scope"]?.string ?? "").split(separator: " ").map { String($0) },
            expiresAt: answer["exp"]?.int64)
    }
}
