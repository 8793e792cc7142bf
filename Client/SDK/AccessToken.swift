import GatehouseCryptography
import GatehouseJSON

/// An access token and when it is good.
public struct AccessToken: Sendable, Equatable {
    /// What goes into `Authorization: Bearer …`.
    public let text: String
    /// Unix seconds, by the server's clock.
    public let startsAt: Int64
    /// Unix seconds, by the server's clock.
    public let expiresAt: Int64

    /// A token is renewed this many seconds before it ends, or a tenth of its life when that is less.
    private static let margin = 30.0

    /// Unix seconds, by the server's clock.
    var renewAt: Double { Double(expiresAt) - min(Self.margin, (Double(expiresAt) - Double(startsAt)) * 0.1) }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    /// Without the token itself.
    public var description: String { "AccessToken(until \(expiresAt))" }
    /// Nothing, so that `dump` shows no token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a token says of itself. The client cannot verify it and need not: it wants to know when to renew, and which session of
/// a list is its own.
struct UnverifiedToken {
    private let claims: JSONValue

    /// Nil when the text is no JWT.
    init?(_ token: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Base64URL.decode(parts[1]),
            let claims = try? JSONValue(parsing: payload)
        else { return nil }
        self.claims = claims
    }

    /// `exp`, Unix seconds.
    var expiresAt: Int64? { claims["exp"]?.int64 }
    /// `nbf`, else `iat`, Unix seconds.
    var startsAt: Int64? { (claims["nbf"] ?? claims["iat"])?.int64 }
    /// `sid`
    var session: String? { claims["sid"]?.string }
}
