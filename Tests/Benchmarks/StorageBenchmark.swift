import CGatehouseSQLite
import Foundation
import GatehouseSQLite
import GatehouseStorage

/// Compares the store with itself and with bare C calls, so that the figures mean the same on every machine.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func storageBenchmarks(seconds: Double) async throws -> [Row] {
    let directory = FileManager.default.temporaryDirectory.appending(path: "gatehouse-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    let database = try SQLiteDatabase(path: directory.appending(path: "store.sqlite").path)
    // In turns, so that whatever else the machine does meets all of them alike.
    let rounds = 4
    let benchmark = StorageBenchmark(database: database, seconds: seconds / Double(rounds))
    try await benchmark.prepare()
    var (c, single, snapshot, generation, one, sixteen, perCommit) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for _ in 0..<rounds {
        c += try benchmark.readsInC() / Double(rounds)
        single += try await benchmark.reads() / Double(rounds)
        snapshot += try await benchmark.snapshotReads() / Double(rounds)
        generation += try await benchmark.generations() / Double(rounds)
        one += try await benchmark.writes(by: 1).perSecond / Double(rounds)
        let together = try await benchmark.writes(by: 16)
        sixteen += together.perSecond / Double(rounds)
        perCommit += together.perCommit / Double(rounds)
    }
    await database.close()

    return [
        Row(
            name: "one-row read / bare C", value: single / c, note: "\(rate(single)) against \(rate(c)), one core"),
        Row(
            name: "one-row read in a snapshot / bare C", value: snapshot / c,
            note: "\(rate(snapshot)) against \(rate(c)), one core"),
        Row(
            name: "generation() / one-row read", value: generation / single,
            note: "\(rate(generation)), nothing changed"),
        Row(
            name: "sixteen writers / one", value: sixteen / one,
            note: "\(rate(sixteen)) against \(rate(one)) durable transactions, \(Int(perCommit.rounded())) in a commit"),
    ]
}

private struct StorageBenchmark {
    let database: SQLiteDatabase
    let seconds: Double
    let rows = 10_000

    func prepare() async throws {
        _ = try await database.migrate([
            Migration(
                number: 1, title: "benchmark",
                statements: [
                    """
                    CREATE TABLE addresses (
                        alias TEXT NOT NULL, type BIGINT NOT NULL, address TEXT NOT NULL, extensions TEXT NOT NULL,
                        PRIMARY KEY (alias, type)
                    )
                    """,
                    "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
                    "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
                    "INSERT INTO generation VALUES (1, 1)",
                ])
        ])
        try await database.transaction { sql in
            for number in 0..<rows {
                try sql("INSERT INTO addresses VALUES (\(Self.alias(number)), 100, \(Self.address), \("{}"))")
            }
        }
    }

    private static func alias(_ number: Int) -> String { "someone\(number)$example.tld" }
    private static let address = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"

    /// Runs `body` for a while and returns how often a second it ran. Looks at the clock every 256 times.
    private func callsPerSecond(_ body: (Int) throws -> Void) rethrows -> Double {
        var count = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            for _ in 0..<256 {
                try body(count % rows)
                count += 1
            }
        }
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }

    private func asyncRate(_ body: (Int) async throws -> Void) async rethrows -> Double {
        var count = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            for _ in 0..<256 {
                try await body(count % rows)
                count += 1
            }
        }
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }
}

// MARK: Reads

extension StorageBenchmark {
    func reads() async throws -> Double {
        let aliases = (0..<rows).map(Self.alias)
        return try await asyncRate { number in
            let found = try await database.rows(
                "SELECT address, extensions FROM addresses WHERE alias = \(aliases[number]) AND type = \(100)")
            let (address, extensions) = (try found[0].text(at: 0), try found[0].text(at: 1))
            precondition(address == Self.address && extensions == "{}")
        }
    }

    func snapshotReads() async throws -> Double {
        let aliases = (0..<rows).map(Self.alias)
        return try await asyncRate { number in
            let alias = aliases[number]
            let address = try await database.read { sql in
                try sql("SELECT address, extensions FROM addresses WHERE alias = \(alias) AND type = \(100)")[0].text(
                    at: 0)
            }
            precondition(address == Self.address)
        }
    }

    func generations() async throws -> Double {
        try await asyncRate { _ in
            let generation = try await database.generation()
            precondition(generation == 1)
        }
    }

    /// The same read with nothing around it: bind, step, look at the first bytes, reset.
    func readsInC() throws -> Double {
        var connection: OpaquePointer?
        var statement: OpaquePointer?
        defer {
            unsafe sqlite3_finalize(statement)
            unsafe sqlite3_close(connection)
        }
        let text = "SELECT address, extensions FROM addresses WHERE alias = ?1 AND type = ?2"
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
        guard unsafe sqlite3_open_v2(database.path, &connection, flags, nil) == SQLITE_OK,
            unsafe sqlite3_prepare_v2(connection, text, -1, &statement, nil) == SQLITE_OK
        else { throw StorageError(.other, message: "the benchmark cannot open the store") }
        let aliases = (0..<rows).map { number in ContiguousArray(Self.alias(number).utf8CString) }
        return callsPerSecond { number in
            let alias = aliases[number]
            unsafe alias.withUnsafeBufferPointer { bytes in
                _ = unsafe gatehouse_sqlite3_bind_text(statement, 1, bytes.baseAddress, UInt64(bytes.count - 1))
            }
            unsafe sqlite3_bind_int64(statement, 2, 100)
            precondition(unsafe sqlite3_step(statement) == SQLITE_ROW)
            precondition(unsafe sqlite3_column_text(statement, 0)[0] == 0x31 && sqlite3_column_bytes(statement, 1) == 2)
            unsafe sqlite3_reset(statement)
        }
    }
}

// MARK: Writes

extension StorageBenchmark {
    /// - Returns: acknowledged transactions a second, and how many shared a commit.
    func writes(by writers: Int) async throws -> (perSecond: Double, perCommit: Double) {
        let before = database.statistics
        let start = ContinuousClock.now
        let deadline = start + .seconds(seconds)
        let first = try await database.rows("SELECT COALESCE(MAX(id), 0) FROM notes")[0].integer(at: 0) + 1
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    var id = first + Int64(writer)
                    while ContinuousClock.now < deadline {
                        let number = id
                        try await database.transaction { sql in
                            _ = try sql("INSERT INTO notes VALUES (\(number), \("note"))")
                        }
                        id += Int64(writers)
                    }
                }
            }
            try await group.waitForAll()
        }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let after = database.statistics
        let transactions = Double(after.committedTransactions - before.committedTransactions)
        return (transactions / elapsed, transactions / Double(max(1, after.commits - before.commits)))
    }
}
