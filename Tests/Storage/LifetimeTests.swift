import Foundation
import GatehouseStorage
import Testing

@Suite("Waiting, cancelling, closing and noticing changes, on every database")
struct LifetimeTests {
    @Test(
        "a change of authorisations is noticed at the next call, here and elsewhere", arguments: TestDatabase.allCases)
    func noticesGenerations(kind: TestDatabase) async throws {
        let store = try await kind.makeStore()
        let (here, elsewhere) = (try await store.open(), try await store.open())
        try await here.migrateForTests([
            "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
            "INSERT INTO generation VALUES (1, 7)",
            "CREATE TABLE notes (text TEXT)",
        ])
        #expect(try await here.generation() == 7)
        #expect(try await elsewhere.generation() == 7)
        for value in Int64(8)...40 {
            let writer = value.isMultiple(of: 2) ? here : elsewhere
            try await writer.write("UPDATE generation SET value = value + 1")
            #expect(try await here.generation() == value)
            #expect(try await elsewhere.generation() == value)
            try await writer.write("INSERT INTO notes VALUES ('unrelated')")
            #expect(try await here.generation() == value)
        }
        await here.close()
        await #expect(throws: StorageError.self) { try await here.generation() }
        await elsewhere.close()
    }

    @Test("without its table the generation is an error, not a number", arguments: TestDatabase.allCases)
    func needsGenerationTable(kind: TestDatabase) async throws {
        let database = try await kind.make()
        await #expect(throws: StorageError.self) { try await database.generation() }
        try await database.write(
            "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)")
        await #expect(throws: StorageError.self) { try await database.generation() }
        try await database.write("INSERT INTO generation VALUES (1, 1)")
        #expect(try await database.generation() == 1)
    }

    @Test("a task that is cancelled before it asks gets nothing done", arguments: TestDatabase.allCases)
    func cancelsEarly(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE notes (text TEXT)")
        let task = Task {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            try await database.write("INSERT INTO notes VALUES ('x')")
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
    }

    @Test("closing finishes what was asked before and refuses what comes after", arguments: TestDatabase.allCases)
    func closesCleanly(kind: TestDatabase) async throws {
        let store = try await kind.makeStore()
        let database = try await store.open()
        try await database.write("CREATE TABLE notes (number BIGINT NOT NULL)")
        let outcomes = await withTaskGroup(of: Outcome.self) { group in
            for number in 0..<64 {
                group.addTask {
                    do {
                        try await database.write("INSERT INTO notes VALUES (\(number))")
                        return .won
                    } catch let error as StorageError where error.kind == .closed {
                        return .lost
                    } catch {
                        return .failed("\(error)")
                    }
                }
            }
            group.addTask {
                await database.close()
                return .lost
            }
            return await group.reduce(into: [Outcome]()) { $0.append($1) }
        }
        await database.close()
        let acknowledged = outcomes.count { $0 == .won }
        #expect(acknowledged + outcomes.count { $0 == .lost } == 65, "\(outcomes)")
        await #expect(throws: StorageError.self) { try await database.rows("SELECT 1") }
        await #expect(throws: StorageError.self) { try await database.generation() }
        await #expect(throws: StorageError.self) { try await database.write("INSERT INTO notes VALUES (0)") }
        let again = try await store.open()
        #expect(try await again.integer("SELECT COUNT(*) FROM notes") == acknowledged)
        await again.close()
    }
}
