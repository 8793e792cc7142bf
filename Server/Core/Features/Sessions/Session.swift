import GatehouseStorage

/// One sign-in of an account, as the store has it.
struct Session: Sendable {
    let id: String
    /// The account's identifier.
    let account: String
    /// Microseconds since 1970, as all times here.
    let createdAt: Int64
    /// When it ends, however often it is used.
    let expiresAt: Int64
    /// Within a minute and a half; see `LivingSessions`.
    let lastUsedAt: Int64
    /// `aud` of its tokens; nil when they are for this server.
    let audience: String?
    /// It is renewed with that and not with an access token.
    let holdsRefreshToken: Bool
}

extension Session {
    /// - Parameter row: with the columns of `load`.
    init(_ row: Row) throws {
        id = try row.text("id")
        account = try row.text("account_id")
        createdAt = try row.integer("created_at")
        expiresAt = try row.integer("expires_at")
        lastUsedAt = try row.integer("last_used_at")
        audience = try row.optionalText("audience")
        holdsRefreshToken = try row.optionalInteger("refresh") != nil
    }

    /// Nil when it has been ended. One that is over by time may still be there.
    static func load(_ id: String, in sql: borrowing Transaction) throws -> Session? {
        try sql(
            """
            SELECT id, account_id, created_at, expires_at, last_used_at, audience,
                (SELECT 1 FROM refresh_tokens WHERE session_id = sessions.id) AS refresh
            FROM sessions WHERE id = \(id)
            """
        ).first.map { row throws in try Session(row) }
    }

    /// Ends a session at once, with everything that was issued in it.
    static func end(_ id: String, in sql: borrowing Transaction) throws {
        guard try sql.changes("DELETE FROM sessions WHERE id = \(id)") > 0 else { return }
        try sql.authorizationsChanged()
    }
}
