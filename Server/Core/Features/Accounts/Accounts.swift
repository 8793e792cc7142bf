package import GatehouseJSON
import GatehouseCryptography
package import GatehouseMessages
package import GatehouseOpenCAP
package import GatehousePasswords
package import GatehouseStorage

/// One account as an operator sees it; no secrets.
package struct AccountSummary: Sendable, Equatable {
    package let id: String
    package let email: String?
    package let alias: String?
    package let roles: [Role]
    package let isDisabled: Bool
    /// Microseconds since 1970.
    package let createdAt: Int64

    /// The name that it signs in by; the e-mail address when it has both.
    package var name: String { email ?? alias ?? id }
    /// All that it signs in by.
    var names: [AccountName] { Account.names(email: email, alias: alias) }

    /// As the command line and the wire show it.
    package var json: JSONValue {
        [
            "id": .string(id), "email": email.map(JSONValue.string) ?? .null,
            "alias": alias.map(JSONValue.string) ?? .null, "roles": .array(roles.map { .string($0.rawValue) }),
            "disabled": .bool(isDisabled), "created": .string(RFC3339.text(createdAt)),
        ]
    }
}

extension AccountSummary {
    /// - Parameter row: id, email, username, domain, disabled_at and created_at of an account.
    fileprivate init(_ row: Row, in sql: borrowing Transaction) throws {
        id = try row.text("id")
        email = try row.optionalText("email")
        alias = try row.optionalText("username").map { username in "\(username)$\(try row.text("domain"))" }
        let roles = try Role.all(of: id, hasAlias: alias != nil, in: sql)
        self.roles = Role.allCases.filter(roles.contains)
        isDisabled = try row.optionalInteger("disabled_at") != nil
        createdAt = try row.integer("created_at")
    }
}

