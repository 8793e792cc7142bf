import GatehouseMessages
import GatehouseStorage
import Testing

@testable import GatehouseCore

@Suite("Accounts by their identifiers")
struct AccountChangeTests {
    @Test("the last admin stays one, also below /api")
    func lastAdmin() async throws {
        let fixture = try await Fixture()
        let id = try await fixture.anAccount(email: "admin@a.test", roles: [.admin])
        let accounts = fixture.accounts
        func refused(_ body: () async throws -> Void) async {
            await #expect(throws: AccountError.lastAdmin) { () async throws in try await body() }
        }
        await refused { try await accounts.change(id, roles: [.staff], isDisabled: nil, password: nil) }
        await refused { try await accounts.change(id, roles: nil, isDisabled: true, password: nil) }
        await refused { try await accounts.delete(id: id) }
        // All or none: the password of the refused change does not count.
        let password = try fixture.newPassword("another harbour 8")
        await refused { try await accounts.change(id, roles: [], isDisabled: nil, password: password) }
        #expect(try await fixture.outcome("admin@a.test") == "200")
        let second = try await fixture.anAccount(email: "second@a.test", roles: [.admin])
        try await accounts.change(id, roles: [], isDisabled: nil, password: nil)
        await refused { try await accounts.delete(id: second) }
    }

    @Test("of two admins who demote each other at once one stays")
    func eachOther() async throws {
        let fixture = try await Fixture()
        let one = try await fixture.anAccount(email: "one@a.test", roles: [.admin])
        let other = try await fixture.anAccount(email: "other@a.test", roles: [.admin])
        let outcomes = try await sixteen { index in
            do {
                try await fixture.accounts.change(
                    index % 2 == 0 ? one : other, roles: [], isDisabled: nil, password: nil)
                return "changed"
            } catch AccountError.lastAdmin { return "last" }
        }
        #expect(outcomes.values.reduce(0, +) == 16)
        #expect(try await fixture.count("SELECT COUNT(*) FROM account_roles WHERE role = 'admin'") == 1)
    }

    @Test("of sixteen changes of one's password at once one succeeds")
    func passwordRace() async throws {
        let fixture = try await Fixture { $0.signInFailuresPerName = 1000 }
        try await fixture.anAccount(email: "alice@a.test")
        let account = try await fixture.tokens.check(try await fixture.signIn("alice@a.test")).account
        let outcomes = try await sixteen { index in
            do {
                try await fixture.features.signIn.changePassword(
                    of: account, from: Fixture.password, to: try fixture.newPassword("harbour number \(index)"),
                    from: Fixture.here)
                return "changed"
            } catch let problem as Problem { return problem.code }
        }
        #expect(outcomes == ["changed": 1, "invalid_credentials": 15])
        #expect(try await fixture.count("SELECT COUNT(*) FROM sessions") == 0)
    }
}
