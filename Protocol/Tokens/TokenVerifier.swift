import GatehouseCryptography

/// Decides about tokens of one kind, from one issuer, for one audience (RFC 8725 §3).
public struct TokenVerifier: Sendable {
    private let keys: KeySet
    private let type: [UInt8]
    private let issuer: String
    private let audience: String?
    private let leewaySeconds: Int64
    private let requiredClaims: Set<String>
    private let known = KnownTokens()

    /// - Parameters:
    ///   - keys: all of the issuer's (RFC 8725 §3.8).
    ///   - type: the `typ` that the header must have, such as `at+jwt`; compared without case, with or without
    ///     `application/` (RFC 7515 §4.1.9).
    ///   - audience: ours; there is no default, because a token for somebody else must not pass. Nil is for an issuer that is
    ///     asked about its own tokens, whoever they are for.
    ///   - leewaySeconds: clock skew that is forgiven, 0 or more.
    ///   - requiredClaims: must be there and not be empty, beside `iss`, `aud` and `exp`.
    public init(
        keys: KeySet, type: String, issuer: String, audience: String?, leewaySeconds: Int64,
        requiredClaims: Set<String> = ["sub"]
    ) {
        precondition(leewaySeconds >= 0, "a leeway is not negative")
        self.keys = keys
        self.type = Self.mediaType(type)
        self.issuer = issuer
        self.audience = audience
        self.leewaySeconds = leewaySeconds
        self.requiredClaims = requiredClaims
    }

    /// - Parameter leewaySeconds: for this token instead of the verifier's own.
    /// - Throws: `TokenError`; `.expired` only when everything else is right.
    public func verify(
        _ token: String, nowSeconds: Int64, leewaySeconds: Int64? = nil
    ) throws(TokenError) -> Claims {
        let claims = try lastingClaims(token)
        let leewaySeconds = leewaySeconds ?? self.leewaySeconds
        let latest = nowSeconds.addingSaturated(leewaySeconds)
        guard claims.notBefore ?? latest <= latest, claims.issuedAt ?? latest <= latest else { throw .notYetValid }
        // RFC 7519 §4.1.4: the current time must be before `exp`.
        guard nowSeconds < claims.expiresAt.addingSaturated(leewaySeconds) else { throw .expired }
        return claims
    }

    /// The claims of a token that is right in everything but, perhaps, its times: what no clock can change. So a token
    /// that was right once needs no second look.
    private func lastingClaims(_ token: String) throws(TokenError) -> Claims {
        guard token.utf8.count <= JWS.maximumSize else { throw .tooLarge }
        let digest = Digest.sha256(Array(token.utf8))
        if let claims = known.claims(of: digest) { return claims }
        let verified = try JWS.verify(token, with: keys)
        guard let type = verified.type, Self.mediaType(type) == self.type else { throw .wrongType }
        let claims = try Claims(verified.payload, required: requiredClaims)
        guard isSameText(claims.issuer, issuer) else { throw .wrongIssuer }
        if let audience {
            guard claims.audience.contains(where: { isSameText($0, audience) }) else { throw .wrongAudience }
        }
        known.remember(claims, of: digest)
        return claims
    }

    /// In lower case and without `application/`, which may be left out where no other slash follows.
    private static func mediaType(_ type: String) -> [UInt8] {
        let lower = type.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        let prefix = Array("application/".utf8)
        guard lower.starts(with: prefix), !lower.dropFirst(prefix.count).contains(UInt8(ascii: "/")) else {
            return lower
        }
        return Array(lower.dropFirst(prefix.count))
    }
}

extension Int64 {
    fileprivate func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflowed) = addingReportingOverflow(other)
        return overflowed ? (other > 0 ? .max : .min) : sum
    }
}
