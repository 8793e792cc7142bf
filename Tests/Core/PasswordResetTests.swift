import GatehouseCryptography
import GatehouseMessages
import GatehousePasswords
import GatehouseStorage
import Testing

@testable import GatehouseCore

@Suite("A forgotten password")
struct PasswordResetTests {
    private static let new = "another quiet harbour 8"

    @Test("a mail goes to the address of the account, with a link to the configured origin")
    func mails() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let mails = try await desk.mails(after: " ALICE@a.test")
        #expect(mails.map(\.recipient) == ["alice@a.test"])
        #expect(mails.map(\.template) == [.passwordReset])
        let values = try #require(mails.first?.values)
        #expect(values["username"] == "alice@a.test")
        #expect(values["hours"] == "2")
        #expect(values["link"]?.hasPrefix("https://id.a.test/reset?k=") == true)
        #expect(
            try await desk.fixture.count("SELECT COUNT(*) FROM audit_events WHERE action = 'request password reset'")
                == 1)
    }

    @Test("who signs in by an alias gets it at the e-mail address of the account, if there is one")
    func alias() async throws {
        let desk = try await Desk()
        try await desk.fixture.aDomain()
        try await desk.fixture.anAccount(email: "alice@b.test", alias: "alice$a.test")
        try await desk.fixture.anAccount(alias: "bob$a.test")
        #expect(try await desk.mails(after: "alice$a.test").map(\.recipient) == ["alice@b.test"])
        #expect(try await desk.mails(after: "bob$a.test").isEmpty)
    }

    @Test("nobody gets one who is unknown or disabled, or while there is no public URL or no mail")
    func none() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let names = [
            "nobody@a.test", "", "\n", "x", String(repeating: "a", count: 60_000), "alice@a.test\nhttp://evil.test",
        ]
        for name in names {
            #expect(try await desk.mails(after: name).isEmpty)
        }
        try await desk.fixture.accounts.setDisabled(true, try AccountName("alice@a.test"))
        #expect(try await desk.mails(after: "alice@a.test").isEmpty)

        for (publicURL, isOn) in [(String?.none, true), ("https://id.a.test", false)] {
            let desk = try await Desk(publicURL: publicURL, isOn: isOn)
            try await desk.fixture.anAccount(email: "alice@a.test")
            #expect(try await desk.mails(after: "alice@a.test").isEmpty)
            #expect(try await desk.fixture.count("SELECT COUNT(*) FROM password_reset_keys") == 0)
        }
    }

    @Test("asking does the same to the store whether or not there is such an account")
    func sameWork() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let tables: [Query] = [
            "SELECT COUNT(*) FROM password_reset_requests", "SELECT COUNT(*) FROM password_reset_keys",
            "SELECT COUNT(*) FROM outbox", "SELECT COUNT(*) FROM audit_events WHERE action LIKE 'request%'",
            "SELECT COUNT(*) FROM sign_in_failures",
        ]
        func counts() async throws -> [Int64] {
            var counts: [Int64] = []
            for table in tables { counts.append(try await desk.fixture.count(table)) }
            return counts
        }
        try await desk.reset.request("alice@a.test", host: "h")
        #expect(try await counts() == [1, 0, 0, 0, 0])
        try await desk.reset.request("nobody@a.test", host: "h")
        #expect(try await counts() == [2, 0, 0, 0, 0])
        try await desk.reset.answerRequests()
        #expect(try await counts() == [0, 1, 1, 1, 0])
    }

    @Test("what was typed as a name is not in the store")
    func sealed() async throws {
        let desk = try await Desk()
        try await desk.reset.request("my secret", host: "h")
        let row = try #require(try await desk.fixture.database.rows("SELECT * FROM password_reset_requests").first)
        #expect(!"\(row)".contains("secret"))
    }

    @Test("an account gets three mails an hour")
    func limit() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        try await desk.fixture.anAccount(email: "bob@a.test")
        for _ in 0..<5 { try await desk.reset.request("alice@a.test", host: "h") }
        let recipients = try await desk.mails(after: "bob@a.test").map(\.recipient)
        #expect(recipients.sorted() == ["alice@a.test", "alice@a.test", "alice@a.test", "bob@a.test"])
        desk.fixture.time.advance(minutes: 59)
        #expect(try await desk.mails(after: "alice@a.test").isEmpty)
        desk.fixture.time.advance(minutes: 1)
        #expect(try await desk.mails(after: "alice@a.test").count == 1)
    }

    @Test("requests that a process left are answered by the next, but not after an hour")
    func left() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        for _ in 0..<120 { try await desk.reset.request("nobody@a.test", host: "h") }
        try await desk.reset.request("alice@a.test", host: "h")
        desk.fixture.time.advance(minutes: 59)
        #expect(try await desk.mails().count == 1)
        try await desk.reset.request("alice@a.test", host: "h")
        desk.fixture.time.advance(minutes: 60)
        #expect(try await desk.mails().isEmpty)
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM password_reset_requests") == 0)
    }

    @Test("the key sets the password, once, and ends sessions, keys and the other links")
    func sets() async throws {
        let desk = try await Desk()
        let id = try await desk.fixture.anAccount(email: "alice@a.test")
        let token = try await desk.fixture.signIn("alice@a.test")
        _ = try await desk.fixture.features.keys.add(APIKeys.Plan(), .random(), of: id)
        let (first, second) = (try await desk.key(of: "alice@a.test"), try await desk.key(of: "alice@a.test"))
        #expect(try await desk.set(first) == "set")
        #expect(try await desk.fixture.refusal(of: token) == Problem.invalidToken.code)
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM api_keys") == 0)
        #expect(try await desk.fixture.outcome("alice@a.test", Self.new) == "200")
        #expect(try await desk.fixture.outcome("alice@a.test") == "invalid_credentials")
        #expect(try await desk.set(first) == "invalid")
        #expect(try await desk.set(second) == "invalid")
        let events = try await desk.fixture.database.rows(
            "SELECT actor_id, object_id FROM audit_events WHERE action = 'reset password'")
        let ended = try events.map { row throws in [try row.text("actor_id"), try row.text("object_id")] }
        #expect(ended == [[id, id]])
    }

    @Test("a further request does not void the key that was sent before")
    func earlier() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let first = try await desk.key(of: "alice@a.test")
        _ = try await desk.key(of: "alice@a.test")
        #expect(try await desk.set(first) == "set")
    }

    @Test("a password that was set otherwise voids the links")
    func otherwise() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let key = try await desk.key(of: "alice@a.test")
        try await desk.fixture.accounts.setPassword(
            try desk.fixture.newPassword(Self.new), of: try AccountName("alice@a.test"))
        #expect(try await desk.set(key) == "invalid")
    }

    @Test("key, length, match and time are looked at in this order, and a failed try leaves the key as it was")
    func order() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let key = try await desk.key(of: "alice@a.test")
        #expect(try await desk.set("", "x", "y") == "noKey")
        #expect(try await desk.set("x", "x", "y") == "invalid")
        #expect(try await desk.set(String(repeating: "A", count: 43), "x", "y") == "invalid")
        #expect(try await desk.set(key, "x", "y") == "tooShort")
        #expect(try await desk.set(key, "alice@a.test", "y") == "contextWord")
        #expect(try await desk.set(key, Self.new, Self.new + "!") == "mismatch")
        desk.fixture.time.advance(seconds: 2 * 3600 - 1)
        #expect(try await desk.set(key, Self.new, "y") == "mismatch")
        desk.fixture.time.advance(seconds: 1)
        #expect(try await desk.set(key, "x", "y") == "tooShort")
        #expect(try await desk.set(key, Self.new, "y") == "mismatch")
        #expect(try await desk.set(key) == "expired")
    }

    @Test("a key works until its two hours are over")
    func lifetime() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let key = try await desk.key(of: "alice@a.test")
        desk.fixture.time.advance(seconds: 2 * 3600 - 1)
        #expect(try await desk.set(key) == "set")
    }

    @Test("the key of an account that was disabled is none, also when it is enabled again")
    func disabled() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let key = try await desk.key(of: "alice@a.test")
        try await desk.fixture.accounts.setDisabled(true, try AccountName("alice@a.test"))
        #expect(try await desk.set(key) == "invalid")
        try await desk.fixture.accounts.setDisabled(false, try AccountName("alice@a.test"))
        #expect(try await desk.set(key) == "invalid")
    }

    @Test("a key works once, even when sixteen send it at the same moment, and costs one hash")
    func race() async throws {
        let (salts, passwords) = countingHasher()
        let desk = try await Desk(passwords: passwords)
        try await desk.fixture.anAccount(email: "alice@a.test")
        let key = try await desk.key(of: "alice@a.test")
        let before = salts.value
        let outcomes = try await sixteen { try await desk.set(key, "harbour number \($0) 8", "harbour number \($0) 8") }
        #expect(outcomes == ["set": 1, "invalid": 15])
        #expect(salts.value == before + 1)
    }

    @Test("a wrong key costs no hash")
    func noHash() async throws {
        let (salts, passwords) = countingHasher()
        let desk = try await Desk(passwords: passwords)
        #expect(try await desk.set(String(repeating: "A", count: 43)) == "invalid")
        #expect(try await desk.set("?") == "invalid")
        #expect(salts.value == 0)
    }

    @Test("a key has 256 bits, and only its digest is in the store; the store forgets it within days")
    func digest() async throws {
        let desk = try await Desk()
        try await desk.fixture.anAccount(email: "alice@a.test")
        let key = try await desk.key(of: "alice@a.test")
        let octets = try #require(Base64URL.decode(key))
        #expect(octets.count == 32)
        let rows = try await desk.fixture.database.rows("SELECT digest FROM password_reset_keys")
        let kept = try rows.map { row throws in try row.text("digest") }
        #expect(kept == [Base64URL.encode(Digest.sha256(octets))])
        desk.fixture.time.advance(days: 7)
        let now = desk.fixture.time.now
        try await desk.fixture.database.transaction { sql in try desk.reset.tidy(at: now, in: sql) }
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM password_reset_keys") == 0)
    }
}

