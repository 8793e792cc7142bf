import GatehouseCryptography
import GatehouseJSON
import GatehouseOpenCAP
import GatehouseStorage
import WebTokens

/// Who says that a domain is theirs.
enum Claimant: Sendable {
    case account(Account)
    /// Somebody without an account: what their alias in the domain will be, and its password.
    case newcomer(Alias, password: String)
}

/// That somebody says that a domain is theirs, until they have shown it in DNS.
struct DomainClaim: Sendable {
    /// How long it is open, in microseconds.
    static let lifetime = Int64.days(7)

    let id: String
    let domain: String
    /// Nil for a newcomer.
    let account: String?
    /// A newcomer's.
    let username: String?
    let passwordHash: String?
    /// What DNS has to say.
    let record: String
    /// Microseconds since 1970.
    let createdAt: Int64
    let expiresAt: Int64

    init(_ row: Row) throws {
        id = try row.text("id")
        domain = try row.text("domain")
        account = try row.optionalText("account_id")
        username = try row.optionalText("username")
        passwordHash = try row.optionalText("password_hash")
        record = try row.text("record")
        createdAt = try row.integer("created_at")
        expiresAt = try row.integer("expires_at")
    }

    /// The open one of an account, or of a newcomer.
    static func find(
        _ domain: String, account: String?, username: String?, at now: Int64, in sql: borrowing Transaction
    ) throws -> DomainClaim? {
        try sql(
            """
            SELECT * FROM domain_claims
            WHERE domain = \(domain) AND (account_id = \(account) OR username = \(username)) AND expires_at > \(now)
            """
        ).first.map { row throws in try DomainClaim(row) }
    }
}

/// The text by which a domain's own DNS says whose it is: a TXT record at the domain's name.
enum DomainRecord {
    static let prefix = "opencap-domain-verification="
    static let type = "domain-verification+jwt"

    /// - Parameters:
    ///   - id: the claim's, so that no two are the same.
    ///   - expiresAt: seconds since 1970.
    static func make(for domain: DomainName, claim id: String, expiresAt: Int64, _ masterKey: SealingKey) throws
        -> String
    {
        // A key of its own, so that no other token is one of these, nor these one of another kind.
        let secret = masterKey.derive("gatehouse domain verification", count: 32)
        // All of it short: many an editor of DNS takes 255 characters.
        let key = try SigningKey(
            JWK(["kty": "oct", "kid": "1", "k": .string(Base64URL.encode(secret)), "alg": "HS256"]))
        let claims: JSONValue = [
            "jti": .string(id), "sub": .string(domain.text), "exp": .number(JSONNumber(expiresAt)),
        ]
        return prefix + (try JWS.sign(claims.bytes(), type: type, with: key))
    }
}
