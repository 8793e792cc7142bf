import GatehouseCryptography
import GatehouseDNS
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords
import GatehousePublicSuffixes
import GatehouseStorage

/// Domains that join by themselves: who controls a domain's DNS is its owner here.
struct DomainProxy: Sendable {
    /// The texts of a name, from DNS.
    typealias LookUp = @Sendable (String) async throws(DNSError) -> [DNSText]

    /// A domain that somebody has, or claims.
    struct Standing: Sendable, Equatable {
        let domain: String
        /// Nil for one that is claimed.
        let state: DomainState?
        /// What DNS has to say; nil for a domain that an operator added.
        let record: String?
        /// Microseconds since 1970: until when a claim is open, and from when somebody else may take a domain over.
        let endsAt: Int64?
    }

    /// A domain that is somebody's now.
    struct Verified: Sendable {
        let domain: String
        let owner: String
        /// Nil when it was theirs already: it is shown once.
        let secret: String?
    }

    /// How long its owner has to put a record back, after it was told.
    static let patience = Int64.days(7)
    /// Checks in a row that have to find it gone, as there is one a day.
    static let patientChecks: Int64 = 7
    /// How many domains below one that somebody registered join by themselves.
    static let mostBelowOne: Int64 = 20

    let database: any Database
    let accounts: Accounts
    let signIn: SignIn
    let masterKey: SealingKey
    let outbox: Outbox
    let claimable: ClaimableDomains
    /// Nil when the operator alone adds domains.
    let lookUp: LookUp?
    /// Open at once.
    let claimsPerNetwork: Int
    let checkLimit: NetworkLimit
    let clock: Clock

    // MARK: Claiming

    /// Opens a claim, or gives the one that is open.
    ///
    /// - Throws: `Problem.notFound` when this is off, `.invalidDomain`, `.domainTaken`, `.claimExists`, `.tooManyClaims`,
    ///   `.weakPassword`, `.tooManyAttempts`.
    func claim(_ domain: DomainName, by claimant: Claimant, from network: Network) async throws -> DomainClaim {
        _ = try requireLookUp()
        try claimable.check(domain)
        let now = clock.now()
        try await database.read { sql in
            // Whether its record is gone decides at the end; operators' domains are theirs for good.
            guard let hosted = try HostedRecord.find(domain.text, in: sql) else {
                return try Self.requireFree(domain, in: sql)
            }
            guard hosted.record != nil else { throw Problem.domainTaken }
            switch claimant {
            case .account(let account):
                guard hosted.owner != account.id else {
                    throw Problem.domainTaken.saying("The domain is yours already.")
                }
            case .newcomer(let alias, _):
                // Or it would stand in the way of whoever has that name now.
                guard try Accounts.id(of: .alias(alias), in: sql) == nil else { throw Problem.aliasTaken }
            }
        }
        switch claimant {
        case .account(let account):
            guard account.alias?.domain != domain.text else {
                throw Problem.domainTaken.saying("Your alias is of this domain and would end with it.")
            }
            return try await open(domain, account: account.id, username: nil, passwordHash: nil, from: network, at: now)
        case .newcomer(let alias, let password):
            let open = try await database.read { sql in
                let claim = try DomainClaim.find(
                    domain.text, account: nil, username: alias.username, at: now, in: sql)
                if claim == nil { try requireRoom(for: network, at: now, in: sql) }
                return claim
            }
            if let open {
                guard try await isRight(password, for: open, of: alias, from: network) else {
                    throw Problem.claimExists
                }
                return open
            }
            let checked = try accounts.checkNewPassword(password, for: [.alias(alias)])
            let hash = try await accounts.passwords.hash(checked.text)
            let claim = try await self.open(
                domain, account: nil, username: alias.username, passwordHash: hash, from: network, at: now)
            // Of several newcomers at once the first has the name; who sent the same twice is that one.
            if claim.passwordHash != hash {
                guard try await isRight(password, for: claim, of: alias, from: network) else {
                    throw Problem.claimExists
                }
            }
            return claim
        }
    }

