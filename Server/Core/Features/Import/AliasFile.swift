import GatehouseCryptography
import GatehouseJSON
package import GatehouseStorage

/// The SQLite file of a server of aliases. It is read in pages, so that one of any size needs no memory.
package struct AliasFile: Sendable {
    /// Whose tables they are.
    enum Program: String, Sendable {
        case flaskCCAP = "flaskCCAP"
        case restfulCAP = "restfulCAP"
        case goServer = "go-server"

        /// Every table with its columns.
        var tables: [String: Set<String>] {
            switch self {
            case .flaskCCAP:
                [
                    "domain": ["id", "domain", "password", "date"],
                    "user": ["id", "domain_id", "username", "password"],
                    "coin": ["id", "user_id", "coin", "address"],
                ]
            case .restfulCAP:
                [
                    "domain": ["id", "domain", "password", "date"],
                    "user": ["id", "domain_id", "password", "alias", "date"],
                    "type": ["id", "address_type", "user_id", "address"],
                ]
            case .goServer:
                [
                    "users": ["id", "created_at", "updated_at", "username", "password", "domain"],
                    "addresses": ["id", "created_at", "updated_at", "user_id", "address", "address_type"],
                ]
            }
        }

        /// The table that holds rows of a kind, as a report names it.
        func table(of kind: ImportKind) -> String {
            switch (kind, self) {
            case (.domain, .goServer), (.user, .goServer): "users"
            case (.domain, _): "domain"
            case (.user, _): "user"
            case (_, .flaskCCAP): "coin"
            case (_, .restfulCAP): "type"
            case (_, .goServer): "addresses"
            }
        }
    }

    struct Domain: Sendable {
        let row: Int64
        let name: String?
        let secretHash: String?
    }

    struct User: Sendable {
        let row: Int64
        /// Which domain it is of: the number of its row, or the name itself.
        let domain: String
        let name: String?
        let hash: String?
        let created: String?
    }

    struct Address: Sendable {
        let row: Int64
        let user: Int64
        /// The coin, or the number of the type.
        let kind: String?
        let address: String?
    }

    let program: Program
    private let rows: @Sendable (Query) throws -> [Row]

    /// - Parameter rows: runs a reading statement on the file.
    /// - Throws: `ImportError.foreign` for a file of another program, or of a later version of it.
    package init(_ format: ImportFormat, rows: @escaping @Sendable (Query) throws -> [Row]) throws {
        var found: [String: Set<String>] = [:]
        // Views and virtual tables are none of these programs' and could be anything.
        for row in try rows(
            """
            SELECT t.name AS name, c.name AS column_name FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c
            WHERE t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.type = 'table' AND t.rootpage > 0
            """)
        {
            found[try row.text("name"), default: []].insert(try row.text("column_name"))
        }
        let others = try rows("SELECT name FROM sqlite_schema WHERE type = 'view' OR type = 'trigger' OR rootpage = 0")
            .compactMap { row throws in try row.optionalText("name") }
        let programs: [Program] = format == .goServer ? [.goServer] : [.flaskCCAP, .restfulCAP]
        guard let program = programs.first(where: { found == $0.tables && others.isEmpty }) else {
            throw ImportError.foreign(Self.difference(found, others, to: programs))
        }
        for table in program.tables.keys.sorted() {
            // SQLite's own number of a row, and nothing else: others may be there twice, or not at all.
            let isNumber = try rows(
                """
                SELECT 1 FROM pragma_table_info(\(table)) WHERE name = 'id' AND pk = 1 AND upper(type) = 'INTEGER'
                """)
            guard !isNumber.isEmpty else {
                throw ImportError.foreign("The column id of its table \(table) is not its integer primary key.")
            }
        }
        self.program = program
        self.rows = rows
    }

    private static func difference(
        _ found: [String: Set<String>], _ others: [String], to programs: [Program]
    ) -> String {
        let nearest = programs.max { a, b in
            found.count { a.tables[$0.key] == $0.value } < found.count { b.tables[$0.key] == $0.value }
        }
        guard let nearest else { return "" }
        let tables = nearest.tables
        let missing = tables.keys.filter { found[$0] == nil }.sorted()
        if missing.count == tables.count {
            return "It is not a file of \(nearest.rawValue): it has none of its tables."
        }
        if !missing.isEmpty {
            return "It is not a whole file of \(nearest.rawValue): it has no table \(missing.joined(separator: ", "))."
        }
        for (name, columns) in tables.sorted(by: { $0.key < $1.key }) {
            let gone = columns.subtracting(found[name] ?? []).sorted()
            if !gone.isEmpty { return "Its table \(name) has no column \(gone.joined(separator: ", "))." }
            let new = (found[name] ?? []).subtracting(columns).sorted()
            if !new.isEmpty {
                return
                    "Its table \(name) has what this version does not know, and what may change what the others mean: "
                    + shown(new) + "."
            }
        }
        return "It has what a file of \(nearest.rawValue) has not: "
            + shown(Set(found.keys).subtracting(tables.keys).sorted() + others) + "."
    }

    /// As JSON writes them, so that no name disturbs a terminal.
    private static func shown(_ names: [String]) -> String {
        names.prefix(5).map { JSONValue.string(String($0.unicodeScalars.prefix(40))).text }.joined(separator: ", ")
    }

    // MARK: Rows. Whatever type a value has, it is read as its text.

    /// In the order of their numbers.
    func domains() throws -> [Domain] {
        guard program != .goServer else { return [] }
        return try rows(
            """
            SELECT CAST(id AS INTEGER) AS id, substr(CAST(domain AS BLOB), 1, 1024) AS name,
                substr(CAST(password AS BLOB), 1, 1024) AS hash
            FROM domain ORDER BY id LIMIT \(Self.mostDomains + 1)
            """
        ).map { row throws in
            Domain(row: try row.integer("id"), name: try row.decoded("name"), secretHash: try row.decoded("hash"))
        }
    }

    /// More than these are no file of a server that anybody runs.
    static let mostDomains = 10_000

    func count() throws -> (users: Int, addresses: Int) {
        (
            Int(try rows("SELECT COUNT(*) AS n FROM \(users)").first?.integer("n") ?? 0),
            Int(try rows("SELECT COUNT(*) AS n FROM \(addresses)").first?.integer("n") ?? 0)
        )
    }

    /// The highest numbers; nil for a table without a row.
    func last() throws -> (user: Int64?, address: Int64?) {
        (
            try rows("SELECT MAX(id) AS n FROM \(users)").first?.optionalInteger("n"),
            try rows("SELECT MAX(id) AS n FROM \(addresses)").first?.optionalInteger("n")
        )
    }

    /// In the order of their numbers.
    func users(after number: Int64, count: Int) throws -> [User] {
        try rows("SELECT \(userColumns) FROM \(users) WHERE id > \(number) ORDER BY id LIMIT \(count)").map(user)
    }

    func user(_ number: Int64) throws -> User? {
        try rows("SELECT \(userColumns) FROM \(users) WHERE id = \(number)").first.map(user)
    }

    /// By their numbers.
    func users(_ numbers: [Int64]) throws -> [Int64: User] {
        var found: [Int64: User] = [:]
        for row in try rows(
            "SELECT \(userColumns) FROM \(list(numbers)) CROSS JOIN \(users) ON id = wanted")
        {
            let user = try user(row)
            found[user.row] = user
        }
        return found
    }

    /// Of these users, each one's in the order of their numbers.
    func addresses(ofUsers numbers: [Int64]) throws -> [Int64: [Address]] {
        guard !numbers.isEmpty else { return [:] }
        var found: [Int64: [Address]] = [:]
        for row in try rows(
            """
            SELECT id, user_id, \(addressColumns)
            FROM \(list(numbers)) CROSS JOIN \(addresses) ON user_id = wanted
            """)
        {
            let address = try address(row)
            found[address.user, default: []].append(address)
        }
        return found.mapValues { $0.sorted { $0.row < $1.row } }
    }

    /// Those of nobody, in the order of their numbers.
    func orphans(after number: Int64, count: Int) throws -> [Int64] {
        try rows(
            """
            SELECT id FROM \(addresses) a WHERE id > \(number)
                AND NOT EXISTS (SELECT 1 FROM \(users) u WHERE u.id = a.user_id) ORDER BY id LIMIT \(count)
            """
        ).map { row throws in try row.integer("id") }
    }

    // MARK: By program

    private var users: Query { program == .goServer ? "users" : "user" }

    private var addresses: Query {
        switch program {
        case .flaskCCAP: "coin"
        case .restfulCAP: "type"
        case .goServer: "addresses"
        }
    }

    private var userColumns: Query {
        switch program {
        case .flaskCCAP:
            """
            id, CAST(CAST(domain_id AS TEXT) AS BLOB) AS domain, substr(CAST(username AS BLOB), 1, 1024) AS name,
            substr(CAST(password AS BLOB), 1, 1024) AS hash, NULL AS created
            """
        case .restfulCAP:
            """
            id, CAST(CAST(domain_id AS TEXT) AS BLOB) AS domain, substr(CAST(alias AS BLOB), 1, 1024) AS name,
            substr(CAST(password AS BLOB), 1, 1024) AS hash, NULL AS created
            """
        case .goServer:
            """
            id, substr(CAST(domain AS BLOB), 1, 1024) AS domain, substr(CAST(username AS BLOB), 1, 1024) AS name,
            substr(CAST(password AS BLOB), 1, 1024) AS hash, substr(CAST(created_at AS BLOB), 1, 64) AS created
            """
        }
    }

    private var addressColumns: Query {
        switch program {
        case .flaskCCAP:
            "substr(CAST(coin AS BLOB), 1, 1024) AS kind, substr(CAST(address AS BLOB), 1, 1024) AS address"
        case .restfulCAP, .goServer:
            "substr(CAST(address_type AS BLOB), 1, 64) AS kind, substr(CAST(address AS BLOB), 1, 1024) AS address"
        }
    }

    private func user(_ row: Row) throws -> User {
        User(
            row: try row.integer("id"), domain: try row.decoded("domain") ?? "", name: try row.decoded("name"),
            hash: try row.decoded("hash"), created: try row.decoded("created"))
    }

    private func address(_ row: Row) throws -> Address {
        Address(
            row: try row.integer("id"), user: try row.integer("user_id"), kind: try row.decoded("kind"),
            address: try row.decoded("address"))
    }

    /// In this order, as `wanted`.
    private func list(_ numbers: [Int64]) -> Query {
        "(SELECT value AS wanted FROM json_each(\("[\(numbers.map(String.init).joined(separator: ","))]")))"
    }

    // MARK: Knowing it again

    /// What a file is known by: a row and a digest of what nobody else's row says, since the hash in it has a random salt.
    struct Anchor: Sendable {
        /// `domain`, `first` or `last`.
        let place: String
        let number: Int64
        let code: String
    }

    /// Of the file as it is now: its first domain, its first and its last user.
    func anchors() throws -> [Anchor] {
        var anchors: [Anchor] = []
        if let domain = try domains().first, let code = Self.code(of: domain) {
            anchors.append(Anchor(place: "domain", number: domain.row, code: code))
        }
        if let user = try users(after: .min, count: 1).first, let code = Self.code(of: user) {
            anchors.append(Anchor(place: "first", number: user.row, code: code))
        }
        if let number = try last().user, let user = try user(number), let code = Self.code(of: user) {
            anchors.append(Anchor(place: "last", number: number, code: code))
        }
        return anchors
    }

    func has(_ anchor: Anchor) throws -> Bool {
        if anchor.place == "domain" {
            return try domains().contains { $0.row == anchor.number && Self.code(of: $0) == anchor.code }
        }
        return try user(anchor.number).flatMap(Self.code(of:)) == anchor.code
    }

    private static func code(of domain: Domain) -> String? {
        guard let name = domain.name, let hash = domain.secretHash else { return nil }
        return Base64URL.encode(Digest.sha256(Array("domain\n\(domain.row)\n\(name)\n\(hash)".utf8)))
    }

    private static func code(of user: User) -> String? {
        guard let name = user.name, let hash = user.hash else { return nil }
        return Base64URL.encode(Digest.sha256(Array("user\n\(user.row)\n\(user.domain)\n\(name)\n\(hash)".utf8)))
    }
}

extension Row {
    /// The text that octets are; nil for NULL. What is not UTF-8 is told from all text by a NUL in it.
    fileprivate func decoded(_ column: String) throws(StorageError) -> String? {
        try optionalBytes(column).map { String(validating: $0, as: UTF8.self) ?? "\0" }
    }
}
