import GatehouseMessages
import GatehouseStorage

/// Sessions as their owners and admins see them: what there is, and an end to it.
struct Sessions: Sendable {
    let database: any Database
    let living: LivingSessions
    let clock: Clock

    /// The living sessions of an account in the order of their beginning.
    ///
    /// - Parameter account: nil for the caller's own.
    /// - Throws: `Problem.insufficientRole` for another account's to anybody but an admin, `.unknownAccount`.
    func list(of account: String?, by caller: Account, _ page: PageRequest) async throws -> Page<Session> {
        let id = account ?? caller.id
        if id != caller.id && !caller.roles.contains(.admin) { throw Problem.insufficientRole }
        // No account has such an identifier, and no store can be asked for it.
        guard !id.utf8.contains(0) else { throw Problem.unknownAccount }
        let now = clock.now()
        let unused = living.latestUseThatIsOver(at: now)
        return try await database.read { sql in
            if try sql("SELECT 1 FROM accounts WHERE id = \(id)").isEmpty { throw Problem.unknownAccount }
            let rows = try sql(
                """
                SELECT id, account_id, created_at, expires_at, last_used_at, audience,
                    (SELECT 1 FROM refresh_tokens WHERE session_id = sessions.id) AS refresh
                FROM sessions
                WHERE account_id = \(id) AND expires_at > \(now) AND last_used_at > \(unused)
                    AND (created_at, id) > (\(page.after.time), \(page.after.id))
                ORDER BY created_at, id LIMIT \(page.limit + 1)
                """)
            return Page(
                try rows.map { row throws in try Session(row) }, page,
                place: { PageRequest.Place(time: $0.createdAt, id: $0.id) })
        }
    }

    /// Ends a session with everything that was issued in it.
    ///
    /// - Throws: `Problem.unknownSession`, also for somebody else's, unless an admin asks.
    func end(_ id: String, by caller: Account) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            guard let session = try Session.load(id, in: sql), living.isAlive(session, at: now),
                session.account == caller.id || caller.roles.contains(.admin)
            else { throw Problem.unknownSession }
            try Session.end(id, in: sql)
        }
    }

    /// Deletes what is over.
    func tidy(at now: Int64, in sql: borrowing Transaction) throws {
        try sql("DELETE FROM sessions WHERE expires_at <= \(now)")
        let unused = living.latestUseThatIsOver(at: now)
        let idle = try sql.changes("DELETE FROM sessions WHERE last_used_at <= \(unused)")
        // What expires does so in every cache by itself; what idles is another matter where several servers share the store.
        if idle > 0 { try sql.authorizationsChanged() }
    }

    /// Writes down which sessions have been used.
    func recordUses() async throws {
        try await living.uses.write(to: database) { session, time in
            "UPDATE sessions SET last_used_at = \(time) WHERE id = \(session) AND last_used_at < \(time)"
        }
    }
}
