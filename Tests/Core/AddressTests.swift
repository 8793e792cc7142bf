import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseSQLite
import GatehouseStorage
import Testing

@testable import GatehouseCore

@Suite("The addresses of an alias")
struct AddressTests {
    @Test("an address that is sent again is the one that was written last, without another event")
    func again() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        let id = try await fixture.anAccount(alias: "alice$a.test")
        let texts = [
            100: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", 102: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ]
        for type in [100, 102, 100] {
            fixture.time.advance(seconds: 1)
            let body: JSONValue = [
                "address_type": .number(JSONNumber(Int64(type))), "address": .string(texts[type] ?? ""),
            ]
            try await fixture.features.addresses.set(try PaymentAddress(body, faults: Faults()), of: id, by: .server)
        }
        let last = try await fixture.database.rows("SELECT address_type FROM addresses ORDER BY written_at DESC")
        #expect(try last.first?.integer("address_type") == 100)
        #expect(try await fixture.count("SELECT COUNT(*) FROM audit_events WHERE object_kind = 'address'") == 2)
    }

    @Test("a look-up reads the addresses by their key, and nothing else but the few aliases that are disabled")
    func plan() async throws {
        let fixture = try await Fixture()
        let query = fixture.features.addresses.addresses(of: try Alias("alice$a.test"))
        let plan = try await fixture.database.rows("EXPLAIN QUERY PLAN \(query)").map { row throws in
            try row.text("detail")
        }
        #expect(
            plan == [
                "SEARCH addresses USING PRIMARY KEY (username=? AND domain=?)", "SCALAR SUBQUERY 1",
                "SEARCH accounts USING INDEX accounts_disabled_aliases (<expr>=?)",
            ])
    }

    @Test("the addresses of an older store stay, with their alias")
    func migrated() async throws {
        let database = try SQLiteDatabase.inMemory()
        let number = try #require(Schema.migrations.firstIndex { $0.title.contains("addresses by the alias") })
        _ = try await database.migrate(Array(Schema.migrations[..<number]))
        try await database.transaction { sql in
            for (id, username) in [("a", "alice"), ("b", "bob")] {
                try sql(
                    """
                    INSERT INTO accounts
                        (id, username, domain, password_hash, created_at, password_changed_at, addresses_version)
                    VALUES (\(id), \(username), 'a.test', 'x', 1, 1, 3)
                    """)
                for type in [102, 100] {
                    try sql(
                        "INSERT INTO addresses VALUES (\(id), \(type), \("\(username)'s of \(type)"), '{}', \(type))")
                }
            }
            try sql("UPDATE accounts SET disabled_at = 1 WHERE id = 'b'")
        }
        _ = try await database.migrate(Schema.migrations)
        let addresses = Addresses(database: database, clock: TestClock().clock, faults: Faults())
        let before = try await addresses.lookUp(try Alias("alice$a.test"))
        #expect(before.addresses.map(\.type) == [100, 102])
        #expect(before.addresses.map(\.address) == ["alice's of 100", "alice's of 102"])
        await #expect(throws: Problem.unknownAlias) { _ = try await addresses.lookUp(try Alias("bob$a.test")) }
        // A version that goes on from there.
        try await addresses.delete(.p2pkh, of: "a", by: .server)
        let after = try await addresses.lookUp(try Alias("alice$a.test"))
        #expect(after.addresses.map(\.type) == [102] && after.version != before.version)
    }
}
