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
    /// Nil for the time of creation.
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

    // MARK: The page

    /// Hits that are worth reading one by one and sorting.
    private static let fewHits: Int64 = 10_000
    /// Subjects in the order of the list that are looked at one by one when there are more hits.
    private static let closeLook: Int64 = 5000
    /// The last place that such a look can find.
    private static let closeEnd: Int64 = 500

    /// The subjects of the page, in order.
    func page(in sql: borrowing Transaction) throws -> [Subject] {
        let statements = try statements(in: sql)
        for statement in statements.dropLast() {
            let rows = try sql(statement)
            if rows.count == perPage { return try rows.map { row in try StoredSubject(row).subject } }
        }
        return try sql(statements.last ?? "").map { row in try StoredSubject(row).subject }
    }

    /// How the page is found: each but the last is a look that may see too little. Whole rows are read for the page alone;
    /// which they are, an index tells.
    func statements(in sql: borrowing Transaction) throws -> [Query] {
        guard let search else { return [rows(chosenBy: indexed(where: []))] }
        guard try search.finds(moreThan: Self.fewHits, in: sql) else {
            return [rows(chosenBy: "FROM subjects WHERE number IN (\(search.numbers))\(andStatus)")]
        }
        // `+` keeps the index of the order and looks its entries up among the hits, instead of sorting all hits.
        let all = rows(chosenBy: indexed(where: ["+number IN (\(search.numbers))"]))
        guard offset <= Self.closeEnd - perPage else { return [all] }
        // So many have the text that the first of the list are likely to be among them.
        let first = rows(
            chosenBy: """
                FROM (SELECT * FROM subjects ORDER BY \(clause) LIMIT \(Self.closeLook))
                WHERE \(search.condition)\(andStatus)
                """)
        return [first, all]
    }

    private var clause: Query { (order ?? .created).clause(isDescending: isDescending) }
    private var andStatus: Query { status.map { " AND status = \($0)" } ?? "" }

    /// All subjects by the index of the order, which knows the status as well. That of the status knows the time of creation.
    private func indexed(where conditions: [Query]) -> Query {
        var all = conditions
        if let status {
            let isByCreation = conditions.isEmpty && (order ?? .created) == .created
            all.append(isByCreation ? "status = \(status)" : "+status = \(status)")
        }
        return all.reduce("FROM subjects") { $0 == "FROM subjects" ? "\($0) WHERE \($1)" : "\($0) AND \($1)" }
    }

    private func rows(chosenBy source: Query) -> Query {
        """
        SELECT \(StoredSubject.columns) FROM subjects WHERE number IN
            (SELECT number \(source) ORDER BY \(clause) LIMIT \(perPage) OFFSET \(offset))
        ORDER BY \(clause)
        """
    }
}

extension Subjects {
    func list(_ list: SubjectList) async throws -> [Subject] {
        try await database.read { sql in try list.page(in: sql) }
    }
}