/// Resets with an outbox that a test reads.
private struct Desk: Sendable {
    let fixture: Fixture
    let outbox: Outbox
    let reset: PasswordReset

    init(
        publicURL: String? = "https://id.a.test", isOn: Bool = true, passwords: PasswordHasher? = nil
    ) async throws {
        fixture = try await Fixture(passwords: passwords)
        outbox = Outbox(isOn: isOn, masterKey: fixture.masterKey)
        reset = PasswordReset(
            database: fixture.database, passwords: fixture.passwords, policy: .default, masterKey: fixture.masterKey,
            publicURL: publicURL, outbox: outbox, mailsPerHour: 3, clock: fixture.time.clock, faults: Faults())
    }

    /// The mails that wait, which are then gone.
    ///
    /// - Parameter name: somebody who asks for a link before.
    func mails(after name: String? = nil) async throws -> [OutgoingMail] {
        if let name { try await reset.request(name, host: "evil.test") }
        try await reset.answerRequests()
        let now = fixture.time.now
        return try await fixture.database.transaction { sql in
            try outbox.take(100, at: now, lease: .days(1), in: sql).compactMap(\.mail)
        }
    }

    struct NoMail: Error {}

    func key(of name: String) async throws -> String {
        guard let link = try await mails(after: name).first?.values["link"],
            let key = link.split(separator: "=").last
        else { throw NoMail() }
        return String(key)
    }

    /// - Returns: `set`, or the word of the refusal.
    func set(
        _ key: String, _ first: String = "another quiet harbour 8", _ second: String = "another quiet harbour 8"
    ) async throws -> String {
        do {
            try await reset.setPassword(key: key, first: first, second: second)
            return "set"
        } catch ResetRefusal.password(let error) {
            return error.word
        } catch let refusal as ResetRefusal {
            return "\(refusal)"
        }
    }
}
