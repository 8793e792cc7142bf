package import GatehouseCryptography
package import GatehouseStorage
package import WebTokens

/// The key that signs tokens: one that the operator gives, or one that the server makes and keeps sealed in the store.
package struct SigningKeys: Sendable {
    let database: any Database
    let masterKey: SealingKey
    let clock: Clock

    package init(database: any Database, masterKey: SealingKey, clock: Clock) {
        self.database = database
        self.masterKey = masterKey
        self.clock = clock
    }

    /// The key of the store; made when there is none.
    ///
    /// - Returns: the key, and whether it was made just now.
    package func activeKey() async throws -> (key: SigningKey, isNew: Bool) {
        if let key = try await stored() { return (key, false) }
        let jwk = JWK.generate(.ed25519)
        let key = try SigningKey(jwk)
        let sealed = Base64URL.encode(
            try masterKey.seal(Array(jwk.json(includingPrivate: true).utf8), context: Self.context(key.keyID)))
        let now = clock.now()
        // Two servers may start on one store at once: the first key stays, and both take it.
        let isMade = try await database.transaction { sql in
            try !sql(
                """
                INSERT INTO signing_keys (id, algorithm, sealed, created_at)
                SELECT \(key.keyID), \(key.algorithm.rawValue), \(sealed), \(now)
                WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE retired_at IS NULL)
                RETURNING id
                """
            ).isEmpty
        }
        if isMade { return (key, true) }
        guard let first = try await stored() else { throw SigningKeyError.gone }
        return (first, false)
    }

    private func stored() async throws -> SigningKey? {
        let row = try await database.read { sql -> (id: String, sealed: String)? in
            guard
                let row = try sql(
                    "SELECT id, sealed FROM signing_keys WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1"
                ).first
            else { return nil }
            return (try row.text("id"), try row.text("sealed"))
        }
        guard let row else { return nil }
        guard let sealed = Base64URL.decode(row.sealed) else { throw SigningKeyError.unreadable(row.id) }
        let json: [UInt8]
        do { json = try masterKey.open(sealed, context: Self.context(row.id)) } catch {
            throw SigningKeyError.unreadable(row.id)
        }
        return try SigningKey(try JWK(parsing: json))
    }

    private static func context(_ id: String) -> String { "signing-key:\(id)" }
}

package enum SigningKeyError: Error, CustomStringConvertible {
    case unreadable(String)
    case gone

    package var description: String {
        switch self {
        case .unreadable(let id):
            "The signing key \(id) in the store cannot be opened with this master key; give the one that belongs to the store."
        case .gone: "The signing key vanished from the store while the server started."
        }
    }
}