    private func open(
        _ domain: DomainName, account: String?, username: String?, passwordHash: String?, from network: Network,
        at now: Int64
    ) async throws -> DomainClaim {
        let (id, expiresAt) = (SystemRandom.identifier(), now + DomainClaim.lifetime)
        let record = try DomainRecord.make(for: domain, claim: id, expiresAt: expiresAt.unixSeconds, masterKey)
        do {
            return try await database.transaction { sql in
                if let open = try DomainClaim.find(domain.text, account: account, username: username, at: now, in: sql)
                {
                    return open
                }
                try requireRoom(for: network, at: now, in: sql)
                try sql(
                    """
                    DELETE FROM domain_claims
                    WHERE domain = \(domain.text) AND (account_id = \(account) OR username = \(username))
                    """)
                return try sql(
                    """
                    INSERT INTO domain_claims
                        (id, domain, account_id, username, password_hash, record, network, created_at, expires_at)
                    VALUES (\(id), \(domain.text), \(account), \(username), \(passwordHash), \(record),
                        \(network.description), \(now), \(expiresAt))
                    RETURNING *
                    """
                ).map { row throws in try DomainClaim(row) }[0]
            }
        } catch let error as StorageError where error.isUniqueViolation {
            throw Problem.claimExists
        }
    }

    /// - Throws: `Problem.tooManyClaims`.
    private func requireRoom(for network: Network, at now: Int64, in sql: borrowing Transaction) throws {
        let ends = try sql(
            """
            SELECT expires_at FROM domain_claims WHERE network = \(network.description) AND expires_at > \(now)
            ORDER BY expires_at DESC LIMIT \(claimsPerNetwork)
            """
        ).map { try $0.integer("expires_at") }
        if ends.count == claimsPerNetwork, let first = ends.last {
            throw Problem.tooManyClaims.retryAfter(seconds: (first - now).unixSeconds + 1)
        }
    }

    /// - Throws: `Problem.domainTaken`, `.invalidDomain`.
    private static func requireFree(_ domain: DomainName, in sql: borrowing Transaction) throws {
        guard try sql("SELECT 1 FROM domain_hosts WHERE host = \(domain.text)").isEmpty else {
            throw Problem.domainTaken.saying("\(domain) is a host name of a domain that is hosted here.")
        }
        var parent = domain.text[...]
        while let dot = parent.firstIndex(of: ".") {
            parent = parent[parent.index(after: dot)...]
            guard try !Domains.isHosted(String(parent), in: sql) else {
                throw Problem.invalidDomain.saying("\(domain) is below \(parent), which is hosted here.")
            }
        }
        try requireRoom(besides: domain, in: sql)
    }

    /// Who registers one domain has all names below it, and each is a row, and a look in DNS a day.
    ///
    /// - Throws: `Problem.invalidDomain`.
    private static func requireRoom(besides domain: DomainName, in sql: borrowing Transaction) throws {
        guard let registered = PublicSuffix.registered(domain.text), registered != domain.text else { return }
        // A name has no character that LIKE reads as another.
        let others = try sql(
            """
            SELECT COUNT(*) AS n FROM domains
            WHERE verified_record IS NOT NULL AND name LIKE \("%.\(registered)") AND name <> \(domain.text)
            """)
        guard try others.first?.integer("n") ?? 0 < mostBelowOne else {
            throw Problem.invalidDomain.saying(
                "\(mostBelowOne) domains below \(registered) have joined already; further ones are added by the operator."
            )
        }
    }

