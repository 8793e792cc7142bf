import GatehouseStorage
import Testing

@testable import GatehouseSQLite

@Suite("The connections of a SQLite store")
struct SQLiteSettingsTests {
    @Test("wait for the disk, check foreign keys, and read without writing")
    func areSet() throws {
        let store = try SQLiteTestStore()
        let file = try StoreFile(path: store.path, options: SQLiteOptions())
        try file.create()
        let writer = try file.connect(as: .writer)
        #expect(try writer.pragma("journal_mode") == .text("wal"))
        #expect(try writer.pragma("synchronous") == .integer(2), "FULL")
        #expect(try writer.pragma("foreign_keys") == .integer(1))
        #expect(try writer.pragma("query_only") == .integer(0))
        let reader = try file.connect(as: .reader)
        #expect(try reader.pragma("journal_mode") == .text("wal"))
        #expect(try reader.pragma("query_only") == .integer(1))
    }

    @Test("prepare a statement once for all its values")
    func keepStatements() throws {
        let store = try SQLiteTestStore()
        let file = try StoreFile(path: store.path, options: SQLiteOptions())
        try file.create()
        let connection = try file.connect(as: .writer)
        var cache = StatementCache(capacity: 2)
        var prepared = 0
        func use(_ text: String) throws {
            _ = try cache.statement(text) { () throws(StorageError) in
                prepared += 1
                return try connection.prepare(text)
            }
        }
        for text in ["SELECT 1", "SELECT 1", "SELECT 2", "SELECT 1"] { try use(text) }
        #expect(prepared == 2)
        // The third makes room by dropping the one not used for longest, which is the second.
        for text in ["SELECT 3", "SELECT 1"] { try use(text) }
        #expect(prepared == 3)
        try use("SELECT 2")
        #expect(prepared == 4)
    }
}
