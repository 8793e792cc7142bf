import Foundation
import GatehouseSQLite
import GatehouseStorage
import Testing

@Suite("A SQLite store and other processes")
struct SQLiteProcessTests {
    @Test("every acknowledged write survives a kill, and nothing is half there", .timeLimit(.minutes(2)))
    func survivesKill() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.migrateForTests([
            "CREATE TABLE left_half (id TEXT NOT NULL PRIMARY KEY)",
            "CREATE TABLE right_half (id TEXT NOT NULL PRIMARY KEY)",
        ])
        await database.close()
        var acknowledged: Set<String> = []
        for _ in 0..<5 {
            let probe = try Probe("acknowledge", store)
            let lines = try await blocking {
                var lines: [String] = []
                let wanted = Int.random(in: 50...500)
                while lines.count < wanted, let line = try probe.readLine() { lines.append(line) }
                probe.kill()
                // What it said before the kill is in the pipe still.
                while let line = try probe.readLine() { lines.append(line) }
                probe.waitUntilExit()
                return lines
            }
            #expect(lines.count >= 50)
            acknowledged.formUnion(lines)

            let reopened = try store.openSQLite()
            #expect(try await reopened.integrityProblems() == [])
            let left = try await reopened.rows("SELECT id FROM left_half").map { try $0.text(at: 0) }
            let right = try await reopened.rows("SELECT id FROM right_half").map { try $0.text(at: 0) }
            #expect(acknowledged.subtracting(left).isEmpty)
            #expect(Set(left) == Set(right))
            // What was done but not said is at most what was under way.
            #expect(left.count <= acknowledged.count + 16 * 5)
            await reopened.close()
        }
    }

    @Test("a commit of another process changes the generation at the next call")
    func noticesOtherProcess() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.migrateForTests([
            "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
            "INSERT INTO generation VALUES (1, 1)",
        ])
        #expect(try await database.generation() == 1)
        _ = try await Probe.run("bump", store)
        #expect(try await database.generation() == 2)
        // Right after it was asked, when what was learnt last would still be at hand.
        let probe = try Probe("bump-each-line", store)
        for value in Int64(3)...40 {
            for _ in 0..<2 { #expect(try await database.generation() == value - 1) }
            let line = try await blocking {
                try probe.writeLine()
                return try probe.readLine()
            }
            #expect(line == "bumped")
            #expect(try await database.generation() == value)
        }
        try probe.endInput()
        #expect(try await blocking { probe.waitUntilExit() } == 0)
        await database.close()
    }

    @Test("a store that another process is writing to is busy, readable, and free again afterwards")
    func waitsForOtherProcess() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite { $0.busyTimeoutMilliseconds = 100 }
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        let probe = try Probe("hold", store)
        let held = try await blocking { try probe.readLine() }
        #expect(held == "held")
        let error = await #expect(throws: StorageError.self) {
            try await database.write("INSERT INTO notes VALUES ('x')")
        }
        #expect(error?.isBusy == true)
        #expect(error?.isUnavailable == true)
        await #expect(throws: StorageError.self) { try await database.checkReachable() }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 0)
        try probe.endInput()
        #expect(try await blocking { probe.waitUntilExit() } == 0)
        try await database.write("INSERT INTO notes VALUES ('x')")
        try await database.checkReachable()
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 1)
        await database.close()
    }

    @Test("another process gets its turn while sixteen write all the time")
    func givesTurns() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite { $0.isDurable = true }
        try await database.migrateForTests([
            "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
            "INSERT INTO generation VALUES (1, 1)",
            "CREATE TABLE notes (text TEXT NOT NULL)",
        ])
        let writers = Task {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        while !Task.isCancelled { try await database.write("INSERT INTO notes VALUES ('x')") }
                    }
                }
                try await group.waitForAll()
            }
        }
        for _ in 0..<3 { _ = try await Probe.run("bump", store) }
        writers.cancel()
        do { try await writers.value } catch is CancellationError {}
        #expect(try await database.generation() == 4)
        await database.close()
    }

    @Test("four processes that migrate at once run each step once")
    func migratesAtOnce() async throws {
        let store = try SQLiteTestStore()
        let ran = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 { group.addTask { try await Probe.run("migrate", store) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(ran.compactMap { Int($0) }.sorted() == Array(1...20))
    }

    @Test("when a commit cannot be written, all who share it are told, and the store recovers by itself")
    func failsTogether() async throws {
        let lines = try await Probe.run("limited", SQLiteTestStore())
        try #require(lines.count == 20, "\(lines)")
        #expect(lines[0] == "ok")
        #expect(lines[1...16].allSatisfy { $0 == "unavailable:inputOutput" }, "\(lines)")
        #expect(lines[17] == "ok")
        #expect(lines[18] == "ok")
        #expect(lines[19] == "2 rows")
    }

    @Test("a file that may only be read is refused as such, and used again when it may be written")
    func refusesReadOnly() async throws {
        let store = try SQLiteTestStore()
        // The probe gives its rights away before it makes the file.
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: store.directory.path)
        let lines = try await Probe.run("read-only", store)
        #expect(lines == ["ok", "unavailable:readOnly", "unavailable:readOnly", "ok"])
    }
}
