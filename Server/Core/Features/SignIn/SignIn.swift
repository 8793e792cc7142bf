import GatehouseCryptography
import GatehouseMessages
import GatehousePasswords
import GatehouseStorage

/// Turns a name and a password into a session.
package struct SignIn: Sendable {
    let database: any Database
    let passwords: PasswordHasher
    let policy: PasswordPolicy
    let limits: SignInLimits
    let tokens: AccessTokens
    let refreshTokens: RefreshTokenKey
    /// How long a session lasts, in microseconds, however often it is used.
    let sessionLifetime: Int64
    let clock: Clock
    let turns = Turns()

    init(
        database: any Database, passwords: PasswordHasher, policy: PasswordPolicy, limits: SignInLimits,
        tokens: AccessTokens, refreshTokens: RefreshTokenKey, sessionLifetime: Int64, clock: Clock
    ) {
        self.database = database
        self.passwords = passwords
        self.policy = policy
        self.limits = limits
        self.tokens = tokens
        self.refreshTokens = refreshTokens
        self.sessionLifetime = sessionLifetime
        self.clock = clock
    }

    /// Checks the password and begins a session.
    ///
    /// Unknown, disabled and mistyped names are treated like a wrong password, and take as long.
    ///
    /// - Parameters:
    ///   - lifetime: of the access token, in seconds.
    ///   - audience: for another server than this one.
    /// - Throws: `Problem.invalidCredentials`, `.tooManyAttempts`; `PasswordHashingError.overloaded`.
    package func begin(
        name text: String, password: String, from network: Network, lifetime: Int64, audience: Audience? = nil,
        holdsRefreshToken: Bool = false
    ) async throws -> Grant {
        let name = try? AccountName(text)
        let counted =
            name?.description ?? CanonicalText.of(String(String.UnicodeScalarView(text.unicodeScalars.prefix(320))))
        let id = SystemRandom.identifier()
        let refreshToken = holdsRefreshToken ? refreshTokens.make(for: id) : nil
        // A session for ourselves has none, so that it stays one when our own name changes.
        let audience = audience.flatMap { $0.text == tokens.issuer ? nil : $0.text }
        return try await turns.take(counted) {
            let proof = try await prove(name, counted: counted, password: password, from: network)
            let now = clock.now()
            let session = Session(
                id: id, account: proof.account, createdAt: now, expiresAt: now + sessionLifetime, lastUsedAt: now,
                audience: audience, holdsRefreshToken: holdsRefreshToken)
            let account = try await database.transaction { sql -> Account? in
                // Guarded by the hash that was verified: a password changed or an account disabled meanwhile makes no session.
                let made = try sql(
                    """
                    INSERT INTO sessions (id, account_id, created_at, expires_at, last_used_at, audience)
                    SELECT \(session.id), id, \(now), \(session.expiresAt), \(now), \(audience) FROM accounts
                    WHERE id = \(proof.account) AND password_hash = \(proof.passwordHash) AND disabled_at IS NULL
                    RETURNING id
                    """)
                guard !made.isEmpty else { return nil }
                if let refreshToken {
                    try sql(
                        """
                        INSERT INTO refresh_tokens (session_id, digest) VALUES (\(session.id), \(refreshToken.digest))
                        """)
                }
                try accept(proof, at: now, in: sql)
                return try Account.load(proof.account, in: sql)
            }
            guard let account else { throw Problem.invalidCredentials }
            return Grant(
                token: try await tokens.issue(to: account, session: session, lifetime: lifetime),
                refreshToken: refreshToken?.text)
        }
    }

    /// Begins a session for whoever signed with a key that may.
    ///
    /// - Throws: `Problem.signatureInvalid` when the key, or its account, is gone meanwhile.
    func begin(signedBy caller: SignedIn, lifetime: Int64) async throws -> Grant {
        guard case .key(let key) = caller.credential else { throw Problem.signatureInvalid }
        let now = clock.now()
        let session = Session(
            id: SystemRandom.identifier(), account: caller.account.id, createdAt: now,
            expiresAt: now + sessionLifetime, lastUsedAt: now, audience: nil, holdsRefreshToken: false)
        let account = try await database.transaction { sql -> Account? in
            let made = try sql(
                """
                INSERT INTO sessions (id, account_id, created_at, expires_at, last_used_at)
                SELECT \(session.id), a.id, \(now), \(session.expiresAt), \(now)
                FROM accounts a JOIN api_keys k ON k.account_id = a.id
                WHERE k.id = \(key) AND a.id = \(session.account) AND a.disabled_at IS NULL
                RETURNING id
                """)
            return made.isEmpty ? nil : try Account.load(session.account, in: sql)
        }
        guard let account else { throw Problem.signatureInvalid }
        return Grant(
            token: try await tokens.issue(to: account, session: session, lifetime: lifetime), refreshToken: nil)
    }

    // MARK: A password that is right

    /// That somebody knew an account's password a moment ago.
    struct Proof: Sendable {
        /// The account's identifier.
        let account: String
        /// The hash that was verified. Whoever acts on the proof asks that it is still the account's.
        let passwordHash: String
        /// To replace a weaker one.
        let newHash: String?
        /// The name under which failures are counted.
        let counted: String
        let network: Network
    }

    /// Checks a password and counts a wrong one. Only within the name's turn.
    ///
    /// - Throws: as `begin`.
    func prove(
        _ name: AccountName?, counted: String, password: String, from network: Network
    ) async throws -> Proof {
        let start = clock.now()
        let (found, standing, others) = try await database.read { sql in
            let found = try name.flatMap { try Candidate.find($0, in: sql) }
            return (
                found,
                try limits.standing(of: counted, from: network, account: found?.id, at: start, in: sql),
                try Candidate.otherHashes(in: sql)
            )
        }
        try standing.requireAttempt(at: start)

        let verdict = try await verify(password, of: found, others)
        let now = clock.now()
        guard case .right(let needsRenewal) = verdict, let found else {
            try await database.transaction { sql in
                try limits.recordFailure(of: counted, from: network, at: now, in: sql)
            }
            try standing.requireUnrefusedName(at: now)
            throw Problem.invalidCredentials
        }
        return Proof(
            account: found.id, passwordHash: found.passwordHash,
            newHash: needsRenewal ? try await passwords.hash(policy.normalize(password)) : nil, counted: counted,
            network: network)
    }

    /// Records that the right password was used, in the transaction that acts on it.
    func accept(_ proof: Proof, at now: Int64, in sql: borrowing Transaction) throws {
        if let newHash = proof.newHash {
            try sql(
                """
                UPDATE accounts SET password_hash = \(newHash)
                WHERE id = \(proof.account) AND password_hash = \(proof.passwordHash)
                """)
        }
        try limits.recordSuccess(
            of: proof.counted, account: proof.account, from: proof.network, at: now, in: sql)
    }

    private func verify(
        _ password: String, of found: Candidate?, _ others: OtherHashes
    ) async throws -> Verification {
        // A password that could never have been set needs no hash of its own, but the same time.
        guard let found, !found.isDisabled, let usable = try? policy.usable(password) else {
            try await passwords.verifyAgainstNobody(String(password.prefix(64)), beside: others)
            return .wrong
        }
        return try await passwords.verify(usable, against: found.passwordHash, beside: others)
    }
}

/// The account that a name leads to, before its password has been checked.
struct Candidate: Sendable {
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

    /// Of the accounts that came along with hashes of other programs and have not signed in since.
    static func otherHashes(in sql: borrowing Transaction) throws -> OtherHashes {
        // Indices have the answers, as long as all this is written as there.
        let row = try sql(
            "SELECT MAX(substr(password_hash, 5, 2)) AS cost FROM accounts WHERE substr(password_hash, 1, 2) = '$2'")
        var others = OtherHashes(bcryptCost: try row.first?.optionalText("cost").flatMap { Int($0) })
        // From one kind to the next, past all that are of one.
        var last = ""
        while let row = try sql(
            """
            SELECT \(verbatim: Schema.argon2Kind) AS kind FROM accounts
            WHERE \(verbatim: Schema.isOtherArgon2) AND \(verbatim: Schema.argon2Kind) > \(last)
            ORDER BY \(verbatim: Schema.argon2Kind) LIMIT 1
            """
        ).first {
            last = try row.text("kind")
            others.argon2Kinds.append(last)
        }
        return others
    }
}
