import GatehouseMessages
import GatehouseStorage
import WebTokens

/// Whether a token of ours is good at this moment (RFC 7662), whoever it is for. Asking is no use of its session.
struct Introspection: Sendable {
    let database: any Database
    let tokens: AccessTokens
    let refreshTokens: RefreshTokenKey
    let living: LivingSessions
    let clock: Clock

    /// What is said of a token that is good.
    struct Active: Sendable {
        let account: Account
        let session: Session
        /// Nil for a refresh token.
        let claims: Claims?
    }

    /// Nil for a token that is not good, for whatever reason. No clock skew is forgiven.
    func active(_ text: String) async throws -> Active? {
        let now = clock.now()
        if let refreshToken = refreshTokens.read(text) {
            return try await database.read { sql in
                // A token that was rotated is told from the one that counts, and nothing happens to it here.
                let counts = try sql(
                    """
                    SELECT 1 FROM refresh_tokens
                    WHERE session_id = \(refreshToken.session) AND digest = \(refreshToken.digest)
                    """)
                guard !counts.isEmpty else { return nil }
                return try active(session: refreshToken.session, claims: nil, at: now, in: sql)
            }
        }
        let claims: Claims
        do { claims = try await tokens.claimsForAnyAudience(of: text, leewaySeconds: 0) } catch is Problem {
            return nil
        }
        guard let session = claims.session else { return nil }
        return try await database.read { sql in try active(session: session, claims: claims, at: now, in: sql) }
    }

    private func active(
        session id: String, claims: Claims?, at now: Int64, in sql: borrowing Transaction
    ) throws -> Active? {
        guard let session = try Session.load(id, in: sql), living.isAlive(session, at: now),
            let account = try Account.load(session.account, in: sql)
        else { return nil }
        if let claims {
            guard claims.subject == account.id, claims.audience.contains(session.audience ?? tokens.issuer) else {
                return nil
            }
        }
        return Active(account: account, session: session, claims: claims)
    }
}

/// Ends the session of a token (RFC 7009). Whoever has a token may.
struct Revocation: Sendable {
    let database: any Database
    let tokens: AccessTokens
    let refreshTokens: RefreshTokenKey

    /// Does nothing for what is no token of ours or of a session that has ended. A refresh token may have been rotated.
    ///
    /// - Parameter leewaySeconds: how long after its end an access token is still taken.
    func revoke(_ text: String, leewaySeconds: Int64) async throws {
        let session: String?
        if let refreshToken = refreshTokens.read(text) {
            session = refreshToken.session
        } else {
            do {
                session = try await tokens.claimsForAnyAudience(of: text, leewaySeconds: leewaySeconds).session
            } catch is Problem {
                return
            }
        }
        // Asked first, because anybody may revoke what is over again and again, and a write costs all others time.
        guard let session, try await database.read({ sql in try Session.load(session, in: sql) }) != nil else { return }
        try await database.transaction { sql in try Session.end(session, in: sql) }
    }
}
