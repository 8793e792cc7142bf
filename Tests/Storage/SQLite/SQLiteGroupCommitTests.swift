import Foundation
import GatehouseSQLite
import GatehouseStorage
import Testing

@Suite("The writer of a SQLite store")
struct SQLiteGroupCommitTests {
    struct Stop: Error {}

    @Test("commits sixteen transactions that wait together")
    func commitsTogether() async throws {
        let blocked = try await BlockedWriter()
        let tasks = try await blocked.submit(16) { sql, number in _ = try sql("INSERT INTO notes VALUES (\(number))") }
        blocked.release()
        for task in tasks { try await task.value }
        #expect(blocked.commits == 2)
        #expect(blocked.database.statistics.largestGroup == 16)
        #expect(try await blocked.database.integer("SELECT COUNT(*) FROM notes") == 16)
    }

    @Test("makes far fewer commits than transactions when sixteen write all the time")
    func commitsSeldom() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite { $0.isDurable = true }
        try await database.write("CREATE TABLE notes (number BIGINT NOT NULL)")
        let before = database.statistics
        let outcomes = await sixteen { writer in
            await outcome {
                for number in 0..<50 {
                    try await database.write("INSERT INTO notes VALUES (\(writer * 1000 + number))")
                }
            }
        }
        #expect(outcomes.allSatisfy { $0 == .won })
        let after = database.statistics
        #expect(after.committedTransactions - before.committedTransactions == 800)
        #expect(after.commits - before.commits < 400, "\(after)")
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 800)
        await database.close()
    }

    @Test("lets a body that throws hurt nobody else in its group")
    func isolatesFailures() async throws {
        let blocked = try await BlockedWriter()
        let tasks = try await blocked.submit(16) { sql, number in
            try sql("INSERT INTO notes VALUES (\(number))")
            if number % 3 == 0 { throw Stop() }
            if number % 3 == 1 { try sql("INSERT INTO nowhere VALUES (1)") }
        }
        blocked.release()
        for (number, task) in tasks.enumerated() {
            switch number % 3 {
            case 0: await #expect(throws: Stop.self) { try await task.value }
            case 1: await #expect(throws: StorageError.self) { try await task.value }
            default: try await task.value
            }
        }
        #expect(blocked.commits == 2)
        let kept = try await blocked.database.rows("SELECT number FROM notes ORDER BY number").map {
            try $0.integer(at: 0)
        }
        #expect(kept == [2, 5, 8, 11, 14])
    }

    @Test("gives one value to one of sixteen in one group")
    func insertsOnceInAGroup() async throws {
        let blocked = try await BlockedWriter()
        let tasks = try await blocked.submit(16) { sql, number in _ = try sql("INSERT INTO names VALUES ('taken')") }
        blocked.release()
        var violations = 0
        for task in tasks {
            do { try await task.value } catch let error as StorageError where error.isUniqueViolation {
                violations += 1
            }
        }
        #expect(violations == 15)
        #expect(blocked.commits == 2)
        #expect(try await blocked.database.integer("SELECT COUNT(*) FROM names") == 1)
    }

    @Test("keeps a violation that shows only at the end of a transaction within that transaction")
    func isolatesDeferredViolations() async throws {
        let blocked = try await BlockedWriter()
        let tasks = try await blocked.submit(4) { sql, number in
            // A name that does not exist is allowed until the end.
            try sql("INSERT INTO mentions VALUES (\("name \(number)"))")
            if number != 2 { try sql("INSERT INTO names VALUES (\("name \(number)"))") }
        }
        blocked.release()
        for (number, task) in tasks.enumerated() {
            if number == 2 {
                let error = await #expect(throws: StorageError.self) { try await task.value }
                #expect(error?.isForeignKeyViolation == true)
            } else {
                try await task.value
            }
        }
        #expect(try await blocked.database.integer("SELECT COUNT(*) FROM mentions") == 3)
    }

    @Test("takes no more into a group than it was told to")
    func boundsGroups() async throws {
        let blocked = try await BlockedWriter { $0.maximumGroup = 4 }
        let tasks = try await blocked.submit(16) { sql, number in _ = try sql("INSERT INTO notes VALUES (\(number))") }
        blocked.release()
        for task in tasks { try await task.value }
        #expect(blocked.commits == 5)
        #expect(blocked.database.statistics.largestGroup == 4)
    }

    @Test("refuses more than may wait")
    func boundsWaiting() async throws {
        let blocked = try await BlockedWriter { $0.maximumWaiting = 4 }
        let tasks = try await blocked.submit(4) { sql, number in _ = try sql("INSERT INTO notes VALUES (\(number))") }
        let error = await #expect(throws: StorageError.self) {
            try await blocked.database.write("INSERT INTO notes VALUES (99)")
        }
        #expect(error?.isBusy == true)
        #expect(error?.isUnavailable == true)
        blocked.release()
        for task in tasks { try await task.value }
        try await blocked.database.write("INSERT INTO notes VALUES (100)")
        #expect(try await blocked.database.integer("SELECT COUNT(*) FROM notes") == 5)
    }

    @Test("drops what was cancelled while it waited")
    func dropsCancelled() async throws {
        let blocked = try await BlockedWriter()
        let tasks = try await blocked.submit(16) { sql, number in _ = try sql("INSERT INTO notes VALUES (\(number))") }
        for (number, task) in tasks.enumerated() where number.isMultiple(of: 2) { task.cancel() }
        // They are told at once, not when the writer comes to them.
        for (number, task) in tasks.enumerated() where number.isMultiple(of: 2) {
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        #expect(blocked.database.statistics.waiting == 8)
        blocked.release()
        for (number, task) in tasks.enumerated() where !number.isMultiple(of: 2) { try await task.value }
        let kept = try await blocked.database.rows("SELECT number FROM notes").map { try $0.integer(at: 0) }
        #expect(Set(kept) == [1, 3, 5, 7, 9, 11, 13, 15])
    }

    @Test("finishes what waits when the store is closed")
    func finishesOnClose() async throws {
        let blocked = try await BlockedWriter()
        let tasks = try await blocked.submit(16) { sql, number in _ = try sql("INSERT INTO notes VALUES (\(number))") }
        let database = blocked.database
        let closing = Task { await database.close() }
        blocked.release()
        for task in tasks { try await task.value }
        await closing.value
        let again = try blocked.store.openSQLite()
        #expect(try await again.integer("SELECT COUNT(*) FROM notes") == 16)
        await again.close()
    }

    @Test("tells those whose work went with a full disk, and goes on with the others")
    func survivesFullDiskInAGroup() async throws {
        let blocked = try await BlockedWriter { $0.maximumPages = 40 }
        let tasks = try await blocked.submit(8) { sql, number in
            try sql("INSERT INTO notes VALUES (\(number))")
            if number == 4 { try sql("INSERT INTO names VALUES (\(String(repeating: "x", count: 1 << 20)))") }
        }
        blocked.release()
        var acknowledged: Set<Int64> = []
        for (number, task) in tasks.enumerated() {
            do {
                try await task.value
                acknowledged.insert(Int64(number))
            } catch let error as StorageError {
                #expect(error.isFull)
            }
        }
        let kept = try await blocked.database.rows("SELECT number FROM notes").map { try $0.integer(at: 0) }
        #expect(Set(kept) == acknowledged)
        #expect(!acknowledged.contains(4))
        #expect(acknowledged.isSuperset(of: [5, 6, 7]))
    }

    @Test("moves the log into the file once it is long")
    func checkpoints() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite { $0.checkpointPages = 20 }
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        for _ in 0..<100 {
            try await database.write("INSERT INTO notes VALUES (\(String(repeating: "x", count: 2000)))")
        }
        #expect(database.statistics.checkpoints >= 2)
        #expect(database.statistics.failedCheckpoints == 0)
        let size = try FileManager.default.attributesOfItem(atPath: store.path + "-wal")[.size] as? Int
        #expect(try #require(size) < 60 * 4200)
        await database.close()
    }

    @Test("keeps working when there are more statements than it keeps prepared")
    func boundsStatements() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite { $0.cachedStatements = 3 }
        try await database.write("CREATE TABLE notes (a BIGINT, b BIGINT, c BIGINT, d BIGINT, e BIGINT)")
        for _ in 0..<4 {
            for column: StaticString in ["a", "b", "c", "d", "e"] {
                try await database.write("INSERT INTO notes (\(verbatim: column)) VALUES (1)")
                #expect(try await database.integer("SELECT COUNT(*) FROM notes WHERE \(verbatim: column) = 1") > 0)
            }
        }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 20)
        await database.close()
    }

    @Test("translates a table: its types, its strictness, the order of its key, and nothing within quotes")
    func translatesDefinitions() async throws {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrateForTests([
            """
            CREATE TABLE IF NOT EXISTS things (
                id bigint NOT NULL PRIMARY KEY, "BIGINT" TEXT NOT NULL DEFAULT 'a BYTEA, isn''t it', data BYTEA
            );
            """,
            "CREATE TABLE strict (n INTEGER) STRICT",
            "CREATE INDEX things_by_data ON things (data)",
            "CREATE TABLE pairs (a TEXT NOT NULL, b BIGINT NOT NULL, c TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
        ])
        let plan = try await database.rows("EXPLAIN QUERY PLAN SELECT c FROM pairs WHERE a = 'a' AND b = 1")
        #expect(try plan.map { try $0.text("detail") } == ["SEARCH pairs USING PRIMARY KEY (a=? AND b=?)"])
        await #expect(throws: StorageError.self) {
            try await database.write("INSERT INTO pairs VALUES ('x', 'x', 'x')")
        }
        try await database.write("INSERT INTO things (id, data) VALUES (1, \([1] as [UInt8]))")
        #expect(try await database.rows("SELECT \"BIGINT\" FROM things")[0].text("BIGINT") == "a BYTEA, isn't it")
        await #expect(throws: StorageError.self) { try await database.write("INSERT INTO things (id) VALUES ('x')") }
        await #expect(throws: StorageError.self) { try await database.write("INSERT INTO strict VALUES ('x')") }
    }
}

