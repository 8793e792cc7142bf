package import GatehouseJSON
import GatehouseStorage
import HTTPSignatures

/// What may be told about a key that signs requests. Times are microseconds since 1970.
package struct APIKeyEntry: Sendable, Equatable {
    /// `keyId` and `keyid`
    package let id: String
    /// The account's identifier.
    package let account: String
    package let algorithm: String
    package let scopes: Set<KeyScope>
    /// Whether a GET without a nonce counts once only, like every other request.
    package let isStrict: Bool
    /// Whether a refusal says which part of what was signed is another here.
    package let isDebug: Bool
    /// Whether its secret has fewer than 256 bits.
    package let isWeak: Bool
    package let createdAt: Int64
    package let expiresAt: Int64?
    package let lastUsedAt: Int64?
    /// As long as the secret that was replaced is still good.
    package let previousUntil: Int64?

    static let columns: Query = """
        SELECT id, account_id, algorithm, scopes, is_strict, is_debug, is_weak, created_at, expires_at, last_used_at,
            previous_until
        """

    init(_ row: Row) throws {
        id = try row.text("id")
        account = try row.text("account_id")
        algorithm = try row.text("algorithm")
        scopes = Set(stored: try row.text("scopes"))
        isStrict = try row.integer("is_strict") == 1
        isDebug = try row.integer("is_debug") == 1
        isWeak = try row.integer("is_weak") == 1
        createdAt = try row.integer("created_at")
        expiresAt = try row.optionalInteger("expires_at")
        lastUsedAt = try row.optionalInteger("last_used_at")
        previousUntil = try row.optionalInteger("previous_until")
    }

    /// As `/api/keys` and `gatehouse key --json` show it.
    package var json: JSONValue {
        func time(_ microseconds: Int64?) -> JSONValue { microseconds.map { .string(RFC3339.text($0)) } ?? .null }
        return [
            "id": .string(id), "account": .string(account), "algorithm": .string(algorithm),
            "scopes": .array(scopes.words.map(JSONValue.string)), "replay": .string(isStrict ? "strict" : "default"),
            "debug": .bool(isDebug), "weak": .bool(isWeak), "created": time(createdAt), "expires": time(expiresAt),
            "last_used": time(lastUsedAt), "previous_until": time(previousUntil),
        ]
    }
}

/// What a key is made of: a secret that both ends hold, or the public half of a pair.
package struct APIKeyMaterial: Sendable {
    let algorithm: SignatureAlgorithm
    let octets: [UInt8]
    let isWeak: Bool
    /// The secret when it was made here, to be shown once.
    package let madeSecret: String?
}

/// A key with its account, ready to check signatures.
struct APIKey: Sendable {
    let entry: APIKeyEntry
    let account: Account
    let current: SignatureKey
    /// What it was before it was rotated.
    let previous: SignatureKey?

    /// Those that count now, the newer first; none when the key has expired.
    func secrets(at now: Int64) -> [SignatureKey] {
        guard entry.expiresAt ?? .max > now else { return [] }
        guard let previous, entry.previousUntil ?? 0 > now else { return [current] }
        return [current, previous]
    }

    /// What it may be used for at this moment.
    var scopes: Set<KeyScope> { entry.scopes.held(with: account.roles) }
}
