import GatehouseCryptography
import GatehouseMessages
package import GatehousePasswords
package import GatehouseStorage

/// Turns a name and a password into a session.
package struct SignIn: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let policy: PasswordPolicy
    let limits: SignInLimits
    let tokens: AccessTokens
    /// How long a session lasts, in microseconds, however often it is used.
    let sessionLifetime: Int64
    let clock: Clock
    private let turns = Turns()

    package init(
        database: any Database, passwords: PasswordHasher, policy: PasswordPolicy, limits: SignInLimits,
        tokens: AccessTokens, sessionLifetime: Int64, clock: Clock
    ) {
        self.database = database
        self.passwords = passwords
        self.policy = policy
        self.limits = limits
        self.tokens = tokens
        self.sessionLifetime = sessionLifetime
        self.clock = clock
    }

    /// Checks the password and begins a session.
    ///
    /// Unknown, disabled and mistyped names are treated like a wrong password, and take as long.
    ///
    /// - Returns: an access token of the new session, good for `lifetime` seconds.
    /// - Throws: `Problem.invalidCredentials`, `.tooManyAttempts`; `PasswordHashingError.overloaded`.
    package func begin(name text: String, password: String, from network: Network, lifetime: Int64) async throws
        -> String
    {
        let name = try? AccountName(text)
        let counted = name?.description ?? CanonicalText.of(String(text.prefix(320)))
        return try await turns.take(counted) {
            try await begin(name, counted: counted, password: password, from: network, lifetime: lifetime)
        }
    }

    private func begin(
        _ name: AccountName?, counted: String, password: String, from network: Network, lifetime: Int64
    ) async throws -> String {
        let start = clock.now()
        let (found, standing) = try await database.read { sql in
            let found = try name.flatMap { try Candidate.find($0, in: sql) }
            return (
                found,
                try limits.standing(of: counted, from: network, account: found?.id, at: start, in: sql)
            )
        }
        try standing.requireAttempt(at: start)

        let verdict = try await verify(password, of: found)
        let now = clock.now()
        guard case .right(let needsRenewal) = verdict, let found else {
            try await database.transaction { sql in
                try limits.recordFailure(of: counted, from: network, at: now, in: sql)
            }
            try standing.requireUnrefusedName(at: now)
            throw Problem.invalidCredentials
        }

        let newHash = needsRenewal ? try await passwords.hash(policy.normalize(password)) : nil
        let session = SystemRandom.identifier()
        let expiresAt = now + sessionLifetime
        let account = try await database.transaction { sql -> Account? in
            // Guarded by the hash that was verified: a password changed or an account disabled meanwhile makes no session.
            let made = try sql(
                """
                INSERT INTO sessions (id, account_id, created_at, expires_at)
                SELECT \(session), id, \(now), \(expiresAt) FROM accounts
                WHERE id = \(found.id) AND password_hash = \(found.passwordHash) AND disabled_at IS NULL
                RETURNING id
                """)
            guard !made.isEmpty else { return nil }
            if let newHash {
                try sql("UPDATE accounts SET password_hash = \(newHash) WHERE id = \(found.id)")
            }
            try limits.recordSuccess(of: counted, account: found.id, from: network, at: now, in: sql)
            return try Account.load(found.id, in: sql)
        }
        guard let account else { throw Problem.invalidCredentials }
        return try tokens.issue(to: account, session: session, lifetime: lifetime)
    }

    private func verify(_ password: String, of found: Candidate?) async throws -> Verification {
        // A password that could never have been set needs no hash of its own, but the same time.
        guard let found, let usable = try? policy.usable(password) else {
            try await passwords.verifyAgainstNobody(String(password.prefix(64)))
            return .wrong
        }
        let verdict = try await passwords.verify(usable, against: found.passwordHash)
        return found.isDisabled ? .wrong : verdict
    }
}

/// The account that a name leads to, before its password has been checked.
private struct Candidate: Sendable {
    let id: String
    let passwordHash: String
    let isDisabled: Bool

    static func find(_ name: AccountName, in sql: borrowing Transaction) throws -> Candidate? {
        guard let id = try Accounts.id(of: name, in: sql) else { return nil }
        guard let row = try sql("SELECT password_hash, disabled_at FROM accounts WHERE id = \(id)").first else {
            return nil
        }
        return Candidate(
            id: id, passwordHash: try row.text("password_hash"),
            isDisabled: try row.optionalInteger("disabled_at") != nil)
    }
}
