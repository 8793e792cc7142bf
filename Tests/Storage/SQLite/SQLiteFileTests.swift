import Foundation
import GatehouseSQLite
import GatehouseStorage
import Testing

@Suite("The file of a SQLite store")
struct SQLiteFileTests {
    private let files = FileManager.default

    @Test("is readable by its owner only, its log too")
    func isPrivate() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        for suffix in ["", "-wal", "-shm"] {
            let mode = try files.attributesOfItem(atPath: store.path + suffix)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(suffix)")
        }
        await database.close()
    }

    @Test("holds everything alone after a clean close, with nothing left open")
    func closesCleanly() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.migrateForTests([
            "CREATE TABLE notes (text TEXT NOT NULL)",
            "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
            "INSERT INTO generation VALUES (1, 5)",
        ])
        for _ in 0..<100 { try await database.write("INSERT INTO notes VALUES ('x')") }
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 100)
        for _ in 0..<2 { #expect(try await database.generation() == 5) }
        await database.close()
        #expect(try files.contentsOfDirectory(atPath: store.directory.path) == ["store.sqlite"])
        #if os(Linux)
        let open = try files.contentsOfDirectory(atPath: "/proc/self/fd").filter { descriptor in
            (try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)"))?
                .hasPrefix(store.directory.path) == true
        }
        #expect(open.isEmpty)
        #endif
        let again = try store.openSQLite()
        #expect(try await again.integer("SELECT COUNT(*) FROM notes") == 100)
        await again.close()
    }

    @Test("of another program is read with the log that lies beside it, also through a link from elsewhere")
    func foreignThroughLink() async throws {
        let (store, elsewhere) = (try SQLiteTestStore(), try SQLiteTestStore())
        let database = try store.openSQLite()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        try await database.write("INSERT INTO notes VALUES ('only in the log')")
        try files.createSymbolicLink(atPath: elsewhere.path, withDestinationPath: store.path)
        #expect(try ForeignFile(path: elsewhere.path).rows("SELECT text FROM notes").count == 1)
        await database.close()
    }

    @Test("is let go of when the database is forgotten without a close")
    func closesWhenForgotten() async throws {
        let store = try SQLiteTestStore()
        do {
            let database = try store.openSQLite()
            try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        }
        // Its thread lets go by itself, soon.
        for _ in 0..<500 where files.fileExists(atPath: store.path + "-wal") {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(!files.fileExists(atPath: store.path + "-wal"))
    }

    @Test("must have a directory")
    func needsDirectory() {
        let error = #expect(throws: StorageError.self) { try SQLiteDatabase(path: "/nowhere/at/all/store.sqlite") }
        #expect(error?.isUnavailable == true)
        #expect(error?.message.contains("/nowhere/at/all/store.sqlite") == true)
    }

    @Test("has a name that SQLite cannot take for something else", arguments: ["", "a\0b"])
    func refusesOddNames(path: String) {
        let error = #expect(throws: StorageError.self) { try SQLiteDatabase(path: path) }
        #expect(error?.kind == .cannotOpen)
    }

    @Test("cannot be a directory")
    func refusesDirectory() throws {
        let store = try SQLiteTestStore()
        let error = #expect(throws: StorageError.self) { try SQLiteDatabase(path: store.directory.path) }
        #expect(error?.kind == .cannotOpen)
    }

    @Test("must be a database")
    func refusesOtherFiles() throws {
        let store = try SQLiteTestStore()
        try Data(repeating: UInt8(ascii: "x"), count: 8192).write(to: URL(filePath: store.path))
        let error = #expect(throws: StorageError.self) { try store.openSQLite() }
        #expect(error?.kind == .notADatabase)
        #expect(error?.isCorrupt == true)
        #expect(error?.isUnavailable == true)
    }

    @Test("that is damaged is reported as such, and a sound one in its place is used at once")
    func noticesDamage() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        try await database.transaction { sql in
            for number in 0..<2000 {
                try sql("INSERT INTO notes VALUES (\(String(repeating: "note \(number) ", count: 20)))")
            }
        }
        await database.close()
        try files.copyItem(atPath: store.path, toPath: store.path + ".good")
        let handle = try FileHandle(forWritingTo: URL(filePath: store.path))
        try handle.seek(toOffset: 4096)
        try handle.write(contentsOf: Data(repeating: 0xA5, count: 4096 * 20))
        try handle.close()

        let damaged = try store.openSQLite()
        for _ in 0..<2 {
            let error = await #expect(throws: StorageError.self) { try await damaged.rows("SELECT text FROM notes") }
            #expect(error?.isCorrupt == true)
            #expect(error?.isUnavailable == true)
        }
        let error = await #expect(throws: StorageError.self) {
            try await damaged.write("INSERT INTO notes VALUES ('x')")
        }
        #expect(error?.isCorrupt == true)
        _ = unsafe rename(store.path + ".good", store.path)
        try await damaged.write("INSERT INTO notes VALUES ('x')")
        #expect(try await damaged.integer("SELECT COUNT(*) FROM notes") == 2001)
        await damaged.close()
    }

    @Test("that was repaired where it is, is used again")
    func noticesRepair() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        try await database.write("INSERT INTO notes VALUES ('kept')")
        await database.close()
        try files.copyItem(atPath: store.path, toPath: store.path + ".good")
        var bytes = try Data(contentsOf: URL(filePath: store.path))
        bytes.replaceSubrange(4096..<8192, with: Data(repeating: 0xA5, count: 4096))
        try bytes.write(to: URL(filePath: store.path + ".bad"))
        try await copyOver(store, from: ".bad")

        let damaged = try store.openSQLite()
        let error = await #expect(throws: StorageError.self) {
            try await damaged.write("INSERT INTO notes VALUES ('x')")
        }
        #expect(error?.isCorrupt == true)
        await #expect(throws: StorageError.self) { try await damaged.rows("SELECT * FROM notes") }
        try await copyOver(store, from: ".good")
        try await damaged.write("INSERT INTO notes VALUES ('y')")
        #expect(try await damaged.integer("SELECT COUNT(*) FROM notes") == 2)
        await damaged.close()
    }

    @Test("that is moved while a transaction runs does not take an acknowledged write with it")
    func noticesAbsenceAtCommit() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.write("CREATE TABLE notes (text TEXT NOT NULL)")
        let path = store.path
        let error = await #expect(throws: StorageError.self) {
            try await database.transaction { sql in
                try sql("INSERT INTO notes VALUES ('x')")
                guard unsafe rename(path, path + ".away") == 0 else { throw CancellationError() }
            }
        }
        #expect(error?.kind == .replaced)
        await database.close()
    }

    @Test("that vanishes makes the store unavailable, never empty, until it is back")
    func noticesAbsence() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite()
        try await database.migrateForTests([
            "CREATE TABLE notes (text TEXT NOT NULL)",
            "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
            "INSERT INTO generation VALUES (1, 5)",
        ])
        try await database.write("INSERT INTO notes VALUES ('kept')")
        let before = try await database.generation()
        try moveAway(store)
        for inItsPlace in ["nothing", "a directory"] {
            if inItsPlace == "a directory" {
                try files.createDirectory(atPath: store.path, withIntermediateDirectories: false)
            }
            for _ in 0..<2 {
                let error = await #expect(throws: StorageError.self) {
                    try await database.write("INSERT INTO notes VALUES ('lost')")
                }
                #expect(error?.isUnavailable == true)
                let other = await #expect(throws: StorageError.self) { try await database.rows("SELECT * FROM notes") }
                #expect(other?.isUnavailable == true)
                await #expect(throws: StorageError.self) { try await database.generation() }
                await #expect(throws: StorageError.self) { try await database.checkReachable() }
            }
        }
        try files.removeItem(atPath: store.path)
        try moveBack(store)
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 1)
        try await database.write("INSERT INTO notes VALUES ('again')")
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == 2)
        // What was cached from before must not hold: nobody knows what happened to the file.
        #expect(try await database.generation() != before)
        #expect(database.statistics.reopenings == 1)
        await database.close()
    }

    @Test("that was replaced is noticed by those who only read")
    func noticesReplacementWhileReading() async throws {
        let (store, other) = (try SQLiteTestStore(), try SQLiteTestStore())
        for (store, text) in [(store, "old"), (other, "new")] {
            let database = try store.openSQLite()
            try await database.migrateForTests([
                "CREATE TABLE notes (text TEXT NOT NULL)",
                "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
                "INSERT INTO generation VALUES (1, 5)",
            ])
            try await database.write("INSERT INTO notes VALUES (\(text))")
            await database.close()
        }
        let database = try store.openSQLite()
        func text() async throws -> String { try await database.rows("SELECT text FROM notes")[0].text(at: 0) }
        #expect(try await text() == "old")
        try moveAway(store)
        try files.moveItem(atPath: other.path, toPath: store.path)
        for _ in 0..<500 where try await text() == "old" { try await Task.sleep(for: .milliseconds(10)) }
        #expect(try await text() == "new")

        let before = try await database.generation()
        try move(from: store.path, to: store.path + ".new")
        try moveBack(store)
        for _ in 0..<500 where try await database.generation() == before {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(try await database.generation() != before)
        await database.close()
    }

    @Test("may not be replaced by one of another schema version while the program runs")
    func refusesOtherSchema() async throws {
        let (store, older) = (try SQLiteTestStore(), try SQLiteTestStore())
        let migrations = (1...2).map {
            Migration(number: $0, title: "t", statements: ["CREATE TABLE t\($0) (n BIGINT)"])
        }
        let database = try store.openSQLite()
        _ = try await database.migrate(migrations)
        let olderDatabase = try older.openSQLite()
        _ = try await olderDatabase.migrate([migrations[0]])
        await olderDatabase.close()

        try moveAway(store)
        try files.moveItem(atPath: older.path, toPath: store.path)
        let error = await #expect(throws: StorageError.self) { try await database.write("INSERT INTO t1 VALUES (1)") }
        #expect(error?.kind == .replaced)
        #expect(error?.isUnavailable == true)
        await #expect(throws: StorageError.self) { try await database.rows("SELECT * FROM t1") }
        await database.close()
    }

    @Test("that is full refuses what does not fit, keeps the rest, and takes more when there is room")
    func fillsUp() async throws {
        let store = try SQLiteTestStore()
        let database = try store.openSQLite { $0.maximumPages = 40 }
        try await database.write("CREATE TABLE notes (id BIGINT NOT NULL, text TEXT NOT NULL)")
        let page = String(repeating: "x", count: 4000)
        var stored: Int64 = 0
        var error: StorageError?
        while error == nil, stored < 100 {
            do {
                try await database.write("INSERT INTO notes VALUES (\(stored), \(page))")
                stored += 1
            } catch let caught as StorageError {
                error = caught
            }
        }
        #expect(error?.isFull == true)
        #expect(error?.isUnavailable == true)
        #expect(stored > 10)
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == stored)
        try await database.write("DELETE FROM notes WHERE id < 5")
        try await database.write("INSERT INTO notes VALUES (1000, \(page))")
        #expect(try await database.integer("SELECT COUNT(*) FROM notes") == stored - 4)
        await database.close()
    }

    // MARK: Moving the file and its log

    /// Writes another content into the file that is there. In a process of its own, since closing a file takes away the
    /// locks that SQLite has on it here.
    private func copyOver(_ store: SQLiteTestStore, from suffix: String) async throws {
        let path = store.path
        let status = try await blocking {
            let process = Process()
            process.executableURL = URL(filePath: "/bin/cp")
            process.arguments = [path + suffix, path]
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        #expect(status == 0)
    }

    private func moveAway(_ store: SQLiteTestStore) throws { try move(from: store.path, to: store.path + ".away") }
    private func moveBack(_ store: SQLiteTestStore) throws { try move(from: store.path + ".away", to: store.path) }

    private func move(from: String, to: String) throws {
        for suffix in ["", "-wal", "-shm"] where files.fileExists(atPath: from + suffix) {
            try files.moveItem(atPath: from + suffix, toPath: to + suffix)
        }
    }
}
