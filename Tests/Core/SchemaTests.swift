import GatehouseCryptography
import GatehouseSQLite
import GatehouseStorage
import Testing

@testable import GatehouseCore

@Suite("The steps of the schema")
struct SchemaTests {
    /// A store, and a backup, must have the tables that its version has. So neither a step that was shipped may change nor what the
    /// driver makes of it.
    @Test(
        "a store of an earlier version is what it was, table by table",
        arguments: [
            (11, "6afe60135bd7b3d0ba5dbccbbf6a047ad4907750bf238e052d526eedf7f9aa26"),
            (12, "63f9783401f66a7952bf5d974465cb9d2fdcdfeb91f41d96f66055115f668208"),
        ])
    func shipped(version: Int, digest: String) async throws {
        let database = try SQLiteDatabase.inMemory()
        _ = try await database.migrate(Array(Schema.migrations[..<version]))
        let rows = try await database.rows("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        let text = try rows.map { row throws in "\(try row.text("name")): \(try row.text("sql"))\n" }.joined()
        #expect(hexadecimal(Digest.sha256(Array(text.utf8))) == digest)
    }
}
