import GatehouseMessages
import GatehouseStorage

/// What a list of subjects is ordered by.
enum SubjectOrder: String, CaseIterable, Sendable {
    case sssid, name, bday, created, changed
    case invited = "date_invited"
    case consented = "date_consented"
    case enrolled = "date_enrolled"
    case withdrawn = "date_withdrawn"

    /// `ORDER BY`, with the order of creation among equals. Empty values come first, or last from the end.
    func clause(isDescending: Bool) -> Query {
        switch (self, isDescending) {
        case (.sssid, false): "sssid_key, number"
        case (.sssid, true): "sssid_key DESC, number DESC"
        case (.name, false): "name_key, number"
        case (.name, true): "name_key DESC, number DESC"
        case (.bday, false): "bday_at, number"
        case (.bday, true): "bday_at DESC, number DESC"
        case (.created, false): "created_at, number"
        case (.created, true): "created_at DESC, number DESC"
        case (.changed, false): "changed_at, number"
        case (.changed, true): "changed_at DESC, number DESC"
        case (.invited, false): "invited_at, number"
        case (.invited, true): "invited_at DESC, number DESC"
        case (.consented, false): "consented_at, number"
        case (.consented, true): "consented_at DESC, number DESC"
        case (.enrolled, false): "enrolled_at, number"
        case (.enrolled, true): "enrolled_at DESC, number DESC"
        case (.withdrawn, false): "withdrawn_at, number"
        case (.withdrawn, true): "withdrawn_at DESC, number DESC"
        }
    }
}

/// Which part of the list of subjects is asked for:
/// `?offset=0&perpage=50&ordercol=name&orderdir=ASC&search=x&status=1`.
struct SubjectList: Sendable {
    static let largestPage: Int64 = 500

    let offset: Int64
    let perPage: Int64
    /// Nil for the order of creation.
    let order: SubjectOrder?
    let isDescending: Bool
    let search: SubjectSearch?
    let status: Int64?

    /// - Throws: `Problem.invalidQuery`.
    init(_ call: Call, _ faults: Faults) throws(Problem) {
        let query = try call.queryMembers("offset", "perpage", "ordercol", "orderdir", "search", "status")
            .filter { !$0.value.isEmpty }
        offset = try Self.number("offset", query, 0...Int64.max, "a whole number from 0 on") ?? 0
        perPage =
            try Self.number("perpage", query, 1...Self.largestPage, "a whole number from 1 to \(Self.largestPage)")
            ?? 50
        order = try query["ordercol"].map { text throws(Problem) in
            guard let order = SubjectOrder(rawValue: text) else {
                throw .invalidQuery.saying(
                    "The query member ordercol must be one of "
                        + SubjectOrder.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return order
        }
        isDescending = query["orderdir"]?.lowercased() == "desc"
        search = query["search"].flatMap { text in
            faults.searchesPatterns && text.contains(".*") ? nil : SubjectSearch(text)
        }
        status = try Self.number("status", query, 0...3, "0, 1, 2 or 3")
    }

    private static func number(
        _ name: String, _ query: [String: String], _ range: ClosedRange<Int64>, _ words: String
    ) throws(Problem) -> Int64? {
        guard let text = query[name] else { return nil }
        guard let number = Int64(text), range.contains(number), String(number) == text else {
            throw .invalidQuery.saying("The query member \(name) must be \(words).")
        }
        return number
    }

    /// The statement, which reads whole rows for the page alone.
    func statement(in sql: borrowing Transaction) throws -> Query {
        let clause = order?.clause(isDescending: isDescending) ?? (isDescending ? "number DESC" : "number")
        var conditions: [Query] = []
        if let search { conditions.append(try search.condition(in: sql)) }
        if let status {
            // `+` keeps the order's index, which knows the status as well, instead of sorting all of that status.
            conditions.append(order == nil ? "status = \(status)" : "+status = \(status)")
        }
        let filter: Query = conditions.reduce("") { $0 == "" ? " WHERE \($1)" : "\($0) AND \($1)" }
        return """
            SELECT \(StoredSubject.columns) FROM subjects WHERE number IN
                (SELECT number FROM subjects\(filter) ORDER BY \(clause) LIMIT \(perPage) OFFSET \(offset))
            ORDER BY \(clause)
            """
    }
}

extension Subjects {
    func list(_ list: SubjectList) async throws -> [Subject] {
        try await database.read { sql in
            try sql(try list.statement(in: sql)).map { row in try StoredSubject(row).subject }
        }
    }
}
