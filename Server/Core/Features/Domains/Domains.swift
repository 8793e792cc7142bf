import GatehouseCryptography
package import GatehouseOpenCAP
package import GatehousePasswords
package import GatehouseStorage

/// Hosted domains: make, list, change, remove, and their secrets.
package struct Domains: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let clock: Clock

    package init(database: any Database, passwords: PasswordHasher, clock: Clock) {
        self.database = database
        self.passwords = passwords
        self.clock = clock
    }

    // MARK: For those who look after them

    /// Makes a domain.
    ///
    /// - Parameter secret: 36 random octets, or one that is brought along.
    /// - Returns: the secret, which is not kept and cannot be shown again.
    /// - Throws: `DomainError`; `AccountError.unknown` for the owner.
    package func add(
        _ name: DomainName, hosts: [DomainName] = [], owner: AccountName? = nil, secret: DomainSecret = .random(),
        settings: DomainSettings = DomainSettings(), by actor: Actor
    ) async throws -> String {
        let kept = try await secret.kept(by: passwords)
        let now = clock.now()
        var allHosts = [name]
        for host in hosts where !allHosts.contains(host) { allHosts.append(host) }
        do {
            try await database.transaction { [allHosts] sql in
                let ownerID = try owner.map { owner in try Self.id(ofOwner: owner, in: sql) }
                try Self.insert(name, hosts: allHosts, ownerID: ownerID, secret: kept, at: now, in: sql)
                var done = ["create: \(allHosts.map(\.text).joined(separator: ", "))"]
                if let owner { done.append("owner: \(owner)") }
                done += try HostedDomain.find(name.text, in: sql)?.change(to: settings, in: sql) ?? []
                try Self.record(done, on: name, by: actor, at: now, in: sql)
                try sql.authorizationsChanged()
            }
        } catch let error as StorageError where error.isUniqueViolation {
            throw try await conflict(of: name, hosts: allHosts, digest: kept.digest)
        }
        return secret.text
    }

    /// Makes the domain, without an event of it.
    ///
    /// - Parameters:
    ///   - hosts: its own name among them.
    ///   - record: in DNS, that shows whose it is; nil when an operator says so.
    static func insert(
        _ name: DomainName, hosts: [DomainName], ownerID: String?, secret: (digest: String?, hash: String?),
        record: String? = nil, at now: Int64, in sql: borrowing Transaction
    ) throws {
        try sql(
            """
            INSERT INTO domains
                (name, owner_id, secret_digest, secret_hash, created_at, verified_record, checked_at)
            VALUES (\(name.text), \(ownerID), \(secret.digest), \(secret.hash), \(now), \(record),
                \(record == nil ? nil : now))
            """)
        for host in hosts {
            try sql("INSERT INTO domain_hosts (host, domain) VALUES (\(host.text), \(name.text))")
        }
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

    /// All of them by name.
    package func list() async throws -> [DomainSummary] {
        try await database.read { sql in
            try sql("\(DomainSummary.rows) ORDER BY d.name").map { row throws in try DomainSummary(row, in: sql) }
        }
    }

    /// How many aliases each domain has that has any. Looks at all of them.
    package func aliasCounts() async throws -> [String: Int64] {
        try await database.read { sql in
            try sql("SELECT domain, COUNT(*) AS n FROM accounts WHERE domain IS NOT NULL GROUP BY domain")
                .reduce(into: [:]) { counts, row in counts[try row.text("domain")] = try row.integer("n") }
        }
    }

    /// A part of them in the order of their making.
    ///
    /// - Parameter owner: the account whose domains are asked for; nil for all.
    func list(ownedBy owner: String?, _ page: PageRequest) async throws -> Page<DomainSummary> {
        try await database.read { sql in
            let owned: Query = if let owner { "d.owner_id = \(owner) AND" } else { "" }
            let rows = try sql(
                """
                \(DomainSummary.rows)
                WHERE \(owned) (d.created_at, d.name) > (\(page.after.time), \(page.after.id))
                ORDER BY d.created_at, d.name LIMIT \(page.limit + 1)
                """)
            return Page(
                try rows.map { row throws in try DomainSummary(row, in: sql) }, page,
                place: { PageRequest.Place(time: $0.createdAt, id: $0.name) })
        }
    }

    /// - Parameter owner: the account that it must belong to; nil for any.
    /// - Throws: `DomainError.unknown`.
    func require(_ name: DomainName, ownedBy owner: String? = nil) async throws -> DomainSummary {
        try await database.read { sql in try Self.require(name, ownedBy: owner, in: sql) }
    }

    private static func require(
        _ name: DomainName, ownedBy owner: String?, in sql: borrowing Transaction
    ) throws -> DomainSummary {
        let summary = try sql("\(DomainSummary.rows) WHERE d.name = \(name.text)").first
            .map { row throws in try DomainSummary(row, in: sql) }
        // Somebody else's is none: which domains are hosted is nobody's business but the admins'.
        guard let summary, owner == nil || summary.ownerID == owner else { throw DomainError.unknown(name.text) }
        return summary
    }

    /// Changes what is given, all or nothing. What is as it was leaves no event.
    ///
    /// - Parameters:
    ///   - owner: `.some(nil)` takes the owner away.
    ///   - ownerID: the account that the domain must belong to; nil for any.
    /// - Throws: `DomainError`; `AccountError.unknown` for the new owner.
    package func change(
        _ name: DomainName, owner: AccountName?? = nil, hosts: HostChange? = nil,
        settings: DomainSettings = DomainSettings(), ownedBy ownerID: String? = nil, by actor: Actor
    ) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            let before = try Self.require(name, ownedBy: ownerID, in: sql)
            var done: [String] = []
            if case .some(let owner) = owner {
                let id = try owner.map { owner in try Self.id(ofOwner: owner, in: sql) }
                if id != before.ownerID {
                    // Nobody has told this one that the record is missing.
                    try sql(
                        """
                        UPDATE domains SET owner_id = \(id), record_missing_since = NULL, record_missing_checks = 0,
                            owner_told_at = NULL
                        WHERE name = \(name.text)
                        """)
                    done.append("owner: \(owner?.description ?? "none")")
                }
            }
            if let hosts { done += try Self.change(before, to: hosts, in: sql) }
            done += try before.hosted.change(to: settings, in: sql)
            guard !done.isEmpty else { return }
            try Self.record(done, on: name, by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
    }

    /// - Returns: what was done, for the audit log.
    private static func change(
        _ domain: DomainSummary, to change: HostChange, in sql: borrowing Transaction
    ) throws -> [String] {
        let before = Set(domain.hosts)
        var after = before
        switch change {
        case .exactly(let hosts): after = Set(hosts.map(\.text)).subtracting([domain.name])
        case .these(let added, let removed):
            for host in removed {
                guard host.text != domain.name else { throw DomainError.ownName(domain.name) }
                guard after.remove(host.text) != nil else { throw DomainError.unknownHost(host.text, of: domain.name) }
            }
            after.formUnion(Set(added.map(\.text)).subtracting([domain.name]))
        }
        guard after != before else { return [] }
        for host in before.subtracting(after) { try sql("DELETE FROM domain_hosts WHERE host = \(host)") }
        for host in after.subtracting(before).sorted() {
            let made = try sql(
                """
                INSERT INTO domain_hosts (host, domain) VALUES (\(host), \(domain.name))
                ON CONFLICT DO NOTHING RETURNING host
                """)
            guard made.isEmpty else { continue }
            let other = try sql("SELECT domain FROM domain_hosts WHERE host = \(host)").first?.text("domain")
            throw DomainError.hostTaken(host, by: other ?? "another domain")
        }
        return ["hosts: \(after.isEmpty ? "none" : after.sorted().joined(separator: ", "))"]
    }

    private static func id(ofOwner owner: AccountName, in sql: borrowing Transaction) throws -> String {
        guard let id = try Accounts.id(of: owner, in: sql) else { throw AccountError.unknown(owner.description) }
        return id
    }

    /// One event for all that one request did to a domain.
    private static func record(
        _ done: [String], on name: DomainName, by actor: Actor, at now: Int64, in sql: borrowing Transaction
    ) throws {
        try AuditLog.record(
            done.joined(separator: "; "), on: AuditObject("domain", name.text), by: actor, at: now, in: sql)
    }

    /// Replaces the secret; the old one is refused from then on.
    ///
    /// - Parameter owner: the account that the domain must belong to; nil for any.
    /// - Throws: `DomainError.unknown`.
    package func rotateSecret(
        of name: DomainName, to secret: DomainSecret = .random(), ownedBy owner: String? = nil, by actor: Actor
    ) async throws -> String {
        let kept = try await secret.kept(by: passwords)
        let now = clock.now()
        try await database.transaction { sql in
            _ = try Self.require(name, ownedBy: owner, in: sql)
            try sql(
                """
                UPDATE domains SET secret_digest = \(kept.digest), secret_hash = \(kept.hash) WHERE name = \(name.text)
                """)
            try Self.record(["rotate secret"], on: name, by: actor, at: now, in: sql)
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
        // The accounts first: nobody else writes to their addresses then.
        let keepers: Query = "domain = \(name.text) AND email IS NOT NULL"
        let kept = try sql.changes("UPDATE accounts SET addresses_version = addresses_version + 1 WHERE \(keepers)")
        try sql(
            "DELETE FROM addresses WHERE (username, domain) IN (SELECT username, domain FROM accounts WHERE \(keepers))"
        )
        try sql("DELETE FROM coins WHERE account_id IN (SELECT id FROM accounts WHERE \(keepers))")
        let deleted = try sql.changes("DELETE FROM accounts WHERE domain = \(name.text) AND email IS NULL")
        try sql("UPDATE accounts SET username = NULL, domain = NULL WHERE domain = \(name.text)")
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
        let (owner, isHosted, hash, kinds) = try await database.read { sql in
            (
                try sql("SELECT name FROM domains WHERE secret_digest = \(digest)").first?.text("name"),
                try Domains.isHosted(domain, in: sql),
                try sql("SELECT secret_hash FROM domains WHERE name = \(domain)").first?.optionalText("secret_hash"),
                try Domains.hashKinds(in: sql)
            )
        }
        if isHosted, owner == domain { return .thisDomain }
        // Also for the secret of another domain: domains that came along may have one secret, and what takes less time would tell.
        if let hash = hash ?? nil {
            let verdict = try await passwords.verify(secret, against: hash, beside: OtherHashes(argon2Kinds: kinds))
            if case .right(let needsRenewal) = verdict {
                try await renew(hash, of: domain, secret, isOutdated: needsRenewal)
                return .thisDomain
            }
        } else if !kinds.isEmpty {
            try await passwords.verifyAgainstNobody(secret, beside: OtherHashes(argon2Kinds: kinds))
        }
        return isHosted && owner != nil ? .otherDomain : .nothing
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
    case unknownHost(String, of: String)
    case ownName(String)
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
        case .unknownHost(let host, let domain): "\(host) is no further host name of the domain \(domain)."
        case .ownName(let name): "\(name) is the domain's own name and stays among its hosts."
        case .weakSecret: "The secret is below 256 bits (43 characters of base64); --allow-weak takes it all the same."
        case .unusableSecret: "The secret must be printable ASCII without spaces, and must not have exactly two dots."
        }
    }
}
