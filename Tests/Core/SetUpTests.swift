import GatehouseCryptography
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import GatehouseTransfer
import Testing

@testable import GatehouseCore

@Suite("The first admin")
struct SetUpTests {
    private static let email = "first@a.test"

    @Test("whoever is on the machine itself makes the first admin, and the change is audited")
    func makesAdmin() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.create() == "made")
        #expect(try await fixture.accounts.list().map(\.roles) == [[.admin]])
        #expect(try await fixture.outcome(Self.email) == "200")
        let events = try await fixture.database.rows(
            "SELECT action, actor FROM audit_events WHERE object_kind = 'account'")
        let actions = try events.map { row throws in try row.text("action") }
        #expect(actions == ["create: first@a.test; roles: admin"])
        let actors = try events.map { row throws in try row.optionalText("actor") }
        #expect(actors == [nil])
    }

    @Test("once there is an admin it is closed, however the admin was made")
    func closes() async throws {
        let byPage = try await Fixture()
        #expect(try await byPage.create() == "made")
        #expect(try await byPage.create("second@a.test") == "closed")

        let byCommand = try await Fixture()
        try await byCommand.anAccount(email: "admin@a.test", roles: [.admin])
        #expect(try await byCommand.create() == "closed")

        let byRole = try await Fixture()
        try await byRole.anAccount(email: "admin@a.test", roles: [.staff])
        #expect(try await byRole.features.setUp.standing() == .open)
        try await byRole.accounts.setRoles([.admin], of: try AccountName("admin@a.test"))
        #expect(try await byRole.create() == "closed")

        let byChange = try await Fixture()
        let id = try await byChange.anAccount(email: "admin@a.test")
        try await byChange.accounts.change(id, roles: [.admin], isDisabled: nil, password: nil)
        #expect(try await byChange.create() == "closed")
    }

    @Test("a table without admins does not open it")
    func staysClosed() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "admin@a.test", roles: [.admin])
        try await fixture.database.transaction { sql in
            try sql("DELETE FROM account_roles")
            try sql("DELETE FROM accounts")
        }
        #expect(try await fixture.create() == "closed")
        #expect(try await fixture.features.setUp.makeCode() == nil)
    }

    @Test("a store that had an admin before this was noted is closed")
    func migrates() async throws {
        for hasAdmin in [true, false] {
            let database = try SQLiteDatabase.inMemory()
            let before = Schema.migrations.filter { $0.number < 7 }
            _ = try await database.migrate(before)
            try await database.transaction { sql in
                try sql(
                    """
                    INSERT INTO accounts (id, email, password_hash, created_at, password_changed_at)
                    VALUES ('one', 'old@a.test', 'x', 17, 17)
                    """)
                try sql(
                    "INSERT INTO account_roles (account_id, role) VALUES ('one', \(hasAdmin ? "admin" : "staff"))")
            }
            let fixture = try await Fixture(database)
            #expect(try await fixture.create() == (hasAdmin ? "closed" : "made"))
        }
    }

    @Test("from elsewhere it needs the code, whichever of those that were printed")
    func needsCode() async throws {
        let fixture = try await Fixture()
        let (one, two) = (
            try #require(try await fixture.features.setUp.makeCode()),
            try #require(try await fixture.features.setUp.makeCode())
        )
        #expect(one != two)
        for code in [nil, "", "wrong", String(one.dropLast()), two + "a"] {
            #expect(try await fixture.create(code: code, isFromThisMachine: false) == "codeNeeded")
        }
        // As somebody types it.
        let typed = " " + one.uppercased().replacing("-", with: " ")
        #expect(try await fixture.create(code: typed, isFromThisMachine: false) == "made")
        #expect(try await fixture.create("b@a.test", code: two, isFromThisMachine: false) == "closed")
    }

    @Test("a code has 128 bits or more, and only its digest is in the store")
    func codeIsDigested() async throws {
        let fixture = try await Fixture()
        let code = try #require(try await fixture.features.setUp.makeCode())
        let letters = code.replacing("-", with: "")
        // Of 32 letters.
        #expect(letters.count * 5 >= 128)
        let stored = try await fixture.database.rows("SELECT digest FROM set_up_codes")
        let digests = try stored.map { row throws in try row.text("digest") }
        #expect(digests == [Base64URL.encode(Digest.sha256(Array(letters.utf8)))])
    }

    @Test("starts leave a bounded number of codes behind")
    func codesAreBounded() async throws {
        let fixture = try await Fixture()
        var last = ""
        for _ in 0..<40 {
            fixture.time.advance(seconds: 1)
            last = try #require(try await fixture.features.setUp.makeCode())
        }
        #expect(try await fixture.count("SELECT COUNT(*) FROM set_up_codes") == 16)
        #expect(try await fixture.create(code: last, isFromThisMachine: false) == "made")
        #expect(try await fixture.count("SELECT COUNT(*) FROM set_up_codes") == 0)
    }

    @Test("an operator opens it again for 15 minutes, and then everybody needs the code, which works once")
    func reopens() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.create() == "made")
        let code = try await fixture.features.setUp.reopen()
        #expect(try await fixture.features.setUp.standing() == .reopened)
        #expect(try await fixture.create("b@a.test") == "codeNeeded")
        #expect(try await fixture.create("b@a.test", code: code) == "made")
        #expect(try await fixture.create("c@a.test", code: code) == "closed")
        #expect(try await fixture.accounts.list().filter { $0.roles.contains(.admin) }.count == 2)

        let late = try await fixture.features.setUp.reopen()
        fixture.time.advance(minutes: 15)
        #expect(try await fixture.create("c@a.test", code: late) == "closed")
    }

    @Test("an admin who is made otherwise closes what was opened again")
    func otherwise() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.create() == "made")
        let code = try await fixture.features.setUp.reopen()
        try await fixture.anAccount(email: "b@a.test", roles: [.admin])
        #expect(try await fixture.create("c@a.test", code: code) == "closed")
    }

    @Test("of sixteen at once one makes an admin, the first time and when it was opened again")
    func race() async throws {
        let fixture = try await Fixture()
        let first = try await sixteen { try await fixture.create("admin\($0)@a.test") }
        #expect(first == ["made": 1, "closed": 15])
        let code = try await fixture.features.setUp.reopen()
        let second = try await sixteen { try await fixture.create("again\($0)@a.test", code: code) }
        #expect(second == ["made": 1, "closed": 15])
        #expect(try await fixture.accounts.list().count == 2)
    }

    @Test("what can be refused without a hash is, and of many at once one hashes")
    func hashesAreFew() async throws {
        let (salts, passwords) = countingHasher()
        let fixture = try await Fixture(passwords: passwords)
        #expect(try await fixture.create(isFromThisMachine: false) == "codeNeeded")
        #expect(try await fixture.create(password: "short") == "tooShort")
        #expect(salts.value == 0)
        _ = try await sixteen { try await fixture.create("admin\($0)@a.test") }
        #expect(salts.value == 1)
        #expect(try await fixture.create("b@a.test") == "closed")
        #expect(salts.value == 1)
    }

    @Test("a name that is taken, and a password that is too common, leave it open")
    func mistakes() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: Self.email)
        #expect(try await fixture.create() == "nameTaken")
        #expect(try await fixture.create("b@a.test", password: "password1") == "common")
        #expect(try await fixture.features.setUp.standing() == .open)
        #expect(try await fixture.create("b@a.test") == "made")
    }
}

/// Counts hashes by the salts that they take.
func countingHasher() -> (salts: Counter, passwords: PasswordHasher) {
    let salts = Counter()
    let passwords = PasswordHasher(
        parameters: Fixture.light, concurrency: 2, maximumWaiting: 1000, maximumWait: .seconds(60)
    ) {
        salts.add()
        return SystemRandom.bytes(16)
    }
    return (salts, passwords)
}

extension PasswordPolicyError {
    /// The case.
    var word: String {
        switch self {
        case .tooShort: "tooShort"
        case .tooLong: "tooLong"
        case .containsNUL: "containsNUL"
        case .common: "common"
        case .contextWord: "contextWord"
        }
    }
}

extension Fixture {
    /// - Returns: `made`, or the word of the refusal.
    fileprivate func create(
        _ email: String = "first@a.test", password: String = Fixture.password, code: String? = nil,
        isFromThisMachine: Bool = true
    ) async throws -> String {
        do {
            try await features.setUp.makeAdmin(
                try EmailAddress(email), password: password, code: code, isFromThisMachine: isFromThisMachine)
            return "made"
        } catch let refusal as SetUpRefusal {
            return "\(refusal)"
        } catch let error as PasswordPolicyError {
            return error.word
        }
    }
}