private func outcome(_ body: () async throws -> Void) async -> Outcome {
    do {
        try await body()
        return .won
    } catch {
        return .failed("\(error)")
    }
}

/// A store whose writer is held up by a transaction, so that others have to wait together.
private struct BlockedWriter {
    let store: SQLiteTestStore
    let database: SQLiteDatabase
    private let gate = Gate()
    private let commitsBefore: Int
    private let blocker: Task<Void, any Error>

    init(_ change: (inout SQLiteOptions) -> Void = { _ in }) async throws {
        store = try SQLiteTestStore()
        database = try store.openSQLite(change)
        try await database.migrateForTests([
            "CREATE TABLE notes (number BIGINT NOT NULL)",
            "CREATE TABLE names (name TEXT NOT NULL PRIMARY KEY)",
            "CREATE TABLE mentions (name TEXT NOT NULL REFERENCES names (name) DEFERRABLE INITIALLY DEFERRED)",
        ])
        commitsBefore = database.statistics.commits
        let (database, gate) = (database, gate)
        blocker = Task { try await database.transaction { _ in gate.pass() } }
        try await gate.waitUntilEntered()
    }

    /// The commits since, that of the blocking transaction included.
    var commits: Int { database.statistics.commits - commitsBefore }

    /// Starts transactions and returns when all of them wait, in order.
    func submit(
        _ count: Int, _ body: @escaping @Sendable (borrowing Transaction, Int) throws -> Void
    ) async throws -> [Task<Void, any Error>] {
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<count {
            let database = database
            tasks.append(Task { try await database.transaction { sql in try body(sql, number) } })
            let end = ContinuousClock.now + .seconds(60)
            while database.statistics.waiting < number + 1 {
                // Not by yielding: on a busy machine that keeps from work whoever is waited for.
                try await Task.sleep(for: .milliseconds(1))
                try #require(ContinuousClock.now < end, "the blocking transaction gave up")
            }
        }
        return tasks
    }

    func release() { gate.open() }
}
