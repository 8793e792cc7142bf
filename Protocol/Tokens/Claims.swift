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

    /// - Parameter required: names of claims that must be there and not be empty, beside `iss` and `exp`.
    init(_ payload: [UInt8], required: Set<String>) throws(TokenError) {
        guard let value = try? JSONValue(parsing: payload), let members = value.object else { throw .malformed }
        for name in required where value[name] == nil || value[name] == "" || value[name] == .null {
            throw .badClaim(name)
        }
        var texts = Texts()
        var times = Times()
        var audience: [String] = []
        for member in members {
            switch member.name {
            case "iss": texts.issuer = try Self.text(member)
            case "sub": texts.subject = try Self.text(member)
            case "jti": texts.tokenID = try Self.text(member)
            case "sid": texts.session = try Self.text(member)
            case "scope": texts.scope = try Self.text(member)
            case "aud": audience = try Self.texts(member)
            // Rounded so that a token is never good for longer than it says.
            case "exp": times.expiresAt = try Self.time(member, .down)
            case "nbf": times.notBefore = try Self.time(member, .up)
            case "iat": times.issuedAt = try Self.time(member, .up)
            default: break
            }
        }
        guard let issuer = texts.issuer else { throw .badClaim("iss") }
        guard let expiresAt = times.expiresAt else { throw .badClaim("exp") }
        self.issuer = issuer
        self.audience = audience
        self.expiresAt = expiresAt
        subject = texts.subject
        issuedAt = times.issuedAt
        notBefore = times.notBefore
        tokenID = texts.tokenID
        session = texts.session
        scope = (texts.scope ?? "").split(separator: " ").map(String.init)
        json = payload
    }

    private struct Texts {
        var issuer, subject, tokenID, session, scope: String?
    }

    private struct Times {
        var expiresAt, notBefore, issuedAt: Int64?
    }

    private static func text(_ member: JSONValue.Member) throws(TokenError) -> String {
        guard let text = member.value.string else { throw .badClaim(member.name) }
        return text
    }

    /// RFC 7519 §4.1.3: an array of strings, or one string.
    private static func texts(_ member: JSONValue.Member) throws(TokenError) -> [String] {
        if let one = member.value.string { return [one] }
        let names = (member.value.array ?? []).compactMap(\.string)
        guard let array = member.value.array, names.count == array.count else { throw .badClaim(member.name) }
        return names
    }

    /// RFC 7519 §2: a NumericDate may have a fraction; a second is as fine as we look.
    private static func time(_ member: JSONValue.Member, _ rule: FloatingPointRoundingRule) throws(TokenError) -> Int64
    {
        if let whole = member.value.int64 { return whole }
        // Beyond 30 million years a number is no time.
        guard let seconds = member.value.double, abs(seconds) < 1e15 else { throw .badClaim(member.name) }
        return Int64(seconds.rounded(rule))
    }
}