/// Accounts: make, list, change, disable, delete. Every change that takes something away ends the account's sessions.
package struct Accounts: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let policy: PasswordPolicy
    let clock: Clock

    package init(database: any Database, passwords: PasswordHasher, policy: PasswordPolicy, clock: Clock) {
        self.database = database
        self.passwords = passwords
        self.policy = policy
        self.clock = clock
    }

    /// Checks a password that somebody wants to have.
    ///
    /// - Throws: `Problem.weakPassword`, `Problem.invalidPassword`.
    package func checkNewPassword(_ text: String, for names: [AccountName]) throws(Problem) -> NewPassword {
        do {
            return try policy.check(text, contextWords: names.flatMap(\.contextWords))
        } catch {
            throw error.problem
        }
    }

    /// Makes an account.
    ///
    /// - Throws: `AccountError.nameTaken`, `.domainNotHosted`, `.adminExists` when `onlyAsFirstAdmin` and there is one.
    @discardableResult
    package func create(
        email: EmailAddress?, alias: Alias?, password: NewPassword, roles: Set<Role> = [],
        onlyAsFirstAdmin: Bool = false, by actor: Actor
    ) async throws -> String {
        let hash = try await passwords.hash(password.text)
        let id = SystemRandom.identifier()
        let now = clock.now()
        do {
            try await database.transaction { sql in
                if onlyAsFirstAdmin {
                    guard try sql("SELECT 1 FROM account_roles WHERE role = \(Role.admin.rawValue) LIMIT 1").isEmpty
                    else {
                        throw AccountError.adminExists
                    }
                }
                if let alias {
                    guard try Domains.isHosted(alias.domain, in: sql) else {
                        throw AccountError.domainNotHosted(alias.domain)
                    }
                }
                try Self.insert(
                    id, email: email, alias: alias, passwordHash: hash, roles: roles, by: actor, at: now, in: sql)
            }
        } catch let error as StorageError where error.isUniqueViolation {
            // Which of the two it was decides only what the message says.
            let isEmail = try await database.read { sql in
                try email.map { email in try Self.id(of: .email(email), in: sql) != nil } ?? false
            }
            let taken = isEmail ? email?.text : alias?.text
            throw AccountError.nameTaken(taken ?? id)
        }
        return id
    }

    /// All accounts in the order of their making.
    package func list() async throws -> [AccountSummary] {
        try await database.read { sql in
            try sql(
                "SELECT id, email, username, domain, disabled_at, created_at FROM accounts ORDER BY created_at, id"
            )
            .map { row throws in try AccountSummary(row, in: sql) }
        }
    }

    /// A part of them.
    ///
    /// - Parameter name: only the account that signs in by it.
    func list(name: AccountName?, _ page: PageRequest) async throws -> Page<AccountSummary> {
        try await database.read { sql in
            var only: String?
            if let name {
                guard let id = try Self.id(of: name, in: sql) else {
                    return Page([], page, place: { PageRequest.Place(time: $0.createdAt, id: $0.id) })
                }
                only = id
            }
            let rows = try sql(
                """
                SELECT id, email, username, domain, disabled_at, created_at FROM accounts
                WHERE id = COALESCE(\(only), id) AND (created_at, id) > (\(page.after.time), \(page.after.id))
                ORDER BY created_at, id LIMIT \(page.limit + 1)
                """)
            return Page(
                try rows.map { row throws in try AccountSummary(row, in: sql) }, page,
                place: { PageRequest.Place(time: $0.createdAt, id: $0.id) })
        }
    }

    /// The account that signs in by the name; nil when there is none.
    func find(_ name: AccountName) async throws -> AccountSummary? {
        try await database.read { sql in
            try Self.id(of: name, in: sql).flatMap { id in try Self.summary(of: id, in: sql) }
        }
    }

    /// - Throws: `Problem.unknownAccount`.
    func require(_ id: String) async throws -> AccountSummary {
        let found = try await database.read { sql in try Self.summary(of: id, in: sql) }
        guard let found else { throw Problem.unknownAccount }
        return found
    }

    private static func summary(of id: String, in sql: borrowing Transaction) throws -> AccountSummary? {
        try sql("SELECT id, email, username, domain, disabled_at, created_at FROM accounts WHERE id = \(id)").first
            .map { row throws in try AccountSummary(row, in: sql) }
    }

    /// Changes what is given, all or nothing.
    ///
    /// - Throws: `AccountError.unknown`, `.lastAdmin`.
    func change(
        _ id: String, roles: Set<Role>?, isDisabled: Bool?, password: NewPassword?, by actor: Actor
    ) async throws {
        var hash: String?
        if let password { hash = try await passwords.hash(password.text) }
        let (newHash, now) = (hash, clock.now())
        try await database.transaction { sql in
            guard try !sql("SELECT 1 FROM accounts WHERE id = \(id)").isEmpty else { throw AccountError.unknown(id) }
            var done: [String?] = []
            if let roles { done.append(try Self.setRoles(roles, of: id, at: now, in: sql)) }
            if let isDisabled { done.append(try Self.setDisabled(isDisabled, id, at: now, in: sql)) }
            if let newHash { done.append(try Self.setPasswordHash(newHash, of: id, at: now, in: sql)) }
            try Self.record(done, on: id, by: actor, at: now, in: sql)
        }
    }

    func delete(id: String, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            guard try !sql("SELECT 1 FROM accounts WHERE id = \(id)").isEmpty else { throw AccountError.unknown(id) }
            try Self.delete(id, by: actor, at: now, in: sql)
        }
    }

    /// - Throws: `AccountError.unknown`.
    package func id(of name: AccountName) async throws -> String {
        try await database.read { sql in try Self.requireID(of: name, in: sql) }
    }

    /// Gives exactly these of the roles that can be given; they count from the next request on.
    package func setRoles(_ roles: Set<Role>, of name: AccountName, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            let id = try Self.requireID(of: name, in: sql)
            try Self.record([try Self.setRoles(roles, of: id, at: now, in: sql)], on: id, by: actor, at: now, in: sql)
        }
    }

    /// A disabled account cannot sign in, its sessions end, and its alias is not looked up; nothing is deleted.
    package func setDisabled(_ isDisabled: Bool, _ name: AccountName, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            let id = try Self.requireID(of: name, in: sql)
            let done = try Self.setDisabled(isDisabled, id, at: now, in: sql)
            try Self.record([done], on: id, by: actor, at: now, in: sql)
        }
    }

    /// Deletes the account with its addresses and sessions. A domain that it owned stays, without an owner.
    package func delete(_ name: AccountName, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            try Self.delete(try Self.requireID(of: name, in: sql), by: actor, at: now, in: sql)
        }
    }

    /// Sets a password for somebody and ends every session of the account.
    package func setPassword(_ password: NewPassword, of name: AccountName, by actor: Actor) async throws {
        try await database.read { sql in _ = try Self.requireID(of: name, in: sql) }
        let hash = try await passwords.hash(password.text)
        let now = clock.now()
        try await database.transaction { sql in
            let id = try Self.requireID(of: name, in: sql)
            try Self.record(
                [try Self.setPasswordHash(hash, of: id, at: now, in: sql)], on: id, by: actor, at: now, in: sql)
        }
    }

    // MARK: In one transaction, each with what it did for the audit log, nil for nothing

    /// Makes the account, and the event of it.
    static func insert(
        _ id: String, email: EmailAddress?, alias: Alias?, passwordHash: String, roles: Set<Role>, by actor: Actor,
        at now: Int64, in sql: borrowing Transaction
    ) throws {
        try place(
            id, email: email, alias: alias, passwordHash: passwordHash, roles: roles, createdAt: now, at: now, in: sql)
        let names = [email?.text, alias?.text].compactMap { $0 }.joined(separator: ", ")
        let given = roles.isEmpty ? "" : "; \(text(of: roles))"
        try AuditLog.record("create: \(names)\(given)", on: .account(id), by: actor, at: now, in: sql)
    }

    /// Makes the account without an event, when one event stands for many.
    static func place(
        _ id: String, email: EmailAddress?, alias: Alias?, passwordHash: String, roles: Set<Role>, createdAt: Int64,
        at now: Int64, in sql: borrowing Transaction
    ) throws {
        try sql(
            """
            INSERT INTO accounts (id, email, username, domain, password_hash, created_at, password_changed_at)
            VALUES (\(id), \(email?.text), \(alias?.username), \(alias?.domain), \(passwordHash), \(createdAt), \(now))
            """)
        try give(roles, to: id, at: now, in: sql)
    }

    private static func give(_ roles: Set<Role>, to id: String, at now: Int64, in sql: borrowing Transaction) throws {
        for role in roles {
            try sql("INSERT INTO account_roles (account_id, role) VALUES (\(id), \(role.rawValue))")
        }
        if roles.contains(.admin) { try SetUp.close(at: now, in: sql) }
    }

    private static func setRoles(
        _ roles: Set<Role>, of id: String, at now: Int64, in sql: borrowing Transaction
    ) throws -> String? {
        let before = try sql("SELECT role FROM account_roles WHERE account_id = \(id)").map { try $0.text("role") }
        if Set(before) == Set(roles.map(\.rawValue)) { return nil }
        if !roles.contains(.admin) {
            try requireAnotherAdmin(than: id, in: sql)
            try APIKeys.endIntrospection(byFormerAdmin: id, in: sql)
        }
        try sql("DELETE FROM account_roles WHERE account_id = \(id)")
        try give(roles, to: id, at: now, in: sql)
        try sql.authorizationsChanged()
        return text(of: roles)
    }

    private static func setDisabled(
        _ isDisabled: Bool, _ id: String, at now: Int64, in sql: borrowing Transaction
    ) throws -> String? {
        let changed: Int
        if isDisabled {
            try requireAnotherAdmin(than: id, in: sql)
            changed = try sql.changes(
                "UPDATE accounts SET disabled_at = \(now) WHERE id = \(id) AND disabled_at IS NULL")
            try sql("DELETE FROM sessions WHERE account_id = \(id)")
            try PasswordReset.voidKeys(of: id, at: now, in: sql)
        } else {
            changed = try sql.changes(
                "UPDATE accounts SET disabled_at = NULL WHERE id = \(id) AND disabled_at IS NOT NULL")
        }
        try sql.authorizationsChanged()
        return changed == 0 ? nil : isDisabled ? "disable" : "enable"
    }

    @discardableResult
    static func setPasswordHash(
        _ hash: String, of id: String, at now: Int64, in sql: borrowing Transaction
    ) throws -> String {
        try sql("UPDATE accounts SET password_hash = \(hash), password_changed_at = \(now) WHERE id = \(id)")
        try passwordChanged(of: id, at: now, in: sql)
        return "set password"
    }

    /// Ends whatever the password before has opened, and the links that would set another.
    static func passwordChanged(of id: String, at now: Int64, in sql: borrowing Transaction) throws {
        try sql("DELETE FROM sessions WHERE account_id = \(id)")
        try APIKeys.revokeAll(of: id, in: sql)
        try PasswordReset.voidKeys(of: id, at: now, in: sql)
        try sql.authorizationsChanged()
    }

    /// - Throws: `AccountError.lastAdmin`.
    static func delete(_ id: String, by actor: Actor, at now: Int64, in sql: borrowing Transaction) throws {
        try requireAnotherAdmin(than: id, in: sql)
        let gone = try sql("DELETE FROM accounts WHERE id = \(id) RETURNING email, username, domain")
        for row in gone {
            let alias = try row.optionalText("username").map { "\($0)$\(try row.text("domain"))" }
            let names = [try row.optionalText("email"), alias].compactMap { $0 }.joined(separator: ", ")
            try AuditLog.record("delete: \(names)", on: .account(id), by: actor, at: now, in: sql)
        }
        try sql.authorizationsChanged()
    }

    /// One event for all that one request did to an account; none when that was nothing.
    private static func record(
        _ done: [String?], on id: String, by actor: Actor, at now: Int64, in sql: borrowing Transaction
    ) throws {
        let done = done.compactMap { $0 }
        guard !done.isEmpty else { return }
        try AuditLog.record(done.joined(separator: "; "), on: .account(id), by: actor, at: now, in: sql)
    }

    private static func text(of roles: Set<Role>) -> String {
        let names = Role.given.filter(roles.contains).map(\.rawValue)
        return "roles: \(names.isEmpty ? "none" : names.joined(separator: ", "))"
    }

    static func id(of name: AccountName, in sql: borrowing Transaction) throws -> String? {
        let rows =
            switch name {
            case .email(let email): try sql("SELECT id FROM accounts WHERE email = \(email.text)")
            case .alias(let alias):
                try sql("SELECT id FROM accounts WHERE username = \(alias.username) AND domain = \(alias.domain)")
            }
        return try rows.first?.text("id")
    }

    private static func requireID(of name: AccountName, in sql: borrowing Transaction) throws -> String {
        guard let id = try id(of: name, in: sql) else { throw AccountError.unknown(name.description) }
        return id
    }

    /// The same for the accounts that go with a domain: those that are an alias of it and nothing else.
    static func requireAnotherAdmin(thanAliasesOf domain: String, in sql: borrowing Transaction) throws {
        let admins = try sql(
            """
            SELECT a.email IS NULL AND a.domain = \(domain) AS goes
            FROM account_roles r JOIN accounts a ON a.id = r.account_id
            WHERE r.role = \(Role.admin.rawValue) AND a.disabled_at IS NULL
            """)
        let going = try admins.count { try $0.integer("goes") == 1 }
        if going > 0, going == admins.count { throw AccountError.lastAdmin }
    }

    /// The last admin who can sign in must stay one, or nobody could ever make another.
    private static func requireAnotherAdmin(than id: String, in sql: borrowing Transaction) throws {
        let admins = try sql(
            """
            SELECT r.account_id FROM account_roles r JOIN accounts a ON a.id = r.account_id
            WHERE r.role = \(Role.admin.rawValue) AND a.disabled_at IS NULL LIMIT 2
            """)
        if admins.count == 1, try admins[0].text("account_id") == id { throw AccountError.lastAdmin }
    }
}

extension PasswordPolicyError {
    /// `Problem.weakPassword` or `.invalidPassword`, in the words of this one.
    var problem: Problem {
        isUnusable ? .invalidPassword.saying(description) : .weakPassword.saying(description)
    }
}

/// Why an account could not be made or changed.
package enum AccountError: Error, Equatable, CustomStringConvertible {
    case nameTaken(String)
    case unknown(String)
    case domainNotHosted(String)
    case lastAdmin
    case adminExists

    package var description: String {
        switch self {
        case .nameTaken(let name): "There is already an account \(name)."
        case .unknown(let name): "There is no account \(name)."
        case .domainNotHosted(let domain):
            "The domain \(domain) is not hosted here; add it first with `gatehouse domain add \(domain)`."
        case .lastAdmin: "This is the last admin who can sign in; make another one first."
        case .adminExists: "There is already an admin; make another one with `gatehouse user add NAME --admin`."
        }
    }
}
