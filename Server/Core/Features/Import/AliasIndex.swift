import GatehouseStorage

/// The users of a file that come along, in the order of their names: in a store of its own that goes with the import. A store that
/// is filled in that order writes each of its pages once.
struct AliasIndex: Sendable {
    struct Entry: Sendable {
        let name: String
        /// Whether the file has the name in this form, and not in upper case.
        let isCanonical: Bool
        let row: Int64
        /// How many come along with it.
        let addresses: Int
        /// Of the import: first what an interrupted one has left, 0, then what is new, 1; -1 for who came along before and only keeps
        /// the name.
        let part: Int
    }

    /// An address of a user who came along before.
    struct Late: Sendable {
        let row: Int64
        let user: Int64
    }

    private let database: any Database

    /// - Parameter database: empty.
    init(in database: any Database) async throws {
        self.database = database
        _ = try await database.migrate([
            Migration(
                number: 1, title: "users of a file",
                statements: [
                    """
                    CREATE TABLE users (
                        name TEXT NOT NULL,
                        rank BIGINT NOT NULL,
                        number BIGINT NOT NULL,
                        addresses BIGINT NOT NULL,
                        part BIGINT NOT NULL
                    )
                    """,
                    "CREATE TABLE late (number BIGINT PRIMARY KEY, user_number BIGINT NOT NULL)",
                    "CREATE TABLE refused (kind TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (kind, number))",
                ])
        ])
    }

    func add(_ entries: [Entry], _ late: [Late], refused: [(kind: ImportKind, row: Int64)]) async throws {
        let refused = refused.map { ($0.kind.rawValue, $0.row) }
        try await database.transaction { sql in
            for entry in entries {
                try sql(
                    """
                    INSERT INTO users (name, rank, number, addresses, part)
                    VALUES (\(entry.name), \(entry.isCanonical ? 0 : 1), \(entry.row), \(entry.addresses), \(entry.part))
                    """)
            }
            for late in late {
                try sql("INSERT INTO late (number, user_number) VALUES (\(late.row), \(late.user))")
            }
            for (kind, row) in refused {
                try sql("INSERT INTO refused (kind, number) VALUES (\(kind), \(row)) ON CONFLICT DO NOTHING")
            }
        }
    }

    /// Orders the names, when all are there.
    func order() async throws {
        // Not before: sorted at once, it takes a tenth of the time.
        try await database.transaction { sql in
            try sql("CREATE INDEX users_name ON users (name, rank, number, addresses, part)")
        }
    }

    /// The names that several users have, and how many.
    func sharedNames(after name: String, count: Int) async throws -> [String] {
        try await database.rows(
            """
            SELECT name FROM users WHERE name > \(name) GROUP BY name HAVING COUNT(*) > 1 ORDER BY name LIMIT \(count)
            """
        ).map { row throws in try row.text("name") }
    }

    /// Who has a name; the one who keeps it first.
    func entries(named name: String) async throws -> [Entry] {
        try await database.rows(
            """
            SELECT name, rank, number, addresses, part FROM users WHERE name = \(name)
            ORDER BY CASE WHEN part < 0 THEN 0 ELSE 1 END, rank, number
            """
        ).map { row throws in try Entry(row) }
    }

    func refuse(_ entries: [Entry]) async throws {
        try await database.transaction { sql in
            for entry in entries {
                try sql("DELETE FROM users WHERE name = \(entry.name) AND number = \(entry.row)")
                try sql(
                    """
                    INSERT INTO refused (kind, number) VALUES (\(ImportKind.user.rawValue), \(entry.row))
                    ON CONFLICT DO NOTHING
                    """)
            }
        }
    }

    /// In the order of the names.
    func next(part: Int? = nil, after name: String, count: Int) async throws -> [Entry] {
        let rows =
            if let part {
                try await database.rows(
                    """
                    SELECT name, rank, number, addresses, part FROM users
                    WHERE name > \(name) AND part = \(part) ORDER BY name LIMIT \(count)
                    """)
            } else {
                try await database.rows(
                    """
                    SELECT name, rank, number, addresses, part FROM users
                    WHERE name > \(name) AND part >= 0 ORDER BY name LIMIT \(count)
                    """)
            }
        return try rows.map { row throws in try Entry(row) }
    }

    func count(part: Int) async throws -> Int {
        Int(
            try await database.rows("SELECT COUNT(*) AS n FROM users WHERE part = \(part)").first?.integer("n") ?? 0)
    }

    func late(after number: Int64, count: Int) async throws -> [Late] {
        try await database.rows(
            "SELECT number, user_number FROM late WHERE number > \(number) ORDER BY number LIMIT \(count)"
        ).map { row throws in Late(row: try row.integer("number"), user: try row.integer("user_number")) }
    }

    func refused(_ kind: ImportKind, after number: Int64, count: Int) async throws -> [Int64] {
        try await database.rows(
            """
            SELECT number FROM refused WHERE kind = \(kind.rawValue) AND number > \(number)
            ORDER BY number LIMIT \(count)
            """
        ).map { row throws in try row.integer("number") }
    }
}

extension AliasIndex.Entry {
    fileprivate init(_ row: Row) throws {
        name = try row.text("name")
        isCanonical = try row.integer("rank") == 0
        self.row = try row.integer("number")
        addresses = Int(try row.integer("addresses"))
        part = Int(try row.integer("part"))
    }
}
