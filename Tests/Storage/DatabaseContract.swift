import Foundation
import GatehouseStorage
import Testing

@Suite("Every database")
struct DatabaseContract {
    struct Stop: Error {}

    @Test("a body that throws leaves no trace, and its error comes back", arguments: TestDatabase.allCases)
    func rollsBack(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)")
        await #expect(throws: Stop.self) {
            try await database.transaction { sql in
                try sql("INSERT INTO notes VALUES (\("draft"))")
                throw Stop()
            }
        }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
    }

    @Test(
        "what a transaction returned is there for the next read, here and elsewhere", arguments: TestDatabase.allCases)
    func commits(kind: TestDatabase) async throws {
        let store = try await kind.makeStore()
        let (here, elsewhere) = (try await store.open(), try await store.open())
        try await here.write("CREATE TABLE notes (text TEXT NOT NULL)")
        for number in 1...20 {
            let said = try await here.transaction { sql in
                try sql("INSERT INTO notes VALUES (\("note \(number)")) RETURNING text")[0].text("text")
            }
            #expect(said == "note \(number)")
            #expect(try await here.integer("SELECT COUNT(*) FROM notes") == number)
            #expect(try await elsewhere.integer("SELECT COUNT(*) FROM notes") == number)
        }
        await here.close()
        await elsewhere.close()
    }

    @Test("values come back as they went in", arguments: TestDatabase.allCases)
    func keepsValues(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.migrateForTests([
            "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY, n BIGINT, t TEXT, b BYTEA)"
        ])
        // "é" in its two spellings: storing must not normalise.
        let texts: [String?] = [
            nil, "", "plain", "\u{E9}", "e\u{301}", "👩‍👩‍👧‍👦 ' \" ; -- %_", String(repeating: "x", count: 1 << 20),
        ]
        let integers: [Int64?] = [nil, 0, -1, .max, .min, 1 << 53 + 1]
        let bytes: [[UInt8]?] = [nil, [], [0], Array(0...255), [0xFF, 0xFE]]
        for (id, text) in texts.enumerated() {
            let integer = integers[id % integers.count]
            let blob = bytes[id % bytes.count]
            let (inserted, read) = try await database.transaction { sql in
                let rows = try sql("INSERT INTO things VALUES (\(id), \(integer), \(text), \(blob)) RETURNING *")
                return (rows[0], try sql("SELECT id, n, t, b FROM things WHERE id = \(id)")[0])
            }
            for row in [inserted, read] {
                #expect(try row.integer("id") == Int64(id))
                #expect(try row.optionalInteger("n") == integer)
                #expect(try row.optionalText("t").map { Array($0.utf8) } == text.map { Array($0.utf8) })
                #expect(try row.optionalBytes(at: 3) == blob)
            }
        }
    }

    @Test("booleans are 1 and 0", arguments: TestDatabase.allCases)
    func keepsBooleans(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE flags (id BIGINT NOT NULL, isSet BIGINT)")
        let unknown: Bool? = nil
        try await database.write("INSERT INTO flags VALUES (1, \(true)), (2, \(false)), (3, \(unknown))")
        let rows = try await database.rows("SELECT isSet FROM flags ORDER BY id")
        #expect(try rows.map { row throws in try row.optionalInteger(at: 0) } == [1, 0, nil])
    }

    @Test("text with a NUL is refused before it is stored", arguments: TestDatabase.allCases)
    func refusesNUL(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        let error = await #expect(throws: StorageError.self) {
            try await database.write("INSERT INTO notes VALUES (\("a\0b"))")
        }
        #expect(error?.isInvalidValue == true)
        #expect(error?.isUnavailable == false)
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
    }

    @Test("hostile text is only a value", arguments: TestDatabase.allCases)
    func bindsHostileText(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        let hostile = ["'); DROP TABLE notes; --", "?1", "$1", "\\", "\u{FFFD}", "%", "(a+)+$"]
        for text in hostile { try await database.write("INSERT INTO notes VALUES (\(text))") }
        for text in hostile {
            #expect(try await database.integer("SELECT COUNT(*) FROM notes WHERE text = \(text)") == 1)
        }
    }

    @Test("values go where they are written, in any order and more than nine", arguments: TestDatabase.allCases)
    func bindsInOrder(kind: TestDatabase) async throws {
        let database = try await kind.make()
        let n = Array(1...12)
        let row = try await #require(
            database.rows(
                """
                SELECT \(n[0]) + 0, \(n[1]) + 0, \(n[2]) + 0, \(n[3]) + 0, \(n[4]) + 0, \(n[5]) + 0,
                    \(n[6]) + 0, \(n[7]) + 0, \(n[8]) + 0, \(n[9]) + 0, \(n[10]) + 0, \(n[11]) + 0
                """
            ).first)
        for index in n.indices { #expect(try row.integer(at: index) == Int64(n[index])) }
    }

    @Test("queries can be composed, and code names columns", arguments: TestDatabase.allCases)
    func composes(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT, at BIGINT)")
        try await database.write("INSERT INTO notes VALUES (\("a"), 3), (\("b"), 2), (\("c"), 1)")
        let filter: Query = "text <> \("a") AND at < \(9)"
        let rows = try await database.rows(
            "SELECT text FROM notes WHERE \(filter) ORDER BY \(verbatim: "at") LIMIT \(5)")
        #expect(try rows.map { row throws in try row.text("text") } == ["c", "b"])
    }

    @Test("a row refuses the wrong type and the wrong name", arguments: TestDatabase.allCases)
    func readsStrictly(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT, at BIGINT)")
        try await database.write("INSERT INTO notes VALUES (\("5"), \(5))")
        let row = try await #require(database.rows("SELECT text, at FROM notes").first)
        #expect(throws: StorageError.self) { try row.integer("text") }
        #expect(throws: StorageError.self) { try row.text("at") }
        #expect(throws: StorageError.self) { try row.optionalBytes("text") }
        #expect(throws: StorageError.self) { try row.text("missing") }
        #expect(throws: StorageError.self) { try row.text(at: 2) }
        #expect(throws: StorageError.self) { try row.text(at: -1) }
    }

    @Test("a read cannot write", arguments: TestDatabase.allCases)
    func readsOnly(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        for query: Query in ["INSERT INTO notes VALUES ('x')", "DELETE FROM notes", "DROP TABLE notes"] {
            let error = await #expect(throws: StorageError.self) {
                try await database.read { sql in _ = try sql(query) }
            }
            #expect(error?.isUnavailable == false)
            await #expect(throws: StorageError.self) { try await database.rows(query) }
        }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
    }

    @Test("a read sees one moment, whatever is committed meanwhile", arguments: TestDatabase.allCases)
    func readsOneSnapshot(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        let gate = Gate()
        let counts = Task(executorPreference: BlockingExecutor()) {
            try await database.read { sql in
                let before = try sql("SELECT COUNT(*) FROM notes")[0].integer(at: 0)
                gate.pass()
                return (before, try sql("SELECT COUNT(*) FROM notes")[0].integer(at: 0))
            }
        }
        try await gate.waitUntilEntered()
        try await database.write("INSERT INTO notes VALUES ('x')")
        gate.open()
        #expect(try await counts.value == (0, 0))
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 1)
    }

    @Test(
        "a statement that failed ends the transaction, even when the body swallows the error",
        arguments: TestDatabase.allCases)
    func failsAsAWhole(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)")
        let error = await #expect(throws: StorageError.self) {
            try await database.transaction { sql in
                try sql("INSERT INTO notes VALUES ('a')")
                do { try sql("INSERT INTO notes VALUES ('a')") } catch { return }
            }
        }
        #expect(error?.isUniqueViolation == true)
        let later = await #expect(throws: StorageError.self) {
            try await database.transaction { sql in
                do { try sql("INSERT INTO nowhere VALUES ('a')") } catch { try sql("INSERT INTO notes VALUES ('b')") }
            }
        }
        #expect(later?.kind == .transactionFailed)
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
    }

    @Test("a savepoint that fails is undone and the rest is kept", arguments: TestDatabase.allCases)
    func savepoints(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)")
        try await database.transaction { sql in
            try sql("INSERT INTO notes VALUES ('outer')")
            do {
                try sql.savepoint { sql in
                    try sql("INSERT INTO notes VALUES ('undone')")
                    try sql.savepoint { sql in _ = try sql("INSERT INTO notes VALUES ('undone too')") }
                    try sql("INSERT INTO notes VALUES ('outer')")
                }
            } catch let error as StorageError where error.isUniqueViolation {
                try sql("INSERT INTO notes VALUES ('instead')")
            }
            do { try sql.savepoint { _ in throw Stop() } } catch is Stop {}
            try sql.savepoint { sql in _ = try sql("INSERT INTO notes VALUES ('inner')") }
        }
        let rows = try await database.rows("SELECT text FROM notes ORDER BY text")
        #expect(try rows.map { row throws in try row.text(at: 0) } == ["inner", "instead", "outer"])
    }

    @Test("a statement says how many rows it touched", arguments: TestDatabase.allCases)
    func countsChanges(kind: TestDatabase) async throws {
        let database = try await kind.make()
        let counts = try await database.transaction { sql in
            [
                try sql.changes("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)"),
                try sql.changes("INSERT INTO notes VALUES ('a'), ('b'), ('c')"),
                try sql.changes("INSERT INTO notes VALUES ('a') ON CONFLICT (text) DO NOTHING"),
                try sql.changes("UPDATE notes SET text = 'd' WHERE text = 'a'"),
                try sql.changes("SELECT 1"),
                try sql.changes("DELETE FROM notes WHERE text = 'nothing'"),
                try sql.changes("DELETE FROM notes"),
            ]
        }
        #expect(counts == [0, 3, 0, 1, 0, 0, 3])
    }

    @Test("a broken rule of the schema is named", arguments: TestDatabase.allCases)
    func namesViolations(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.migrateForTests([
            "CREATE TABLE users (email TEXT NOT NULL PRIMARY KEY, age BIGINT CHECK (age > 0))",
            "CREATE TABLE notes (owner TEXT NOT NULL REFERENCES users (email), text TEXT UNIQUE)",
            """
            CREATE TABLE later (
                owner TEXT NOT NULL REFERENCES users (email) DEFERRABLE INITIALLY DEFERRED
            )
            """,
        ])
        try await database.write("INSERT INTO users VALUES ('a', 1)")
        try await database.write("INSERT INTO notes VALUES ('a', 'x')")
        func refusal(of query: Query) async -> StorageError.Kind? {
            let error = await #expect(throws: StorageError.self) { try await database.write(query) }
            #expect(error?.isConstraintViolation == true)
            #expect(error?.isUnavailable == false)
            return error?.kind
        }
        #expect(await refusal(of: "INSERT INTO users VALUES ('a', 1)") == .uniqueViolation)
        #expect(await refusal(of: "INSERT INTO notes VALUES ('a', 'x')") == .uniqueViolation)
        #expect(await refusal(of: "INSERT INTO notes VALUES ('nobody', 'y')") == .foreignKeyViolation)
        #expect(await refusal(of: "INSERT INTO later VALUES ('nobody')") == .foreignKeyViolation)
        #expect(await refusal(of: "DELETE FROM users") == .foreignKeyViolation)
        #expect(await refusal(of: "INSERT INTO users VALUES ('b', 0)") == .checkViolation)
        #expect(await refusal(of: "INSERT INTO notes (text) VALUES ('z')") == .notNullViolation)
    }

    @Test("an error names tables and columns, never a value", arguments: TestDatabase.allCases)
    func keepsValuesOutOfErrors(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)")
        try await database.write("INSERT INTO notes VALUES (\("s3cret"))")
        let query: Query = "INSERT INTO notes VALUES (\("s3cret"))"
        let error = await #expect(throws: StorageError.self) { try await database.write(query) }
        #expect(error?.constraint?.contains("notes") == true)
        for text in ["\(error!)", String(reflecting: error!), "\(query)", String(reflecting: query)] {
            #expect(!text.contains("s3cret"), "\(text)")
        }
        var dumped = ""
        dump(query, to: &dumped)
        #expect(!dumped.contains("s3cret"))
    }

    @Test("two statements in one query are refused", arguments: TestDatabase.allCases)
    func refusesTwoStatements(kind: TestDatabase) async throws {
        let database = try await kind.make()
        await #expect(throws: StorageError.self) {
            try await database.write("CREATE TABLE a (n BIGINT); CREATE TABLE b (n BIGINT)")
        }
        #expect(try await database.read { sql in try sql.hasTable("a") } == false)
    }

    @Test("a body cannot end its transaction", arguments: TestDatabase.allCases)
    func keepsTransactionControl(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        for command: Query in ["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT x", "RELEASE body"] {
            await #expect(throws: StorageError.self) {
                try await database.transaction { sql in
                    try sql("INSERT INTO notes VALUES ('x')")
                    try sql(command)
                }
            }
        }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
    }

    @Test("a table that changed is read as it is now", arguments: TestDatabase.allCases)
    func followsSchemaChanges(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        try await database.write("INSERT INTO notes VALUES ('x')")
        #expect(try await database.rows("SELECT * FROM notes").first?.text("text") == "x")
        try await database.write("ALTER TABLE notes ADD COLUMN at BIGINT")
        try await database.write("ALTER TABLE notes RENAME COLUMN text TO words")
        let row = try await #require(database.rows("SELECT * FROM notes").first)
        #expect(row.count == 2)
        #expect(try row.text("words") == "x")
        #expect(try row.optionalInteger("at") == nil)
    }

    @Test("a reachable store says so", arguments: TestDatabase.allCases)
    func isReachable(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.checkReachable()
        await database.close()
        let error = await #expect(throws: StorageError.self) { try await database.checkReachable() }
        #expect(error?.isUnavailable == true)
    }
}

extension Database {
    /// One migration with these statements: the way in which types that engines spell differently get translated.
    func migrateForTests(_ statements: [String]) async throws {
        _ = try await migrate([Migration(number: 1, title: "test", statements: statements)])
    }
}
