import GatehouseStorage
import Testing

@Suite("Migrations, on every database")
struct MigrationTests {
    private let first = Migration(
        number: 1, title: "notes",
        statements: ["CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)"])
    private let second = Migration(
        number: 2, title: "tags",
        statements: [
            "CREATE TABLE tags (note BIGINT NOT NULL REFERENCES notes (id), tag TEXT NOT NULL)",
            "CREATE UNIQUE INDEX tags_by_note ON tags (note, tag)",
        ])

    @Test("each runs once, in order", arguments: TestDatabase.allCases)
    func runsOnce(kind: TestDatabase) async throws {
        let database = try await kind.make()
        #expect(try await database.schemaVersion() == 0)
        #expect(try await database.migrate([]) == [])
        #expect(try await database.migrate([first]) == [1])
        #expect(try await database.schemaVersion() == 1)
        #expect(try await database.migrate([first, second]) == [2])
        #expect(try await database.migrate([first, second]) == [])
        #expect(try await database.schemaVersion() == 2)
    }

    @Test("one that fails leaves no trace and those before it stay", arguments: TestDatabase.allCases)
    func failsWhole(kind: TestDatabase) async throws {
        let database = try await kind.make()
        let broken = Migration(
            number: 2, title: "broken", statements: [second.statements[0], "CREATE TABEL x (n BIGINT)"])
        await #expect(throws: StorageError.self) { try await database.migrate([first, broken]) }
        #expect(try await database.schemaVersion() == 1)
        #expect(try await database.read { sql in try sql.hasTable("tags") } == false)
        #expect(try await database.migrate([first, second]) == [2])
    }

    @Test("a store of a newer program is refused, and told apart", arguments: TestDatabase.allCases)
    func refusesNewer(kind: TestDatabase) async throws {
        let database = try await kind.make()
        _ = try await database.migrate([first, second])
        let error = await #expect(throws: StorageError.self) { try await database.migrate([first]) }
        #expect(error?.isNewerSchema == true)
        #expect(error?.isUnavailable == true)
        #expect(error?.description.contains("schema version 2") == true)
    }

    @Test("one that was edited after it ran is refused", arguments: TestDatabase.allCases)
    func refusesEdited(kind: TestDatabase) async throws {
        let database = try await kind.make()
        _ = try await database.migrate([first])
        let edited = Migration(
            number: 1, title: first.title, statements: first.statements + ["CREATE TABLE x (n BIGINT)"])
        let error = await #expect(throws: StorageError.self) { try await database.migrate([edited, second]) }
        #expect(error?.kind == .changedMigration)
        #expect(try await database.schemaVersion() == 1)
    }

    @Test("numbers have no gaps, no repetitions and begin at 1", arguments: TestDatabase.allCases)
    func refusesWrongNumbers(kind: TestDatabase) async throws {
        let database = try await kind.make()
        let third = Migration(number: 3, title: "gap", statements: [])
        for list in [[second], [second, first], [first, first], [first, third]] {
            let error = await #expect(throws: StorageError.self) { try await database.migrate(list) }
            #expect(error?.kind == .invalidMigrations)
        }
        #expect(try await database.schemaVersion() == 0)
    }

    @Test("two at once do not run one twice", arguments: TestDatabase.allCases)
    func doesNotCollide(kind: TestDatabase) async throws {
        let store = try await kind.makeStore()
        let databases = [try await store.open(), try await store.open()]
        let many = (1...20).map { number in
            Migration(
                number: number, title: "table \(number)", statements: ["CREATE TABLE t\(number) (n BIGINT NOT NULL)"])
        }
        async let left = databases[0].migrate(many)
        async let right = databases[1].migrate(many)
        let ran = try await left + right
        #expect(ran.sorted() == Array(1...20))
        for database in databases { await database.close() }
    }

    @Test("a column holds only what it was declared to hold", arguments: TestDatabase.allCases)
    func isStrict(kind: TestDatabase) async throws {
        let database = try await kind.make()
        _ = try await database.migrate([first])
        let error = await #expect(throws: StorageError.self) {
            try await database.write("INSERT INTO notes VALUES (1, \([1, 2, 3] as [UInt8]))")
        }
        #expect(error?.isUnavailable == false)
        await #expect(throws: StorageError.self) { try await database.write("INSERT INTO notes VALUES (\("x"), 'y')") }
    }
}
