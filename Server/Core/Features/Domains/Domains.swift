import GatehouseCryptography
package import GatehouseOpenCAP
package import GatehousePasswords
package import GatehouseStorage

/// A hosted domain as an operator sees it; no secret.
package struct DomainSummary: Sendable, Equatable {
    package let name: String
    /// Further host names under which the server is reached for this domain.
    package let hosts: [String]
    package let owner: String?
    package let aliases: Int64
}

/// Hosted domains and their secrets.
package struct Domains: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let clock: Clock

    package init(database: any Database, passwords: PasswordHasher, clock: Clock) {
        self.database = database
        self.passwords = passwords
        self.clock = clock
    }

    // MARK: For the operator

    /// Makes a domain.
    ///
    /// - Parameter secret: one that is brought along; nil makes 36 random octets.
    /// - Returns: the secret, which is not kept and cannot be shown again.
    /// - Throws: `DomainError`.
    package func add(
        _ name: DomainName, hosts: [DomainName] = [], owner: AccountName? = nil, secret: DomainSecret = .random(),
        by actor: Actor
    ) async throws -> String {
        let kept = try await secret.kept(by: passwords)
        let now = clock.now()
        var allHosts = [name]
        for host in hosts where !allHosts.contains(host) { allHosts.append(host) }
        do {
            try await database.transaction { [allHosts] sql in
                let ownerID = try owner.map { owner in
                    guard let id = try Accounts.id(of: owner, in: sql) else {
                        throw AccountError.unknown(owner.description)
                    }
                    return id
                }
                try sql(
                    """
                    INSERT INTO domains (name, owner_id, secret_digest, secret_hash, created_at)
                    VALUES (\(name.text), \(ownerID), \(kept.digest), \(kept.hash), \(now))
                    """)
                for host in allHosts {
                    try sql("INSERT INTO domain_hosts (host, domain) VALUES (\(host.text), \(name.text))")
                }
                let ownerText = owner.map { "; owner: \($0)" } ?? ""
                try AuditLog.record(
                    "create: \(allHosts.map(\.text).joined(separator: ", "))\(ownerText)",
                    on: AuditObject("domain", name.text), by: actor, at: now, in: sql)
                try sql.authorizationsChanged()
            }
        } catch let error as StorageError where error.isUniqueViolation {
            throw try await conflict(of: name, hosts: allHosts, digest: kept.digest)
        }
        return secret.text
    }

    /// What stands in the way of a domain that could not be made.
    private func conflict(of name: DomainName, hosts: [DomainName], digest: String?) async throws -> DomainError {
        try await database.read { sql in
            if try Domains.isHosted(name.text, in: sql) { return .taken(name.text) }
            for host in hosts {
                let row = try sql("SELECT domain FROM domain_hosts WHERE host = \(host.text)").first
                if let row { return .hostTaken(host.text, by: try row.text("domain")) }
            }
            let row = try digest.flatMap { digest in
                try sql("SELECT name FROM domains WHERE secret_digest = \(digest)").first
            }
            if let row { return .secretTaken(by: try row.text("name")) }
            // Whoever was in the way is gone again.
            return .changedMeanwhile(name.text)
        }
    }

    package func list() async throws -> [DomainSummary] {
        try await database.read { sql in
            var hosts: [String: [String]] = [:]
            for row in try sql("SELECT host, domain FROM domain_hosts WHERE host <> domain ORDER BY host") {
                hosts[try row.text("domain"), default: []].append(try row.text("host"))
            }
            return try sql(
                """
                SELECT d.name AS name, a.email AS email, a.username AS username, a.domain AS account_domain,
                    (SELECT COUNT(*) FROM accounts m WHERE m.domain = d.name) AS aliases
                FROM domains d LEFT JOIN accounts a ON a.id = d.owner_id ORDER BY d.name
                """
            )
            .map { row in
                let name = try row.text("name")
                let alias = try row.optionalText("username").map { "\($0)$\(try row.text("account_domain"))" }
                return DomainSummary(
                    name: name, hosts: hosts[name, default: []], owner: try row.optionalText("email") ?? alias,
                    aliases: try row.integer("aliases"))
            }
        }
    }

    /// Replaces the secret; the old one is refused from then on.
    package func rotateSecret(
        of name: DomainName, to secret: DomainSecret = .random(), by actor: Actor
    ) async throws -> String {
        let kept = try await secret.kept(by: passwords)
        let now = clock.now()
        try await database.transaction { sql in
            let changed = try sql(
                """
                UPDATE domains SET secret_digest = \(kept.digest), secret_hash = \(kept.hash) WHERE name = \(name.text)
                RETURNING name
                """)
            guard !changed.isEmpty else { throw DomainError.unknown(name.text) }
            try AuditLog.record(
                "rotate secret", on: AuditObject("domain", name.text), by: actor, at: now, in: sql)
        }
        return secret.text
    }

    /// Removes the domain with its aliases and their addresses. An account that also has an e-mail address keeps that.
    ///
    /// - Throws: `DomainError.unknown`; `AccountError.lastAdmin`.
    package func remove(_ name: DomainName, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in try Self.remove(name, by: actor, at: now, in: sql) }
    }

    static func remove(_ name: DomainName, by actor: Actor, at now: Int64, in sql: borrowing Transaction) throws {
        try Accounts.requireAnotherAdmin(thanAliasesOf: name.text, in: sql)
        guard try !sql("DELETE FROM domains WHERE name = \(name.text) RETURNING name").isEmpty else {
            throw DomainError.unknown(name.text)
        }
        let keepers: Query = "SELECT id FROM accounts WHERE domain = \(name.text) AND email IS NOT NULL"
        try sql("DELETE FROM addresses WHERE account_id IN (\(keepers))")
        try sql("DELETE FROM coins WHERE account_id IN (\(keepers))")
        let deleted = try sql.changes("DELETE FROM accounts WHERE domain = \(name.text) AND email IS NULL")
        let kept = try sql.changes(
            """
            UPDATE accounts SET username = NULL, domain = NULL, addresses_version = addresses_version + 1
            WHERE domain = \(name.text)
            """)
        try AuditLog.record(
            "delete; aliases: \(deleted + kept); accounts: \(deleted)", on: AuditObject("domain", name.text),
            by: actor, at: now, in: sql)
        try sql.authorizationsChanged()
    }

    // MARK: For callers

    /// What a presented secret opens.
    enum SecretVerdict: Equatable { case thisDomain, otherDomain, nothing }

    /// Whether `secret` is the one of `domain`. An unhosted domain and a wrong secret take the same time.
    func check(secret: String, for domain: String) async throws -> SecretVerdict {
        let digest = DomainSecret.digest(of: secret)
        // Stored digests of random secrets are looked up by index: their bytes tell nothing about the secret.
        let (owner, hash, kinds) = try await database.read { sql in
            (
                try sql("SELECT name FROM domains WHERE secret_digest = \(digest)").first?.text("name"),
                try sql("SELECT secret_hash FROM domains WHERE name = \(domain)").first?.optionalText("secret_hash"),
                try Domains.hashKinds(in: sql)
            )
        }
        let isHosted = try await database.read { sql in try Domains.isHosted(domain, in: sql) }
        if let owner, isHosted { return owner == domain ? .thisDomain : .otherDomain }
        if let hash = hash ?? nil {
            let verdict = try await passwords.verify(secret, against: hash, beside: OtherHashes(argon2Kinds: kinds))
            if case .right(let needsRenewal) = verdict {
                try await renew(hash, of: domain, secret, isOutdated: needsRenewal)
                return .thisDomain
            }
        } else if !kinds.isEmpty {
            try await passwords.verifyAgainstNobody(secret, beside: OtherHashes(argon2Kinds: kinds))
        }
        return .nothing
    }

    /// What the hashes of secrets cost; empty when all secrets are random ones.
    static func hashKinds(in sql: borrowing Transaction) throws -> [String] {
        Set(
            try sql("SELECT secret_hash FROM domains WHERE secret_hash IS NOT NULL")
                .compactMap { row throws in try? OtherHashes.kind(of: try row.text("secret_hash")) }
        ).sorted()
    }

    /// A random secret that came along as a hash is kept as SHA-256 once it has been seen, a weak one as a hash of today.
    private func renew(_ hash: String, of domain: String, _ secret: String, isOutdated: Bool) async throws {
        guard let known = try? DomainSecret(broughtAlong: secret, allowWeak: true), known.isRandom || isOutdated else {
            return
        }
        let kept = try await known.kept(by: passwords)
        do {
            try await database.transaction { sql in
                try sql(
                    """
                    UPDATE domains SET secret_digest = \(kept.digest), secret_hash = \(kept.hash)
                    WHERE name = \(domain) AND secret_hash = \(hash)
                    """)
            }
        } catch let error as StorageError where error.isUniqueViolation {
            // Another domain has the same secret, as nobody could see from the hashes. It stays as it came.
        }
    }

    func isOwned(_ domain: String, by accountID: String) async throws -> Bool {
        try await database.read { sql in
            try !sql("SELECT 1 FROM domains WHERE name = \(domain) AND owner_id = \(accountID)").isEmpty
        }
    }

    static func isHosted(_ domain: String, in sql: borrowing Transaction) throws -> Bool {
        try !sql("SELECT 1 FROM domains WHERE name = \(domain)").isEmpty
    }
}

