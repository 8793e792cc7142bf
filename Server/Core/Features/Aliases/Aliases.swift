import GatehouseMessages
import GatehousePasswords
import GatehouseOpenCAP
import GatehouseStorage

/// Making and deleting aliases: `POST` and `DELETE /v1/users`.
package struct Aliases: Sendable {
    let database: any Database
    let accounts: Accounts
    let domains: Domains
    let limits: SignInLimits
    /// How many aliases strangers make where everybody may.
    let signUps: NetworkLimit
    let clock: Clock

    /// What a caller shows in order to make an alias.
    enum Credential: Sendable {
        case caller(Account)
        /// The domain's secret, as Bearer or as `create_user_password`.
        case secret(String)
        /// Nothing, where everybody may.
        case nothing
    }

    /// By what right aliases of a domain are made.
    struct Right: Sendable {
        let domain: HostedDomain
        let actor: Actor
    }

    /// - Parameter credential: asked for once the rest is known to be right.
    /// - Throws: `Problem.authenticationRequired`, `.invalidCredentials`, `.wrongDomain`, `.insufficientRole`, `.unknownDomain`,
    ///   `.aliasTaken`, `.weakPassword`, `.tooManySignUps`.
    func create(
        _ alias: Alias, password: String, with credential: () async throws -> Credential, from network: Network
    ) async throws {
        let newPassword = try accounts.checkNewPassword(password, for: [.alias(alias)])
        let actor: Actor
        switch try await credential() {
        case .secret(let secret):
            try await requireSecret(secret, for: alias.domain, from: network)
            actor = .domainSecret(alias.domain)
        case .caller(let caller):
            try await requireRight(of: caller, over: alias.domain)
            actor = caller.actor
        case .nothing:
            try signUps.take(for: network, at: clock.now())
            actor = .anonymous
        }
        try await create(alias, password: newPassword, by: actor)
    }

    /// Whether everybody may make aliases of a domain.
    func isOpen(_ domain: String) async throws -> Bool {
        try await database.read { sql in try HostedDomain.find(domain, in: sql)?.signUp == .open }
    }

    /// The right of somebody at CAP, where no more is told than whether there is one.
    ///
    /// - Parameters:
    ///   - secret: nil without one.
    ///   - domain: nil when the host has none, which takes the same way and the same time as a wrong secret.
    /// - Throws: `Problem.authenticationRequired`, `.invalidCredentials`, `.tooManyAttempts`.
    func right(
        ofHolder secret: String?, in domain: HostedDomain?, host: String, from network: Network
    ) async throws -> Right {
        guard let secret else {
            guard let domain, domain.signUp == .open else { throw Problem.authenticationRequired }
            return Right(domain: domain, actor: .anonymous)
        }
        try await requireSecret(secret, for: domain?.name ?? host, from: network, tellsOthers: false)
        guard let domain else { throw Self.wrongCredential }
        return Right(domain: domain, actor: .domainSecret(domain.name))
    }

    /// - Throws: `Problem.aliasTaken`, `.unknownDomain`; `.tooManySignUps` for strangers.
    func create(_ alias: Alias, password: NewPassword, by right: Right, from network: Network) async throws {
        // Before anything is told, so that nobody tries out which names are taken.
        if case .anonymous = right.actor { try signUps.take(for: network, at: clock.now()) }
        try await create(alias, password: password, by: right.actor)
    }

    /// - Throws: `Problem.aliasTaken`, `.unknownDomain`.
    private func create(_ alias: Alias, password: NewPassword, by actor: Actor) async throws {
        // Cheap question first: a taken alias need not cost a hash. The constraint decides among many at once.
        let isTaken = try await database.read { sql in try Accounts.id(of: .alias(alias), in: sql) != nil }
        if isTaken { throw Problem.aliasTaken }
        do {
            try await accounts.create(email: nil, alias: alias, password: password, by: actor)
        } catch AccountError.nameTaken {
            throw Problem.aliasTaken
        } catch AccountError.domainNotHosted {
            throw Problem.unknownDomain
        }
    }

    /// Deletes an alias with its addresses; the account goes with its last name.
    ///
    /// - Parameter alias: nil for the caller's own.
    /// - Throws: `Problem.aliasRequired`, `.insufficientRole`, `.wrongDomain`, `.unknownAlias`, `.lastAdmin`.
    func delete(_ alias: Alias?, by caller: Account) async throws {
        guard let alias = alias ?? caller.alias else { throw Problem.aliasRequired }
        // A key may have been given less than the right to what is its account's own.
        let isOwn = alias == caller.alias && caller.roles.contains(.alias)
        if !isOwn { try await requireDeletion(of: alias, by: caller) }
        let now = clock.now()
        try await database.transaction { sql in
            guard let id = try Accounts.id(of: .alias(alias), in: sql) else { throw Problem.unknownAlias }
            let kept = try sql(
                """
                UPDATE accounts SET addresses_version = addresses_version + 1
                WHERE id = \(id) AND email IS NOT NULL RETURNING id
                """)
            if kept.isEmpty {
                // An owner has power over its aliases, not over those who have power over it.
                if !isOwn, !caller.roles.contains(.admin),
                    try !Role.all(of: id, hasAlias: true, in: sql).isDisjoint(with: Role.given)
                {
                    throw Problem.insufficientRole
                }
                do { try Accounts.delete(id, by: caller.actor, at: now, in: sql) } catch AccountError.lastAdmin {
                    throw Problem.lastAdmin
                }
            } else {
                try sql("DELETE FROM addresses WHERE username = \(alias.username) AND domain = \(alias.domain)")
                try sql("DELETE FROM coins WHERE account_id = \(id)")
                try sql("UPDATE accounts SET username = NULL, domain = NULL WHERE id = \(id)")
                try AuditLog.record("delete alias: \(alias)", on: .account(id), by: caller.actor, at: now, in: sql)
                try sql.authorizationsChanged()
            }
        }
    }

    private static let wrongCredential = Problem.invalidCredentials.saying(
        "The credential for making this alias is wrong.")

    /// - Parameter tellsOthers: whether the secret of another domain is told from a wrong one.
    /// - Throws: `Problem.invalidCredentials`, `.wrongDomain`, `.tooManyAttempts`.
    func requireSecret(
        _ secret: String, for domain: String, from network: Network, tellsOthers: Bool = true
    ) async throws {
        let now = clock.now()
        let standing = try await database.read { sql in
            try limits.standing(of: "", from: network, account: nil, at: now, in: sql)
        }
        try standing.requireNetwork(at: now)
        switch try await domains.check(secret: secret, for: domain) {
        case .thisDomain where try await secretCounts(in: domain): return
        case .otherDomain where tellsOthers: throw Problem.wrongDomain
        case .thisDomain, .otherDomain, .nothing:
            try await database.transaction { sql in try limits.recordFailure(from: network, at: now, in: sql) }
            throw Self.wrongCredential
        }
    }

    private func secretCounts(in domain: String) async throws -> Bool {
        try await database.read { sql in
            try HostedDomain.find(domain, in: sql).map { $0.signUp != .operator } ?? false
        }
    }

    /// An admin may make aliases of every hosted domain, an owner those of its own.
    private func requireRight(of caller: Account, over domain: String) async throws {
        let isHosted = try await database.read { sql in try Domains.isHosted(domain, in: sql) }
        if caller.roles.contains(.admin) {
            guard isHosted else { throw Problem.unknownDomain }
        } else if caller.roles.contains(.owner) {
            // Which domains are hosted is nobody's business but the admins'.
            guard isHosted else { throw Self.wrongCredential }
            guard try await domains.isOwned(domain, by: caller.id) else { throw Problem.wrongDomain }
        } else {
            throw Problem.insufficientRole
        }
    }

    private func requireDeletion(of alias: Alias, by caller: Account) async throws {
        if caller.roles.contains(.admin) { return }
        guard caller.roles.contains(.owner) else { throw Problem.insufficientRole }
        guard try await domains.isOwned(alias.domain, by: caller.id) else { throw Problem.wrongDomain }
    }
}
