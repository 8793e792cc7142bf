import GatehouseCryptography
import GatehouseMessages
import GatehouseStorage
import WebTokens

/// What a sign-in or a renewal gives.
package struct Grant: Sendable {
    package let token: IssuedToken
    /// Nil for a session without.
    package let refreshToken: String?
}

/// What a client sends along so that a renewal whose answer was lost can be asked for again.
struct IdempotencyKey: Sendable {
    let text: String

    /// - Throws: `Problem.invalidIdempotencyKey`.
    init(_ text: String) throws(Problem) {
        let isVisible = text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        guard (16...64).contains(text.utf8.count), isVisible else { throw .invalidIdempotencyKey }
        self.text = text
    }

    /// What the store keeps.
    var digest: String { Base64URL.encode(Digest.sha256(Array(text.utf8))) }
}

/// The next token of a session, for its refresh token or, where there is none, for a token that is still good.
struct Renewal: Sendable {
    let database: any Database
    let tokens: AccessTokens
    let refreshTokens: RefreshTokenKey
    let living: LivingSessions
    let clock: Clock
    let faults: Faults

    /// How long after a rotation the same answer can be had again.
    private static let retryTime = Int64.minutes(10)

    /// - Parameters:
    ///   - presented: a refresh token or an access token, whoever it is for.
    ///   - leewaySeconds: how long after its end an access token is still taken.
    ///   - lifetime: of the new access token, in seconds.
    /// - Throws: `Problem.invalidToken`, `.expiredToken`, `.refreshTokenRequired`, `.invalidIdempotencyKey`.
    func renew(
        _ presented: String, idempotencyKey: () throws(Problem) -> IdempotencyKey?, leewaySeconds: Int64,
        lifetime: Int64
    ) async throws -> Grant {
        guard let refreshToken = refreshTokens.read(presented) else {
            return try await renew(accessToken: presented, leewaySeconds: leewaySeconds, lifetime: lifetime)
        }
        let key = Result { () throws(Problem) in try idempotencyKey() }
        return try await rotate(refreshToken, key, lifetime: lifetime)
    }

    private func renew(accessToken: String, leewaySeconds: Int64, lifetime: Int64) async throws -> Grant {
        let claims = try await tokens.claimsForAnyAudience(of: accessToken, leewaySeconds: leewaySeconds)
        guard let id = claims.session else { throw Problem.invalidToken }
        let now = clock.now()
        let (session, account) = try await database.transaction { sql in
            guard let session = try Session.load(id, in: sql), living.isAlive(session, at: now),
                session.account == claims.subject, claims.audience.contains(session.audience ?? tokens.issuer),
                let account = try Account.load(session.account, in: sql)
            else { throw Problem.invalidToken }
            // Else whoever stole an access token could keep a line of their own alive beside that of the refresh token.
            guard !session.holdsRefreshToken else { throw Problem.refreshTokenRequired }
            try sql("UPDATE sessions SET last_used_at = \(now) WHERE id = \(id)")
            return (session, account)
        }
        return Grant(
            token: try await tokens.issue(to: account, session: session, lifetime: lifetime), refreshToken: nil)
    }

    // MARK: Rotation

    private enum Outcome {
        case renewed(Session, Account, RefreshToken)
        /// Somebody has a refresh token that another one replaced, so one of two holders is a thief. The session has ended.
        case reused
        case over
    }

    /// - Parameter key: a wrong one is told to those only whose session lives.
    private func rotate(
        _ presented: RefreshToken, _ key: Result<IdempotencyKey?, Problem>, lifetime: Int64
    ) async throws -> Grant {
        let now = clock.now()
        let outcome = try await database.transaction { sql -> Outcome in
            guard let session = try Session.load(presented.session, in: sql), living.isAlive(session, at: now),
                session.holdsRefreshToken, let account = try Account.load(session.account, in: sql)
            else { return .over }
            let key = try key.get()
            let successor =
                key.map { refreshTokens.successor(of: presented, idempotencyKey: $0.text) }
                ?? refreshTokens.make(for: presented.session)
            // One statement asks and acts, so of any number at once one rotates.
            let rotated = try sql.changes(
                """
                UPDATE refresh_tokens SET digest = \(successor.digest), previous_digest = \(presented.digest),
                    previous_key_digest = \(key?.digest), rotated_at = \(now)
                WHERE session_id = \(session.id) AND digest = \(try expectedDigest(presented, in: sql))
                """)
            if rotated == 0, try !isHonestRetry(presented, key, successor, at: now, in: sql) {
                try Session.end(session.id, in: sql)
                return .reused
            }
            try sql("UPDATE sessions SET last_used_at = \(now) WHERE id = \(session.id)")
            return .renewed(session, account, successor)
        }
        guard case .renewed(let session, let account, let successor) = outcome else { throw Problem.invalidToken }
        return Grant(
            token: try await tokens.issue(to: account, session: session, lifetime: lifetime),
            refreshToken: successor.text)
    }

    /// The answer to the rotation was lost: the same token with the same key, soon, and before the successor was used, since
    /// that would have been a rotation again.
    private func isHonestRetry(
        _ presented: RefreshToken, _ key: IdempotencyKey?, _ successor: RefreshToken, at now: Int64,
        in sql: borrowing Transaction
    ) throws -> Bool {
        guard let key else { return false }
        return try !sql(
            """
            SELECT 1 FROM refresh_tokens WHERE session_id = \(presented.session) AND digest = \(successor.digest)
                AND previous_digest = \(presented.digest) AND previous_key_digest = \(key.digest)
                AND rotated_at > \(now - Self.retryTime)
            """
        ).isEmpty
    }

    private func expectedDigest(_ presented: RefreshToken, in sql: borrowing Transaction) throws -> String {
        #if DEBUG
        if faults.active.contains(.refreshReuseUnchecked) {
            return try sql("SELECT digest FROM refresh_tokens WHERE session_id = \(presented.session)").first?
                .text("digest") ?? ""
        }
        #endif
        return presented.digest
    }
}
