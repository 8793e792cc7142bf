import GatehouseMessages
import GatehouseStorage
import GatehouseOpenCAP
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

    @Test("the last admin stays one, also when all its names go with an alias or a domain")
    func lastAdminByAlias() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "owner@mail.test")
        try await fixture.aDomain(owner: "owner@mail.test")
        let id = try await fixture.anAccount(alias: "admin$a.test", roles: [.admin])
        let alias = try Alias("admin$a.test")
        func account(_ id: String) async throws -> Account {
            try #require(try await fixture.database.read { sql in try Account.load(id, in: sql) })
        }
        func code(_ caller: Account) async throws -> String {
            do {
                try await fixture.features.aliases.delete(alias, by: caller)
                return "deleted"
            } catch let problem as Problem { return problem.code }
        }
        let name = try AccountName("owner@mail.test")
        let owner = try #require(try await fixture.database.read { sql in try Accounts.id(of: name, in: sql) })
        #expect(try await code(try await account(id)) == "last_admin")
        #expect(try await code(try await account(owner)) == "insufficient_role")
        let domain = try DomainName("a.test")
        await #expect(throws: AccountError.lastAdmin) { try await fixture.domains.remove(domain) }
        #expect(try await fixture.outcome("admin$a.test") == "200")
        // With another admin, who may be disabled by nobody meanwhile, all of it goes.
        let second = try await fixture.anAccount(email: "second@mail.test", roles: [.admin])
        #expect(try await code(try await account(owner)) == "insufficient_role")
        #expect(try await code(try await account(second)) == "deleted")
        try await fixture.domains.remove(domain)
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