    /// Whether this is the password of a newcomer's claim. A wrong one counts like a failed sign-in.
    private func isRight(
        _ password: String, for claim: DomainClaim, of alias: Alias, from network: Network
    ) async throws -> Bool {
        let limits = signIn.limits
        return try await signIn.turns.take(alias.text) {
            let start = clock.now()
            let standing = try await database.read { sql in
                try limits.standing(of: alias.text, from: network, account: nil, at: start, in: sql)
            }
            try standing.requireAttempt(at: start)
            if let usable = try? accounts.policy.usable(password), let hash = claim.passwordHash,
                case .right = try await accounts.passwords.verify(usable, against: hash)
            {
                return true
            }
            let now = clock.now()
            try await database.transaction { sql in
                try limits.recordFailure(of: alias.text, from: network, at: now, in: sql)
            }
            return false
        }
    }

    // MARK: Verifying

    /// Looks in DNS whether the domain says that it is the claimant's, and makes it theirs.
    ///
    /// - Throws: `Problem.unknownClaim`, `.invalidCredentials`, `.tooManyAttempts`, `.tooManyChecks`, `.domainNotVerified`,
    ///   `.domainTaken`; `.notFound` when this is off.
    func verify(_ domain: DomainName, by claimant: Claimant, from network: Network) async throws -> Verified {
        let lookUp = try requireLookUp()
        let claim: DomainClaim
        switch try await find(domain, by: claimant, from: network) {
        case .owner(let name): return Verified(domain: domain.text, owner: name, secret: nil)
        case .claim(let found): claim = found
        }
        try claimable.check(domain)
        let now = clock.now()
        try checkLimit.take(for: network, at: now)
        let finding = await DomainFinding.of(domain.text, lookUp)
        guard finding.has(claim.record) else { throw finding.problem(at: domain) }
        do { return try await take(domain, claim, by: claimant, finding) } catch let problem as Problem
            where problem.code == Problem.unknownClaim.code
        {
            // Of several at once one finds its claim; for the others the domain is theirs already.
            guard case .owner(let name) = try await find(domain, by: claimant, from: network) else { throw problem }
            return Verified(domain: domain.text, owner: name, secret: nil)
        }
    }

    private enum Found {
        case claim(DomainClaim)
        /// The domain is the claimant's already; with the claimant's name.
        case owner(String)
    }

    private func find(_ domain: DomainName, by claimant: Claimant, from network: Network) async throws -> Found {
        let now = clock.now()
        switch claimant {
        case .account(let account):
            return try await database.read { sql in
                if try HostedRecord.find(domain.text, in: sql)?.owner == account.id { return .owner(account.login) }
                let claim = try DomainClaim.find(domain.text, account: account.id, username: nil, at: now, in: sql)
                guard let claim else { throw Problem.unknownClaim }
                return .claim(claim)
            }
        case .newcomer(let alias, let password):
            let claim = try await database.read { sql in
                try DomainClaim.find(domain.text, account: nil, username: alias.username, at: now, in: sql)
            }
            if let claim {
                guard try await isRight(password, for: claim, of: alias, from: network) else {
                    throw Problem.invalidCredentials
                }
                return .claim(claim)
            }
            // Whose claim was good once has an account. For everybody else this is a sign-in that fails, and takes as long.
            let proof = try await signIn.turns.take(alias.text) {
                try await signIn.prove(.alias(alias), counted: alias.text, password: password, from: network)
            }
            return try await database.read { sql in
                guard try HostedRecord.find(domain.text, in: sql)?.owner == proof.account else {
                    throw Problem.unknownClaim
                }
                return .owner(alias.text)
            }
        }
    }

