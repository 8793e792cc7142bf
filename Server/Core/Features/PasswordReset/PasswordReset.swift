import GatehouseCryptography
import GatehousePasswords
import GatehouseStorage

/// Lets a person who controls the mailbox of an account choose a new password.
///
/// Asking writes down what was asked, the same for every name, and nothing else. `answerRequests`, which runs afterwards and
/// elsewhere, finds out whether there is such an account: neither the answer nor its time can tell.
package struct PasswordReset: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let policy: PasswordPolicy
    let masterKey: SealingKey
    /// The origin that links begin with; without one no key is made.
    let publicURL: String?
    /// Takes the mail with the link. While it is off no key is made.
    let outbox: Outbox
    let mailsPerHour: Int64
    let clock: Clock
    let faults: Faults
    let bell = Bell()
    private let turns = Turns()

    init(
        database: any Database, passwords: PasswordHasher, policy: PasswordPolicy, masterKey: SealingKey,
        publicURL: String?, outbox: Outbox, mailsPerHour: Int64, clock: Clock, faults: Faults
    ) {
        self.database = database
        self.passwords = passwords
        self.policy = policy
        self.masterKey = masterKey
        self.publicURL = publicURL
        self.outbox = outbox
        self.mailsPerHour = mailsPerHour
        self.clock = clock
        self.faults = faults
    }

    /// How long a key works, in hours and in microseconds.
    static let keyHours: Int64 = 2
    static let keyLifetime = Int64.minutes(keyHours * 60)
    /// Longer than the hour that mails are counted in, and so long that an old link is still called expired.
    private static let keysKept = Int64.days(7)
    /// Who asked so long ago has asked again, or has given up.
    private static let requestLifetime = Int64.minutes(60)
    private static let requestsAtOnce: Int64 = 50
    private static let requestsWaiting: Int64 = 10_000
    private static let sealingContext = "password reset request"

    // MARK: Asking

    /// Writes down that somebody asked for a link. Nothing here depends on whether there is an account.
    ///
    /// - Parameter host: that of the request; for a fault.
    /// - Throws: `PasswordHashingError.overloaded` when too many requests wait.
    func request(_ text: String, host: String) async throws {
        // What people mistype into this field may be a password, so it is sealed until it is looked up, a moment later.
        var asked = CanonicalText.of(String(String.UnicodeScalarView(text.unicodeScalars.prefix(320))))
        #if DEBUG
        if faults.active.contains(.resetLinkFromHost) { asked += "\nhttp://\(host)" }
        #endif
        let sealed = Base64URL.encode(try masterKey.seal(Array(asked.utf8), context: Self.sealingContext))
        let (id, now) = (SystemRandom.identifier(), clock.now())
        let isKept = try await database.transaction { sql in
            try sql.changes(
                """
                INSERT INTO password_reset_requests (id, sealed, requested_at) SELECT \(id), \(sealed), \(now)
                WHERE (SELECT COUNT(*) FROM password_reset_requests) < \(Self.requestsWaiting)
                """) == 1
        }
        guard isKept else { throw PasswordHashingError.overloaded }
        bell.ring()
    }

    #if DEBUG
    /// For a fault.
    func knows(_ text: String) async throws -> Bool {
        guard let name = try? AccountName(text) else { return false }
        return try await database.read { sql in try Accounts.id(of: name, in: sql) != nil }
    }
    #endif

    // MARK: Answering

    /// Makes a key and a mail for each request that an account can be found for, all in one transaction with the end of the
    /// request.
    func answerRequests() async throws {
        var count: Int64
        repeat {
            let now = clock.now()
            count = try await database.transaction { sql in
                let rows = try sql(
                    """
                    DELETE FROM password_reset_requests WHERE id IN
                        (SELECT id FROM password_reset_requests ORDER BY requested_at, id LIMIT \(Self.requestsAtOnce))
                    RETURNING sealed, requested_at
                    """)
                for row in rows where try row.integer("requested_at") > now - Self.requestLifetime {
                    try answer(try row.text("sealed"), at: now, in: sql)
                }
                return Int64(rows.count)
            }
        } while count == Self.requestsAtOnce
    }

    private func answer(_ sealed: String, at now: Int64, in sql: borrowing Transaction) throws {
        guard outbox.isOn, let octets = Base64URL.decode(sealed),
            let plain = try? masterKey.open(octets, context: Self.sealingContext)
        else { return }
        var asked = String(decoding: plain, as: UTF8.self)
        var origin = publicURL
        #if DEBUG
        if faults.active.contains(.resetLinkFromHost), let end = asked.lastIndex(of: "\n") {
            origin = String(asked[asked.index(after: end)...])
            asked = String(asked[..<end])
        }
        #endif
        guard let origin, let name = try? AccountName(asked),
            let account = try Accounts.id(of: name, in: sql),
            let row = try sql("SELECT email FROM accounts WHERE id = \(account) AND disabled_at IS NULL").first,
            let email = try row.optionalText("email")
        else { return }
        let key = ResetKey()
        let made = try sql.changes(
            """
            INSERT INTO password_reset_keys (digest, account_id, created_at, expires_at)
            SELECT \(key.digest), \(account), \(now), \(now + Self.keyLifetime)
            WHERE (SELECT COUNT(*) FROM password_reset_keys
                WHERE account_id = \(account) AND created_at > \(now - .minutes(60)) AND created_at <= \(now)) < \(mailsPerHour)
            """)
        guard made == 1 else { return }
        let values = [
            "username": name.description, "link": "\(origin)/reset?k=\(key.text)", "hours": String(Self.keyHours),
        ]
        try outbox.enqueue(OutgoingMail(to: email, template: .passwordReset, values: values), at: now, in: sql)
        try AuditLog.record(
            "request password reset", on: .account(account), by: .anonymous, at: now, in: sql)
    }

    // MARK: Setting

    /// Sets the password that was asked for, ends all sessions and keys of the account, and voids its other links.
    ///
    /// - Throws: `ResetRefusal`, in the order of its cases; `PasswordHashingError.overloaded`.
    func setPassword(key text: String, first: String, second: String) async throws {
        guard !text.isEmpty else {
            #if DEBUG
            if faults.active.contains(.resetWithoutKey) { return }
            #endif
            throw ResetRefusal.noKey
        }
        guard let key = ResetKey(text) else { throw ResetRefusal.invalid }
        let found = try await database.read { sql in try Found(key, in: sql) }
        guard let found else { throw ResetRefusal.invalid }
        let password: NewPassword
        do { password = try policy.check(first, contextWords: found.names.flatMap(\.contextWords)) } catch {
            throw ResetRefusal.password(error)
        }
        guard first == second else { throw ResetRefusal.mismatch }
        guard found.expiresAt > clock.now() else { throw ResetRefusal.expired }
        // One after the other, so that a key costs one hash however often it is sent at once.
        try await turns.take(key.digest) {
            guard try await database.read({ sql in try Found(key, in: sql) }) != nil else { throw ResetRefusal.invalid }
            let hash = try await passwords.hash(password.text)
            let now = clock.now()
            try await database.transaction { sql in
                guard try use(key, of: found.account, at: now, in: sql) else { throw ResetRefusal.invalid }
                #if DEBUG
                if faults.active.contains(.resetKeepsSessions) {
                    try sql("UPDATE accounts SET password_hash = \(hash) WHERE id = \(found.account)")
                    return
                }
                #endif
                try Accounts.setPasswordHash(hash, of: found.account, at: now, in: sql)
                try AuditLog.record(
                    "reset password", on: .account(found.account),
                    by: .account(id: found.account, login: found.names.first?.description ?? ""), at: now, in: sql)
            }
        }
    }

    /// One guarded statement, so of simultaneous requests, also of several processes, one gets through.
    private func use(
        _ key: ResetKey, of account: String, at now: Int64, in sql: borrowing Transaction
    ) throws -> Bool {
        try sql.changes(
            """
            UPDATE password_reset_keys SET ended_at = \(now)
            WHERE digest = \(key.digest) AND ended_at IS NULL AND expires_at > \(now)
                AND EXISTS (SELECT 1 FROM accounts WHERE id = \(account) AND disabled_at IS NULL)
            """) == 1
    }

    /// Ends every link of an account, in the transaction that sets its password.
    static func voidKeys(of account: String, at now: Int64, in sql: borrowing Transaction) throws {
        try sql(
            "UPDATE password_reset_keys SET ended_at = \(now) WHERE account_id = \(account) AND ended_at IS NULL")
    }

    func tidy(at now: Int64, in sql: borrowing Transaction) throws {
        try sql("DELETE FROM password_reset_keys WHERE created_at <= \(now - Self.keysKept)")
    }

    /// A key that has been used by nobody, with its account.
    private struct Found: Sendable {
        let account: String
        let names: [AccountName]
        let expiresAt: Int64

        init?(_ key: ResetKey, in sql: borrowing Transaction) throws {
            guard
                let row = try sql(
                    """
                    SELECT a.id, a.email, a.username, a.domain, k.expires_at
                    FROM password_reset_keys k JOIN accounts a ON a.id = k.account_id
                    WHERE k.digest = \(key.digest) AND k.ended_at IS NULL AND a.disabled_at IS NULL
                    """
                ).first
            else { return nil }
            account = try row.text("id")
            let alias = try row.optionalText("username").map { name throws in "\(name)$\(try row.text("domain"))" }
            names = Account.names(email: try row.optionalText("email"), alias: alias)
            expiresAt = try row.integer("expires_at")
        }
    }
}

/// Why no password was set.
enum ResetRefusal: Error, Equatable {
    case noKey
    /// Unknown, used, void, or of an account that is disabled: never which.
    case invalid
    case password(PasswordPolicyError)
    case mismatch
    case expired
}

/// What the link of a mail holds: 256 random bits.
private struct ResetKey: Sendable {
    private static let size = 32

    let text: String
    /// The store keeps this alone.
    let digest: String

    init() { self.init(octets: SystemRandom.bytes(Self.size)) }

    /// - Returns: nil for what is no key at all.
    init?(_ text: String) {
        guard text.utf8.count < 100, let octets = Base64URL.decode(text), octets.count == Self.size else { return nil }
        self.init(octets: octets)
    }

    private init(octets: [UInt8]) {
        text = Base64URL.encode(octets)
        digest = Base64URL.encode(Digest.sha256(octets))
    }
}
