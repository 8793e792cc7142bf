package import GatehouseCryptography
package import GatehouseMessages
package import GatehouseStorage
package import HTTPSignatures
import WebTokens

/// The keys with which programs sign their requests: make, list, change, rotate, revoke, and find.
package struct APIKeys: Sendable {
    let database: any Database
    let masterKey: SealingKey
    let clock: Clock
    let known = KnownAPIKeys()

    package init(database: any Database, masterKey: SealingKey, clock: Clock) {
        self.database = database
        self.masterKey = masterKey
        self.clock = clock
    }

    /// An account has so many at most.
    static let maximumCount = 100
    /// How long a secret that was replaced is good unless somebody says otherwise, in seconds.
    package static let overlap: Int64 = 86_400
    /// In seconds.
    package static let longestOverlap: Int64 = 2_592_000

    // MARK: Looking

    /// All keys, by account, oldest first.
    package func list() async throws -> [APIKeyEntry] {
        try await database.rows("\(APIKeyEntry.columns) FROM api_keys ORDER BY account_id, created_at, id").map(
            APIKeyEntry.init)
    }

    /// The keys of an account in the order of their making.
    func list(of account: String, _ page: PageRequest) async throws -> Page<APIKeyEntry> {
        try await database.read { sql in
            if try sql("SELECT 1 FROM accounts WHERE id = \(account)").isEmpty { throw Problem.unknownAccount }
            let rows = try sql(
                """
                \(APIKeyEntry.columns) FROM api_keys
                WHERE account_id = \(account) AND (created_at, id) > (\(page.after.time), \(page.after.id))
                ORDER BY created_at, id LIMIT \(page.limit + 1)
                """)
            return Page(
                try rows.map { row throws in try APIKeyEntry(row) }, page,
                place: { PageRequest.Place(time: $0.createdAt, id: $0.id) })
        }
    }

    /// - Throws: `Problem.unknownKey`.
    package func require(_ id: String) async throws -> APIKeyEntry {
        try await database.read { sql in try Self.require(id, in: sql) }
    }

    private static func require(_ id: String, in sql: borrowing Transaction) throws -> APIKeyEntry {
        guard let row = try sql("\(APIKeyEntry.columns) FROM api_keys WHERE id = \(id)").first else {
            throw Problem.unknownKey
        }
        return try APIKeyEntry(row)
    }

    // MARK: Changing

    /// What a new key is to be.
    package struct Plan: Sendable {
        /// Nil for one that is made up.
        package var id: String?
        package var scopes: Set<KeyScope> = []
        package var isStrict = false
        package var isDebug = false
        /// Microseconds since 1970.
        package var expiresAt: Int64?

        package init() {}
    }

    /// - Parameter account: its identifier.
    /// - Throws: `Problem.invalidKey` for an id that cannot be one, `.keyExists`, `.tooManyKeys`, `.invalidScope`,
    ///   `.invalidMember` for an end that has passed, `.unknownAccount`.
    package func add(
        _ plan: Plan, _ material: APIKeyMaterial, of account: String, by actor: Actor
    ) async throws -> APIKeyEntry {
        let id = plan.id ?? Self.newID()
        guard Self.isUsable(id) else {
            throw Problem.invalidKey.saying(
                "A key's id is 1 to 128 visible ASCII characters, none of them a quotation mark or a backslash, and not dots alone."
            )
        }
        let sealed = try seal(material, id)
        let now = clock.now()
        try Self.requireFuture(plan.expiresAt, now)
        try await database.transaction { sql in
            try Self.requireRoles(plan.scopes, of: account, in: sql)
            let count = try sql("SELECT COUNT(*) AS n FROM api_keys WHERE account_id = \(account)").first
            guard try count?.integer("n") ?? 0 < Self.maximumCount else { throw Problem.tooManyKeys }
            let made = try sql(
                """
                INSERT INTO api_keys (
                    id, account_id, algorithm, sealed, scopes, is_strict, is_debug, is_weak, created_at, expires_at)
                VALUES (\(id), \(account), \(material.algorithm.rawValue), \(sealed), \(plan.scopes.text),
                    \(plan.isStrict), \(plan.isDebug), \(material.isWeak), \(now), \(plan.expiresAt))
                ON CONFLICT DO NOTHING RETURNING id
                """)
            guard !made.isEmpty else { throw Problem.keyExists }
            try AuditLog.record(
                "create; account: \(account); algorithm: \(material.algorithm.rawValue); scopes: \(plan.scopes.named)",
                on: .key(id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
        return try await require(id)
    }

    /// What of a key is to change; nil for what stays.
    struct Change: Sendable {
        var scopes: Set<KeyScope>?
        var isStrict: Bool?
        var isDebug: Bool?
        /// `.some(nil)` for no end.
        var expiresAt: Int64??
    }

    /// All or nothing.
    ///
    /// - Throws: `Problem.unknownKey`, `.invalidScope`, `.invalidMember`.
    func change(_ id: String, _ change: Change, by actor: Actor) async throws {
        let now = clock.now()
        if case .some(let expiresAt) = change.expiresAt { try Self.requireFuture(expiresAt, now) }
        try await database.transaction { sql in
            let entry = try Self.require(id, in: sql)
            if let scopes = change.scopes { try Self.requireRoles(scopes, of: entry.account, in: sql) }
            let expiresAt = if let expiresAt = change.expiresAt { expiresAt } else { entry.expiresAt }
            let done = entry.differences(after: change)
            guard !done.isEmpty else { return }
            try sql(
                """
                UPDATE api_keys SET scopes = \((change.scopes ?? entry.scopes).text),
                    is_strict = \(change.isStrict ?? entry.isStrict), is_debug = \(change.isDebug ?? entry.isDebug),
                    expires_at = \(expiresAt)
                WHERE id = \(id)
                """)
            try AuditLog.record(done.joined(separator: "; "), on: .key(id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
    }

    /// Replaces what the key is made of. What it was before stays good for a while, so that nobody is locked out.
    ///
    /// - Parameter overlap: in seconds; 0 when others may know it.
    /// - Throws: `Problem.unknownKey`.
    package func rotate(
        _ id: String, to material: APIKeyMaterial, overlap: Int64, by actor: Actor
    ) async throws -> APIKeyEntry {
        let sealed = try seal(material, id)
        let now = clock.now()
        let until = now + .seconds(overlap)
        try await database.transaction { sql in
            let entry = try Self.require(id, in: sql)
            guard entry.algorithm == material.algorithm.rawValue else {
                throw Problem.invalidKey.saying("The key \(id) is for \(entry.algorithm), and stays so.")
            }
            let before: Query = overlap > 0 ? "sealed" : "NULL"
            let previousUntil: Int64? = overlap > 0 ? until : nil
            try sql(
                """
                UPDATE api_keys SET previous_sealed = \(before), previous_until = \(previousUntil), sealed = \(sealed),
                    is_weak = \(material.isWeak)
                WHERE id = \(id)
                """)
            try AuditLog.record("rotate; overlap: \(overlap) s", on: .key(id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
        return try await require(id)
    }

    /// Ends a key: what it signs is refused from the next request on.
    ///
    /// - Throws: `Problem.unknownKey`.
    package func revoke(_ id: String, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            guard try !sql("DELETE FROM api_keys WHERE id = \(id) RETURNING id").isEmpty else {
                throw Problem.unknownKey
            }
            try AuditLog.record("revoke", on: .key(id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
    }

    /// Ends all keys of an account, because whoever made them may have known its password.
    static func revokeAll(of account: String, in sql: borrowing Transaction) throws {
        try sql("DELETE FROM api_keys WHERE account_id = \(account)")
    }

    /// Only admins give `introspect`, so one who is none any more does not keep it. What an admin gave to somebody else's
    /// key stays.
    ///
    /// - Parameter account: whose roles are as they were before.
    static func endIntrospection(byFormerAdmin account: String, in sql: borrowing Transaction) throws {
        let wasAdmin = try !sql(
            "SELECT 1 FROM account_roles WHERE account_id = \(account) AND role = \(Role.admin.rawValue)"
        ).isEmpty
        guard wasAdmin else { return }
        for row in try sql("SELECT id, scopes FROM api_keys WHERE account_id = \(account)") {
            let scopes = Set(stored: try row.text("scopes")).subtracting([.introspect])
            try sql("UPDATE api_keys SET scopes = \(scopes.text) WHERE id = \(try row.text("id"))")
        }
    }

    // MARK: Finding

    /// The key of this name; nil when there is none, or its account is disabled.
    ///
    /// - Parameter generation: of the store, asked just now.
    func find(_ id: String, at generation: Int64) async throws -> APIKey? {
        guard Self.isUsable(id) else { return nil }
        if let key = known.key(id, generation: generation) { return key }
        let found = try await database.read { sql -> (Row, Account)? in
            guard
                let row = try sql(
                    """
                    \(APIKeyEntry.columns), sealed, previous_sealed FROM api_keys WHERE id = \(id)
                    """
                ).first, let account = try Account.load(try row.text("account_id"), in: sql)
            else { return nil }
            return (row, account)
        }
        let key = try found.map { row, account in try open(row, account) }
        known.remember(key, id, generation: generation)
        return key
    }

    /// Writes down which keys have been used.
    func recordUses() async throws {
        try await known.uses.write(to: database) { id, time in
            """
            UPDATE api_keys SET last_used_at = \(time)
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at < \(time))
            """
        }
    }

    /// Forgets what keys were before they were rotated, once it counts no more.
    func tidy(at now: Int64, in sql: borrowing Transaction) throws {
        try sql(
            "UPDATE api_keys SET previous_sealed = NULL, previous_until = NULL WHERE previous_until <= \(now)")
    }

    // MARK: Sealing

    private func seal(_ material: APIKeyMaterial, _ id: String) throws -> String {
        Base64URL.encode(try masterKey.seal(material.octets, context: Self.sealingContext(id, material.algorithm)))
    }

    /// With the algorithm, or a public key could be made a secret in the store.
    private static func sealingContext(_ id: String, _ algorithm: SignatureAlgorithm) -> String {
        "api-key:\(algorithm.rawValue):\(id)"
    }

    private func open(_ row: Row, _ account: Account) throws -> APIKey {
        let entry = try APIKeyEntry(row)
        guard let algorithm = SignatureAlgorithm(rawValue: entry.algorithm) else {
            throw StorageError(.wrongType, message: "the key \(entry.id) is for an algorithm that is not known")
        }
        func key(_ sealed: String) throws -> SignatureKey {
            let octets = try masterKey.open(
                Base64URL.decode(sealed) ?? [], context: Self.sealingContext(entry.id, algorithm))
            return algorithm.isShared
                ? try SignatureKey(id: entry.id, secret: octets, algorithm: algorithm, allowsWeak: true)
                // Whoever names the key makes us read it after each change to any account, so that must not take long.
                : try SignatureKey(id: entry.id, pem: octets, isKnown: true, algorithm: algorithm)
        }
        return APIKey(
            entry: entry, account: account, current: try key(try row.text("sealed")),
            previous: try row.optionalText("previous_sealed").map(key))
    }

    // MARK: Rules

    static func isUsable(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count) && id != "." && id != ".."
            && id.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }

    /// One that nobody takes for an option of the command line.
    private static func newID() -> String {
        while true {
            let id = SystemRandom.identifier()
            if !id.hasPrefix("-") { return id }
        }
    }

    private static func requireFuture(_ expiresAt: Int64?, _ now: Int64) throws(Problem) {
        guard expiresAt ?? .max > now else { throw .invalidMember.saying("The key would have expired already.") }
    }

    /// A key is given no more than its account has now; what the account loses later, the key loses too.
    private static func requireRoles(
        _ scopes: Set<KeyScope>, of account: String, in sql: borrowing Transaction
    ) throws {
        guard let row = try sql("SELECT username FROM accounts WHERE id = \(account)").first else {
            throw Problem.unknownAccount
        }
        let roles = try Role.all(of: account, hasAlias: try row.optionalText("username") != nil, in: sql)
        let others = scopes.subtracting(scopes.held(with: roles))
        guard others.isEmpty else {
            throw Problem.invalidScope.saying("The account does not have the role of: \(others.text).")
        }
    }
}

// MARK: - What the audit log says

extension APIKeyEntry {
    /// One text for each thing that becomes another.
    fileprivate func differences(after change: APIKeys.Change) -> [String] {
        var done: [String] = []
        if let scopes = change.scopes, scopes != self.scopes { done.append("scopes: \(scopes.named)") }
        if let isStrict = change.isStrict, isStrict != self.isStrict {
            done.append("replay: \(isStrict ? "strict" : "default")")
        }
        if let isDebug = change.isDebug, isDebug != self.isDebug { done.append("debug: \(isDebug)") }
        if case .some(let expiresAt) = change.expiresAt, expiresAt != self.expiresAt {
            done.append("expires: \(expiresAt.map(RFC3339.text) ?? "never")")
        }
        return done
    }
}

extension Set<KeyScope> {
    fileprivate var named: String { isEmpty ? "none" : words.joined(separator: ", ") }
}

// MARK: - Material

extension APIKeyMaterial {
    /// A new secret of 256 random bits, as 43 characters of base64url, whose octets are the key.
    package static func random(_ algorithm: SignatureAlgorithm = .hmacSHA256) -> APIKeyMaterial {
        let secret = Base64URL.encode(SystemRandom.bytes(32))
        return APIKeyMaterial(algorithm: algorithm, octets: Array(secret.utf8), isWeak: false, madeSecret: secret)
    }

    /// A secret that somebody brings along.
    ///
    /// - Throws: `Problem.invalidKey` with the reason.
    package init(
        secret: [UInt8], algorithm: SignatureAlgorithm = .hmacSHA256, allowsWeak: Bool
    ) throws(Problem) {
        guard algorithm.isShared else { throw .invalidKey.saying("\(algorithm.rawValue) needs a public key.") }
        guard (1...1024).contains(secret.count) else {
            throw .invalidKey.saying("A secret has 1 to 1024 octets.")
        }
        // Above all no public key, with which everybody could sign.
        guard !secret.starts(with: "-----BEGIN ".utf8) else {
            throw .invalidKey.saying("This is a key in PEM, not a secret; a public one belongs to another algorithm.")
        }
        isWeak = WeakSecrets.isWeak(SecretBytes(secret))
        guard !isWeak || allowsWeak else {
            throw .invalidKey.saying("The secret has fewer than 256 bits, is not random, or is published.")
        }
        self.algorithm = algorithm
        octets = secret
        madeSecret = nil
    }

    /// The public half of a pair.
    ///
    /// - Parameter publicKey: `PUBLIC KEY` (RFC 7468) or an older form; a private one is refused, since nobody but its
    ///   owner is to have it.
    /// - Throws: `Problem.invalidKey` with the reason.
    package init(publicKey pem: [UInt8], algorithm: SignatureAlgorithm) throws(Problem) {
        guard !algorithm.isShared else { throw .invalidKey.saying("\(algorithm.rawValue) needs a secret.") }
        guard pem.count <= 16_384 else { throw .invalidKey.saying("The public key is too long.") }
        guard String(decoding: pem, as: UTF8.self).firstRange(of: "PRIVATE KEY") == nil else {
            throw .invalidKey.saying("This is a private key; only its public half belongs here.")
        }
        do { _ = try SignatureKey(id: "-", pem: pem, algorithm: algorithm) } catch {
            throw .invalidKey.saying(error.description)
        }
        self.algorithm = algorithm
        octets = pem
        isWeak = false
        madeSecret = nil
    }
}