/// The secret with which aliases of a domain are made.
package struct DomainSecret: Sendable {
    package let text: String
    /// Known to be random, so a plain digest protects it; a chosen one needs a slow hash.
    let isRandom: Bool

    /// 36 random octets in base64: 48 characters.
    package static func random() -> DomainSecret {
        DomainSecret(text: Base64.encode(SystemRandom.bytes(36)), isRandom: true)
    }

    /// One that the operator brings along.
    ///
    /// - Throws: `DomainError.weakSecret` below 256 bits (43 base64 characters stand for them) unless that is allowed.
    package init(broughtAlong text: String, allowWeak: Bool) throws(DomainError) {
        // With two dots it would be taken for a token.
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), text.filter({ $0 == "." }).count != 2
        else { throw .unusableSecret }
        let isStrong = text.utf8.count >= 43 && Set(text.utf8).count >= 16
        guard isStrong || allowWeak else { throw .weakSecret }
        self.init(text: text, isRandom: isStrong)
    }

    private init(text: String, isRandom: Bool) {
        self.text = text
        self.isRandom = isRandom
    }

    /// What the store keeps: SHA-256 of a random secret, argon2id of a weak one.
    func kept(by passwords: PasswordHasher) async throws -> (digest: String?, hash: String?) {
        isRandom ? (Self.digest(of: text), nil) : (nil, try await passwords.hash(text))
    }

    static func digest(of text: String) -> String { Base64URL.encode(Digest.sha256(Array(text.utf8))) }
}

/// Why a domain could not be made or changed.
package enum DomainError: Error, Equatable, CustomStringConvertible {
    case taken(String)
    case hostTaken(String, by: String)
    case secretTaken(by: String)
    case changedMeanwhile(String)
    case unknown(String)
    case weakSecret
    case unusableSecret

    package var description: String {
        switch self {
        case .taken(let name):
            "The domain \(name) is hosted here already; for a new secret use `gatehouse domain rotate-secret \(name)`."
        case .hostTaken(let host, let domain): "\(host) is already a host name of the domain \(domain)."
        case .secretTaken(let domain): "The secret is already that of the domain \(domain); each needs one of its own."
        case .changedMeanwhile(let name): "The domains changed while \(name) was added; try again."
        case .unknown(let name): "The domain \(name) is not hosted here."
        case .weakSecret: "The secret is below 256 bits (43 characters of base64); --allow-weak takes it all the same."
        case .unusableSecret: "The secret must be printable ASCII without spaces, and must not have exactly two dots."
        }
    }
}
