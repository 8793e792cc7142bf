import GatehouseStorage
import Testing

@Suite("Sixteen at once, on every database")
struct RaceTests {
    @Test("of sixteen who insert one value, one wins and fifteen are told why", arguments: TestDatabase.allCases)
    func insertsOnce(kind: TestDatabase) async throws {
        let store = try await kind.makeStore()
        let databases = [try await store.open(), try await store.open()]
        try await databases[0].write("CREATE TABLE users (email TEXT NOT NULL UNIQUE, number BIGINT NOT NULL)")
        for round in 0..<10 {
            let outcomes = await sixteen { number in
                let database = databases[number % 2]
                do {
                    try await database.write("INSERT INTO users VALUES (\("user \(round)"), \(number))")
                    return .won
                } catch let error as StorageError where error.isUniqueViolation {
                    return .lost
                } catch {
                    return .failed("\(error)")
                }
            }
            #expect(outcomes.count { $0 == .won } == 1)
            #expect(outcomes.count { $0 == .lost } == 15, "\(outcomes)")
        }
        #expect(try await databases[1].integer("SELECT COUNT(*) FROM users") == 10)
        for database in databases { await database.close() }
    }

    @Test("of sixteen who use one token, one gets it", arguments: TestDatabase.allCases)
    func consumesOnce(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE tokens (id TEXT NOT NULL PRIMARY KEY, used_at BIGINT)")
        try await database.write("INSERT INTO tokens VALUES ('t', NULL)")
        let outcomes = await sixteen { number in
            do {
                let rows = try await database.transaction { sql in
                    try sql("UPDATE tokens SET used_at = \(number) WHERE id = 't' AND used_at IS NULL RETURNING id")
                }
                return rows.isEmpty ? .lost : .won
            } catch {
                return .failed("\(error)")
            }
        }
        #expect(outcomes.count { $0 == .won } == 1)
        #expect(outcomes.count { $0 == .lost } == 15, "\(outcomes)")
    }

    @Test("no increment is lost", arguments: TestDatabase.allCases)
    func countsExactly(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE counter (value BIGINT NOT NULL)")
        try await database.write("INSERT INTO counter VALUES (0)")
        let outcomes = await sixteen { _ in
            do {
                for _ in 0..<25 {
                    try await database.transaction { sql in
                        let value = try sql("SELECT value FROM counter")[0].integer(at: 0)
                        try sql("UPDATE counter SET value = \(value + 1)")
                    }
                }
                return .won
            } catch {
                return .failed("\(error)")
            }
        }
        #expect(outcomes.allSatisfy { $0 == .won }, "\(outcomes)")
        #expect(try await database.integer("SELECT value FROM counter") == 400)
    }

    @Test("readers and writers at once always see whole transactions", arguments: TestDatabase.allCases)
    func readsWholeTransactions(kind: TestDatabase) async throws {
        let database = try await kind.make()
        try await database.write("CREATE TABLE pairs (a BIGINT NOT NULL, b BIGINT NOT NULL)")
        try await database.write("INSERT INTO pairs VALUES (0, 0)")
        let outcomes = await sixteen { number in
            do {
                for _ in 0..<50 {
                    if number < 4 {
                        try await database.transaction { sql in
                            try sql("UPDATE pairs SET a = a + 1")
                            try sql("UPDATE pairs SET b = b + 1")
                        }
                    } else {
                        let isWhole = try await database.read { sql in
                            let a = try sql("SELECT a FROM pairs")[0].integer(at: 0)
                            return a == (try sql("SELECT b FROM pairs")[0].integer(at: 0))
                        }
                        guard isWhole else { return .lost }
                    }
                }
                return .won
            } catch {
                return .failed("\(error)")
            }
        }
        #expect(outcomes.allSatisfy { $0 == .won }, "\(outcomes)")
    }
}

enum Outcome: Sendable, Equatable {
    case won, lost
    case failed(String)
}

/// Does something sixteen times at once.
func sixteen(_ body: @escaping @Sendable (Int) async -> Outcome) async -> [Outcome] {
    await withTaskGroup(of: Outcome.self) { group in
        for number in 0..<16 { group.addTask { await body(number) } }
        return await group.reduce(into: []) { $0.append($1) }
    }
}
