import GatehouseJSON
import GatehouseMessages
import GatehouseStorage

/// Turns HTTP into a look at the audit log; nobody changes it from here.
struct AuditHandlers: Sendable {
    let database: any Database

    /// `GET /api/audits[?kind=…&object=…&actor=…&from=…&to=…&after=…&limit=…]`, oldest first
    @Sendable func list(_ call: Call, _: Admin) async throws -> Answer {
        let query = try call.queryMembers("kind", "object", "actor", "from", "to", "after", "limit")
        // No event has one, and no store can be asked for it.
        guard !query.values.contains(where: { $0.utf8.contains(0) }) else {
            throw Problem.invalidQuery.saying("A query member has a NUL.")
        }
        let (kind, object, actor) = (query["kind"], query["object"], query["actor"])
        let (from, to) = (try Self.time(query, "from"), try Self.time(query, "to"))
        let page = try PageRequest(query)
        // The order of the log is that of its numbers, so these are the places of the list. Only what is asked for stands in
        // the statement: an object is found by its index.
        var conditions: Query = "number > \(page.after.time)"
        if let kind { conditions = "\(conditions) AND object_kind = \(kind)" }
        if let object { conditions = "\(conditions) AND object_id = \(object)" }
        if let actor { conditions = "\(conditions) AND (actor_id = \(actor) OR actor = \(actor))" }
        if let from { conditions = "\(conditions) AND at >= \(from)" }
        if let to { conditions = "\(conditions) AND at <= \(to)" }
        let rows = try await database.rows(
            "\(AuditEvent.columns) WHERE \(conditions) ORDER BY number LIMIT \(page.limit + 1)")
        let events = try rows.map { row throws in try AuditEvent(row) }
        return Page(events, page, place: { PageRequest.Place(time: $0.number, id: $0.id) }).answer(\.listed)
    }

    private static func time(_ query: [String: String], _ name: String) throws(Problem) -> Int64? {
        guard let text = query[name] else { return nil }
        guard let time = RFC3339.microseconds(text) else {
            throw .invalidQuery.saying("The query member \(name) must be a time such as 2027-01-31T23:59:59Z.")
        }
        return time
    }
}

extension AuditEvent {
    /// As `/api/audits` shows it.
    fileprivate var listed: JSONValue {
        [
            "id": .string(id), "time": .string(time), "actor": actor.map(JSONValue.string) ?? .null,
            "actor_id": actorID.map(JSONValue.string) ?? .null, "action": .string(action), "kind": .string(kind),
            "object": .string(object), "sequence": sequence.map { .number(JSONNumber($0)) } ?? .null,
        ]
    }
}
