import GatehouseJSON

/// The claims of a token (RFC 7519 §4.1) with those that Gatehouse adds. Times are Unix seconds.
public struct Claims: Sendable {
    /// `iss`
    public let issuer: String
    /// `aud`, one or several
    public let audience: [String]
    /// `sub`
    public let subject: String?
    /// `iat`
    public let issuedAt: Int64?
    /// `nbf`
    public let notBefore: Int64?
    /// `exp`
    public let expiresAt: Int64
    /// `jti`
    public let tokenID: String?
    /// `sid`: the session that the token belongs to
    public let session: String?
    /// `scope`, split at its spaces (RFC 8693 §4.2)
    public let scope: [String]
    /// The whole claims set as it was signed, UTF-8 JSON.
    public let json: [UInt8]

    init(_ payload: [UInt8]) throws(TokenError) {
        guard let value = try? JSONValue(parsing: payload), value.object != nil else { throw .malformed }
        func text(_ name: String) throws(TokenError) -> String? {
            guard let member = value[name] else { return nil }
            guard let text = member.string else { throw .badClaim(name) }
            return text
        }
        // RFC 7519 §2: a NumericDate may have a fraction; a second is as fine as we look.
        func time(_ name: String) throws(TokenError) -> Int64? {
            guard let member = value[name] else { return nil }
            if let whole = member.int64 { return whole }
            guard let seconds = member.double, abs(seconds) < 1e15 else { throw .badClaim(name) }
            return Int64(seconds.rounded(.down))
        }
        guard let issuer = try text("iss") else { throw .badClaim("iss") }
        guard let expiresAt = try time("exp") else { throw .badClaim("exp") }
        switch value["aud"] {
        case .string(let one)?: audience = [one]
        case .array(let several)?:
            let names = several.compactMap(\.string)
            guard names.count == several.count else { throw .badClaim("aud") }
            audience = names
        case nil: audience = []
        default: throw .badClaim("aud")
        }
        self.issuer = issuer
        self.expiresAt = expiresAt
        subject = try text("sub")
        issuedAt = try time("iat")
        notBefore = try time("nbf")
        tokenID = try text("jti")
        session = try text("sid")
        scope = (try text("scope") ?? "").split(separator: " ").map(String.init)
        json = payload
    }
}

/// Decides about tokens of one kind, from one issuer, for one audience (RFC 8725 §3).
public struct TokenVerifier: Sendable {
    let keys: KeySet
    let type: String
    let issuer: String
    let audience: String
    let leewaySeconds: Int64

    /// - Parameters:
    ///   - type: the `typ` that the header must have, such as `at+jwt`; compared without case, with or without `application/` (RFC 7515 §4.1.9).
    ///   - audience: ours; there is no default, because a token for somebody else must not pass.
    ///   - leewaySeconds: clock skew that is forgiven.
    public init(keys: KeySet, type: String, issuer: String, audience: String, leewaySeconds: Int64) {
        self.keys = keys
        self.type = Self.plain(type)
        self.issuer = issuer
        self.audience = audience
        self.leewaySeconds = leewaySeconds
    }

    /// - Throws: `TokenError`; `.expired` only when everything else is right.
    public func verify(_ token: String, nowSeconds: Int64) throws(TokenError) -> Claims {
        let verified = try JWS.verify(token, with: keys)
        guard let type = verified.header["typ"]?.string, Self.plain(type) == self.type else { throw .wrongType }
        let claims = try Claims(verified.payload)
        guard claims.issuer == issuer else { throw .wrongIssuer }
        guard claims.audience.contains(audience) else { throw .wrongAudience }
        let latest = nowSeconds + leewaySeconds
        guard claims.notBefore ?? latest <= latest, claims.issuedAt ?? latest <= latest else { throw .notYetValid }
        // RFC 7519 §4.1.4: the current time must be before `exp`.
        guard nowSeconds < claims.expiresAt.addingReportingOverflow(leewaySeconds).partialValue else { throw .expired }
        return claims
    }

    private static func plain(_ type: String) -> String {
        let lower = type.lowercased()
        return lower.hasPrefix("application/") ? String(lower.dropFirst(12)) : lower
    }
}
