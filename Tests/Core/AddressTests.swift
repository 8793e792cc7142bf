import GatehouseJSON
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
}
