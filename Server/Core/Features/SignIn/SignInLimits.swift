import GatehouseCryptography
import GatehouseMessages
import GatehouseStorage

/// Slows guessing down, by name and by network, in the store so that a restart forgets nothing.
///
/// A name gets `perName` failures in 15 minutes, then waits of 1, 2, 4, 8 and 15 minutes, one more after each further
/// failure. A network gets `perNetwork` failures in 15 minutes, for all names together, then waits 15 minutes. A name that does
/// not exist counts like one that does.
///
/// An account stays open to the networks that it signed in from within 30 days: there the failures of others against its
/// name do not count, only those of that network.
package struct SignInLimits: Sendable {
    package var perName: Int64
    package var perNetwork: Int64
    /// Rows kept at most; the ones that would be forgotten first go first.
    package var remembered: Int64 = 100_000

    package static let asShipped = SignInLimits(perName: 10, perNetwork: 100)

    static let window = Int64.minutes(15)
    static let waits = [1, 2, 4, 8, 15].map(Int64.minutes)
    static let networkIsKnownFor = Int64.days(30)
    /// No row is written that refuses or is kept for longer than these. One that does was written while the clock stood
    /// later than now; it does not count, or a wrong clock would lock people out long after it was set right.
    private static let longestRefusal = Int64.minutes(15)
    private static let longestMemory = longestRefusal + window

    /// What the failures so far mean for an attempt now.
    struct Standing: Sendable {
        /// When the name may be tried again; nil when at once.
        var nameRefusedUntil: Int64?
        var networkRefusedUntil: Int64?
        /// The account signed in from this network lately.
        var networkIsKnown: Bool

        /// - Throws: `Problem.tooManyAttempts` with `Retry-After`.
        func requireAttempt(at now: Int64) throws(Problem) {
            let until = max(networkRefusedUntil ?? 0, networkIsKnown ? 0 : nameRefusedUntil ?? 0)
            if until > now { throw Self.refusal(until, now) }
        }

        /// For a credential that belongs to no account.
        func requireNetwork(at now: Int64) throws(Problem) {
            if let until = networkRefusedUntil, until > now { throw Self.refusal(until, now) }
        }

        /// For a wrong password from a known network while the name is refused: the answer is the one that all others get.
        func requireUnrefusedName(at now: Int64) throws(Problem) {
            if let until = nameRefusedUntil, until > now { throw Self.refusal(until, now) }
        }

        private static func refusal(_ until: Int64, _ now: Int64) -> Problem {
            .tooManyAttempts.retryAfter(seconds: (until - now + .microsecondsPerSecond - 1).unixSeconds)
        }
    }

    func standing(
        of name: String, from network: Network, account: String?, at now: Int64, in sql: borrowing Transaction
    ) throws -> Standing {
        func refusedUntil(_ bucket: String) throws -> Int64? {
            try sql(
                """
                SELECT refused_until FROM sign_in_failures WHERE bucket = \(bucket)
                    AND refused_until > \(now) AND refused_until <= \(now + Self.longestRefusal)
                """
            ).first?.integer("refused_until")
        }
        let known =
            try account.map { account in
                try !sql(
                    """
                    SELECT 1 FROM known_networks WHERE account_id = \(account) AND network = \(network.description)
                        AND last_success_at > \(now - Self.networkIsKnownFor)
                    """
                ).isEmpty
            } ?? false
        return Standing(
            nameRefusedUntil: try refusedUntil(Self.bucket(name: name)),
            networkRefusedUntil: try refusedUntil(Self.bucket(network)), networkIsKnown: known)
    }

    func recordFailure(of name: String, from network: Network, at now: Int64, in sql: borrowing Transaction) throws {
        let failures = try count(Self.bucket(name: name), at: now, in: sql)
        if failures >= perName {
            let wait = Self.waits[min(Int(failures - perName), Self.waits.count - 1)]
            // Kept for longer than the wait, so that the next wait is the longer one.
            try refuse(Self.bucket(name: name), until: now + wait, forgetAfter: Self.window, in: sql)
        }
        try recordFailure(from: network, at: now, in: sql)
    }

    /// A failure that belongs to no account, such as a wrong domain secret.
    func recordFailure(from network: Network, at now: Int64, in sql: borrowing Transaction) throws {
        let row = Self.bucket(network)
        if try count(row, at: now, in: sql) >= perNetwork {
            try refuse(row, until: now + Self.window, forgetAfter: 0, in: sql)
        }
    }

    func recordSuccess(
        of name: String, account: String, from network: Network, at now: Int64, in sql: borrowing Transaction
    ) throws {
        try sql("DELETE FROM sign_in_failures WHERE bucket = \(Self.bucket(name: name))")
        try sql(
            """
            INSERT INTO known_networks (account_id, network, last_success_at)
            VALUES (\(account), \(network.description), \(now))
            ON CONFLICT (account_id, network) DO UPDATE SET last_success_at = excluded.last_success_at
            """)
    }

    /// Drops what is over, and the oldest beyond what is remembered.
    func tidy(at now: Int64, in sql: borrowing Transaction) throws {
        try sql(
            "DELETE FROM sign_in_failures WHERE forget_at <= \(now) OR forget_at > \(now + Self.longestMemory)")
        try sql("DELETE FROM known_networks WHERE last_success_at <= \(now - Self.networkIsKnownFor)")
        try sql(
            """
            DELETE FROM sign_in_failures WHERE bucket IN
                (SELECT bucket FROM sign_in_failures ORDER BY forget_at DESC LIMIT 1000000 OFFSET \(remembered))
            """)
    }

    // MARK: Rows

    private func count(_ bucket: String, at now: Int64, in sql: borrowing Transaction) throws -> Int64 {
        let latest = now + Self.longestMemory
        return try sql(
            """
            INSERT INTO sign_in_failures (bucket, failures, first_at, refused_until, forget_at)
            VALUES (\(bucket), 1, \(now), 0, \(now + Self.window))
            ON CONFLICT (bucket) DO UPDATE SET
                failures = CASE WHEN sign_in_failures.forget_at BETWEEN \(now + 1) AND \(latest)
                    THEN sign_in_failures.failures + 1 ELSE 1 END,
                first_at = CASE WHEN sign_in_failures.forget_at BETWEEN \(now + 1) AND \(latest)
                    THEN sign_in_failures.first_at ELSE \(now) END,
                forget_at = CASE WHEN sign_in_failures.forget_at BETWEEN \(now + 1) AND \(latest)
                    THEN sign_in_failures.forget_at ELSE excluded.forget_at END
            RETURNING failures
            """
        ).first?.integer("failures") ?? 1
    }

    private func refuse(
        _ bucket: String, until: Int64, forgetAfter: Int64, in sql: borrowing Transaction
    ) throws {
        try sql(
            """
            UPDATE sign_in_failures SET refused_until = \(until), forget_at = \(until + forgetAfter)
            WHERE bucket = \(bucket)
            """)
    }

    /// Names are kept as digests: what people mistype into this field may be a password.
    private static func bucket(name: String) -> String {
        "name:" + Base64URL.encode(Digest.sha256(Array(name.utf8)))
    }

    private static func bucket(_ network: Network) -> String { "network:" + network.description }
}
