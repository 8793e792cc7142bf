import GatehouseJSON
import GatehouseMessages
import HTTPTypes

/// Turns HTTP into calls on `Sessions` and back; decides nothing itself.
struct SessionHandlers: Sendable {
    let sessions: Sessions

    /// `GET /api/sessions[?account=…&after=…&limit=…]`
    @Sendable func list(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let query = try call.queryMembers("account", "after", "limit")
        let page = try await sessions.list(of: query["account"], by: caller.account, try PageRequest(query))
        return page.answer { session in
            [
                "id": .string(session.id), "account": .string(session.account),
                "created": .string(RFC3339.text(session.createdAt)),
                "last_used": .string(RFC3339.text(session.lastUsedAt)),
                "expires": .string(RFC3339.text(session.expiresAt)),
                "audience": session.audience.map(JSONValue.string) ?? .null,
                "refreshable": .bool(session.holdsRefreshToken), "current": .bool(session.id == caller.session),
            ]
        }
    }

    /// `DELETE /api/sessions/{id}`; `current` is the caller's own, so that is how one signs out.
    @Sendable func end(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let id = call.parameters[0]
        // A signature is of no session.
        guard let session = id == "current" ? caller.session : id else { throw Problem.unknownSession }
        try await sessions.end(session, by: caller.account)
        return Answer(status: .noContent)
    }
}