    private func take(
        _ domain: DomainName, _ claim: DomainClaim, by claimant: Claimant, _ finding: DomainFinding
    ) async throws -> Verified {
        let secret = DomainSecret.random()
        let kept = try await secret.kept(by: accounts.passwords)
        let (now, newID) = (clock.now(), SystemRandom.identifier())
        let refusal: Problem?
        do {
            refusal = try await database.transaction { sql -> Problem? in
                // Of several at once one finds its claim.
                guard try !sql("SELECT 1 FROM domain_claims WHERE id = \(claim.id) AND expires_at > \(now)").isEmpty
                else {
                    throw Problem.unknownClaim
                }
                let owner: String
                let actor: Actor
                switch claimant {
                case .account(let account): (owner, actor) = (account.id, account.actor)
                case .newcomer(let alias, _): (owner, actor) = (newID, .account(id: newID, login: alias.text))
                }
                if let hosted = try HostedRecord.find(domain.text, in: sql) {
                    guard let record = hosted.record else { throw Problem.domainTaken }
                    if finding.has(record) {
                        // Told by the way: the record is there, so its time begins anew.
                        try HostedRecord.note(finding, of: domain.text, record, at: now, outbox, in: sql)
                        return .domainTaken.saying("The record of the domain's owner is in DNS, too.")
                    }
                    guard hosted.mayBeTaken(at: now) else {
                        throw Problem.domainTaken.saying(
                            "This domain is hosted here already. It can be taken over when its owner's record has been gone from DNS for 7 days."
                        )
                    }
                    do { try Domains.remove(domain, by: actor, at: now, in: sql) } catch AccountError.lastAdmin {
                        throw Problem.lastAdmin
                    }
                } else {
                    try Self.requireFree(domain, in: sql)
                }
                switch claimant {
                case .account:
                    // It may have been an alias of the domain that ended just now.
                    guard try !sql("SELECT 1 FROM accounts WHERE id = \(owner)").isEmpty else {
                        throw Problem.unknownClaim
                    }
                case .newcomer(let alias, _):
                    try Accounts.insert(
                        owner, email: nil, alias: alias, passwordHash: claim.passwordHash ?? "", roles: [], by: actor,
                        at: now, in: sql)
                }
                try Domains.insert(
                    domain, hosts: [domain], ownerID: owner, secret: kept, record: claim.record, at: now, in: sql)
                try sql("DELETE FROM domain_claims WHERE id = \(claim.id)")
                try AuditLog.record(
                    "create: \(domain); owner: \(actor.name ?? ""); proved by its record in DNS",
                    on: AuditObject("domain", domain.text), by: actor, at: now, in: sql)
                try sql.authorizationsChanged()
                return nil
            }
        } catch let error as StorageError where error.isUniqueViolation {
            throw Problem.domainTaken
        }
        if let refusal { throw refusal }
        let name =
            switch claimant {
            case .account(let account): account.login
            case .newcomer(let alias, _): alias.text
            }
        return Verified(domain: domain.text, owner: name, secret: secret.text)
    }

    // MARK: One's own

    /// What the account has and claims, by name. Whose record is missing is told of it by this.
    ///
    /// - Parameter tells: false for who only asks whether there is an answer.
    func list(of account: Account, tells: Bool) async throws -> [Standing] {
        let now = clock.now()
        return try await database.transaction { sql in
            if tells {
                try sql(
                    """
                    UPDATE domains SET owner_told_at = \(now)
                    WHERE owner_id = \(account.id) AND record_missing_since IS NOT NULL AND owner_told_at IS NULL
                    """)
            }
            let owned = try HostedRecord.all(ownedBy: account.id, in: sql).map { hosted in
                Standing(
                    domain: hosted.domain, state: hosted.state, record: hosted.record, endsAt: hosted.mayBeTakenAt)
            }
            let claimed = try sql(
                "SELECT * FROM domain_claims WHERE account_id = \(account.id) AND expires_at > \(now)"
            ).map { row throws in
                let claim = try DomainClaim(row)
                return Standing(domain: claim.domain, state: nil, record: claim.record, endsAt: claim.expiresAt)
            }
            return (owned + claimed).sorted { $0.domain < $1.domain }
        }
    }

    func tidy(at now: Int64, in sql: borrowing Transaction) throws {
        try sql("DELETE FROM domain_claims WHERE expires_at <= \(now)")
    }

    private func requireLookUp() throws(Problem) -> LookUp {
        guard let lookUp else {
            throw .notFound.saying("This server takes no domains by itself; its operator adds them.")
        }
        return lookUp
    }
}
