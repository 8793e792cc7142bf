import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehouseSQLite
import GatehouseStorage
import Logging
import Testing

@testable import GatehouseCore

extension Fixture {
    static let key = "a key for one retry"

    func grant(audience: String? = nil, refreshable: Bool = true) async throws -> Grant {
        try await features.signIn.begin(
            name: "alice@a.test", password: Self.password, from: Self.here, lifetime: 900,
            audience: try audience.map { text throws(Problem) in try Audience(text) }, holdsRefreshToken: refreshable)
    }

    func renew(_ presented: String?, key: String? = nil) async throws -> Grant {
        let presented = try #require(presented)
        let key = try key.map { text throws(Problem) in try IdempotencyKey(text.replacing(" ", with: "-")) }
        return try await features.renewal.renew(
            presented, idempotencyKey: { () throws(Problem) in key }, leewaySeconds: 60, lifetime: 900)
    }

    /// `200`, or the code of the refusal.
    func renewal(_ presented: String?, key: String? = nil) async throws -> String {
        do {
            _ = try await renew(presented, key: key)
            return "200"
        } catch let problem as Problem {
            return problem.code
        }
    }
}

@Suite("Renewing")
struct RenewalTests {
    @Test("ten minutes after a rotation a retry ends the session")
    func retryTime() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let first = try await fixture.grant()
        let second = try await fixture.renew(first.refreshToken, key: Fixture.key)
        fixture.time.advance(seconds: 599)
        let again = try await fixture.renew(first.refreshToken, key: Fixture.key)
        #expect(again.refreshToken == second.refreshToken)
        // The time counts from the rotation, not from the retry.
        fixture.time.advance(seconds: 1)
        #expect(try await fixture.renewal(first.refreshToken, key: Fixture.key) == "invalid_token")
        #expect(try await fixture.renewal(second.refreshToken) == "invalid_token")
    }

    @Test("another server on the same store and master key gives the same successor, under another key none")
    func otherServer() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let first = try await fixture.grant()
        let second = try await fixture.renew(first.refreshToken, key: Fixture.key)
        let stranger = try await Fixture(fixture.database, time: fixture.time)
        #expect(try await stranger.renewal(first.refreshToken, key: Fixture.key) == "invalid_token")
        let again = try await Fixture(fixture.database, time: fixture.time, masterKey: fixture.masterKey)
        #expect(try await again.renew(first.refreshToken, key: Fixture.key).refreshToken == second.refreshToken)
        #expect(try await again.renewal(second.refreshToken) == "200")
    }

    @Test(
        "of sixteen renewals at once without a key one succeeds and the session is over; with a key all get one successor"
    )
    func race() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let first = try await fixture.grant()
        #expect(
            try await sixteen { _ in try await fixture.renewal(first.refreshToken) } == ["200": 1, "invalid_token": 15])
        #expect(try await fixture.count("SELECT COUNT(*) FROM sessions") == 0)
        let second = try await fixture.grant()
        let successors = try await sixteen { _ in
            try await fixture.renew(second.refreshToken, key: Fixture.key).refreshToken ?? ""
        }
        #expect(successors.count == 1)
        #expect(try await fixture.renewal(successors.keys.first) == "200")
    }

    @Test("no refresh token is in the store")
    func digests() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let first = try await fixture.grant()
        let second = try await fixture.renew(first.refreshToken, key: Fixture.key)
        let rows = try await fixture.database.rows("SELECT * FROM refresh_tokens")
        #expect(rows.count == 1)
        let kept = "\(rows)"
        #expect(kept.count > 100)
        for secret in [first.refreshToken, second.refreshToken, Fixture.key.replacing(" ", with: "-")] {
            #expect(!kept.contains(try #require(secret)))
        }
    }

    @Test("a renewed token has the roles of the moment")
    func roles() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test", roles: [.staff])
        let first = try await fixture.grant(refreshable: false)
        #expect(try claims(of: first.token.text)["scope"]?.string == "staff")
        try await fixture.accounts.setRoles([], of: try AccountName("alice@a.test"))
        let second = try await fixture.renew(first.token.text)
        #expect(try claims(of: second.token.text)["scope"]?.string == "")
    }

    @Test("a token lives no longer than its session, and that of an alias 900 seconds")
    func lifetimes() async throws {
        let fixture = try await Fixture { $0.sessionLifetime = 1 }
        try await fixture.aDomain()
        try await fixture.anAccount(email: "alice@a.test")
        try await fixture.anAccount(alias: "bob$a.test")
        let now = fixture.time.now.unixSeconds
        let long = try await fixture.signIn("alice@a.test", lifetime: 100_000)
        #expect(try claims(of: long)["exp"]?.int64 == now + 86_400)
        let alias = try await fixture.signIn("bob$a.test", lifetime: 100_000)
        #expect(try claims(of: alias)["exp"]?.int64 == now + 900)
    }

    @Test("a disabled account, a new password and the end of time end refresh tokens")
    func ends() async throws {
        let fixture = try await Fixture { $0.sessionLifetime = 1 }
        try await fixture.anAccount(email: "alice@a.test")
        let name = try AccountName("alice@a.test")
        let first = try await fixture.grant()
        try await fixture.accounts.setDisabled(true, name)
        #expect(try await fixture.renewal(first.refreshToken) == "invalid_token")
        try await fixture.accounts.setDisabled(false, name)
        #expect(try await fixture.renewal(first.refreshToken) == "invalid_token")
        let second = try await fixture.grant()
        try await fixture.accounts.setPassword(try fixture.newPassword(), of: name)
        #expect(try await fixture.renewal(second.refreshToken) == "invalid_token")
        let third = try await fixture.grant()
        fixture.time.advance(days: 1)
        #expect(try await fixture.renewal(third.refreshToken) == "invalid_token")
    }
}

@Suite("Sessions")
struct SessionTests {
    @Test("a session that another process ended is refused right after its token was good")
    func endedElsewhere() async throws {
        let store = try SQLiteDatabase.inMemory()
        let fixture = try await Fixture(store)
        let elsewhere = try await Fixture(SQLiteDatabase(path: store.path), time: fixture.time)
        try await fixture.anAccount(email: "alice@a.test")
        for _ in 0..<20 {
            let token = try await fixture.signIn("alice@a.test")
            let caller = try await fixture.tokens.check(token)
            #expect(try await fixture.refusal(of: token) == nil)
            try await elsewhere.features.sessions.end(try #require(caller.session), by: caller.account)
            #expect(try await fixture.refusal(of: token) == "invalid_token")
        }
        await elsewhere.database.close()
    }

    @Test("a session that idles is over")
    func idle() async throws {
        let fixture = try await Fixture { $0.sessionIdleTime = 10 }
        try await fixture.anAccount(email: "alice@a.test")
        let used = try await fixture.signIn("alice@a.test", lifetime: 7200)
        let unused = try await fixture.signIn("alice@a.test", lifetime: 7200)
        let refreshable = try await fixture.grant()
        for _ in 0..<4 {
            fixture.time.advance(minutes: 4)
            #expect(try await fixture.refusal(of: used) == nil)
            try await fixture.features.sessions.recordUses()
        }
        #expect(try await fixture.refusal(of: unused) == "invalid_token")
        #expect(try await fixture.renewal(refreshable.refreshToken) == "invalid_token")
        // A server that has not seen the session reads its last use in the store.
        let other = try await Fixture(
            fixture.database, time: fixture.time, key: fixture.signingKey
        ) { $0.sessionIdleTime = 10 }
        #expect(try await other.refusal(of: used) == nil)
        fixture.time.advance(seconds: 10 * 60 + 89)
        #expect(try await fixture.refusal(of: used) == nil)
        fixture.time.advance(seconds: 10 * 60 + 91)
        #expect(try await fixture.refusal(of: used) == "invalid_token")
        #expect(try await other.refusal(of: used) == "invalid_token")
    }

    @Test("a session may idle as long as it lasts when nothing else is said")
    func notIdle() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let grant = try await fixture.grant()
        fixture.time.advance(days: 29)
        #expect(try await fixture.renewal(grant.refreshToken) == "200")
    }

    @Test("the last use of a session is written once a minute, and not by the request")
    func lastUse() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let token = try await fixture.signIn("alice@a.test", lifetime: 7200)
        func stored() async throws -> Int64 {
            try await fixture.count("SELECT last_used_at FROM sessions") - TestClock.start
        }
        func use(after seconds: Int64) async throws -> Int64 {
            fixture.time.advance(seconds: seconds)
            #expect(try await fixture.refusal(of: token) == nil)
            let before = try await stored()
            try await fixture.features.sessions.recordUses()
            let after = try await stored()
            #expect(before != after || fixture.features.sessions.living.uses.take().isEmpty)
            return after / 1_000_000
        }
        #expect(try await use(after: 10) == 0)
        #expect(try await use(after: 49) == 0)
        #expect(try await use(after: 1) == 60)
        #expect(try await use(after: 59) == 60)
        #expect(try await use(after: 1) == 120)
        // What others change does not make it forget.
        try await fixture.anAccount(email: "bob@a.test")
        try await fixture.accounts.setRoles([], of: try AccountName("bob@a.test"))
        #expect(try await use(after: 30) == 120)
        #expect(try await use(after: 30) == 180)
    }

    @Test("uses that could not be written are written later")
    func putBack() async throws {
        let living = LivingSessions(idleTime: nil)
        living.uses.putBack(["a": 1, "b": 5])
        living.uses.putBack(["a": 3, "b": 4])
        #expect(living.uses.take() == ["a": 3, "b": 5])
        #expect(living.uses.take().isEmpty)
    }

    @Test("so many sessions are remembered and no more, and a verdict that is older than a change is not")
    func bounds() throws {
        let living = LivingSessions(idleTime: nil)
        let now = TestClock.start
        func session(_ id: String) -> Session {
            Session(
                id: id, account: "a", createdAt: now, expiresAt: now + .minutes(60), lastUsedAt: 0, audience: nil,
                holdsRefreshToken: false)
        }
        let account = Account(id: "a", email: nil, alias: nil, roles: [])
        for number in 0..<10_000 { living.remember(account, of: session("\(number)"), generation: 1, at: now) }
        #expect(living.account(of: "0", generation: 1, at: now) != nil)
        living.remember(account, of: session("one more"), generation: 1, at: now)
        #expect(living.account(of: "0", generation: 1, at: now) == nil)
        #expect(living.account(of: "one more", generation: 1, at: now) != nil)
        #expect(living.uses.take().count == 10_000)

        living.remember(account, of: session("newer"), generation: 2, at: now)
        living.remember(account, of: session("late"), generation: 1, at: now)
        #expect(living.account(of: "newer", generation: 2, at: now) != nil)
        #expect(living.account(of: "late", generation: 2, at: now) == nil)
    }

    @Test("revoking what is over changes nothing, so that nobody can wear the caches out by it")
    func revokedAgain() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let token = try await fixture.signIn("alice@a.test")
        let before = try await fixture.database.generation()
        try await fixture.features.revocation.revoke(token, leewaySeconds: 10)
        let after = try await fixture.database.generation()
        #expect(after > before)
        try await fixture.features.revocation.revoke(token, leewaySeconds: 10)
        #expect(try await fixture.database.generation() == after)
    }

    @Test("a running server deletes what is over", .timeLimit(.minutes(1)))
    func isTidied() async throws {
        let database = try SQLiteDatabase.inMemory()
        let before = try await Fixture(database)
        try await before.anAccount(email: "alice@a.test")
        _ = try await before.signIn("alice@a.test")
        try await database.transaction { sql in try sql("UPDATE sessions SET expires_at = 1") }
        try await withServer(on: database) { server in
            while try await server.fixture.count("SELECT COUNT(*) FROM sessions") > 0 {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test("housekeeping deletes what idles, and every cache learns of it")
    func tidy() async throws {
        let fixture = try await Fixture { $0.sessionIdleTime = 10 }
        try await fixture.anAccount(email: "alice@a.test")
        _ = try await fixture.grant()
        let housekeeping = Housekeeping(
            database: fixture.database, limits: fixture.features.limits, sessions: fixture.features.sessions,
            signingKeys: fixture.signingKeys, keys: fixture.features.keys, accepted: fixture.features.accepted,
            passwordReset: fixture.features.passwordReset, domainProxy: fixture.features.domainProxy,
            audits: fixture.features.audits, auditRetention: 0,
            clock: fixture.time.clock,
            logger: .init(label: "test"))
        let generation = try await fixture.database.generation()
        fixture.time.advance(minutes: 10)
        try await housekeeping.tidy()
        #expect(try await fixture.count("SELECT COUNT(*) FROM refresh_tokens") == 1)
        #expect(try await fixture.database.generation() == generation)
        fixture.time.advance(minutes: 2)
        try await housekeeping.tidy()
        #expect(try await fixture.count("SELECT COUNT(*) FROM sessions") == 0)
        #expect(try await fixture.count("SELECT COUNT(*) FROM refresh_tokens") == 0)
        #expect(try await fixture.database.generation() != generation)
    }

    @Test("times are written as RFC 3339")
    func times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"), (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_798_761_600, "2027-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] as [(Int64, String)] {
            #expect(RFC3339.text(seconds * 1_000_000 + 999_999) == text)
        }
    }

    @Test("a store of the first version gets the new columns, and its sessions live on")
    func migration() async throws {
        let database = try SQLiteDatabase.inMemory()
        _ = try await database.migrate([Schema.migrations[0]])
        try await database.transaction { sql in
            try sql(
                """
                INSERT INTO accounts (id, email, password_hash, created_at, password_changed_at)
                VALUES (\("a"), \("a@a.test"), \("x"), \(1), \(1))
                """)
            try sql("INSERT INTO sessions (id, account_id, created_at, expires_at) VALUES (\("s"), \("a"), \(7), \(9))")
        }
        #expect(try await database.migrate(Schema.migrations).first == 2)
        let session = try #require(try await database.read { sql in try Session.load("s", in: sql) })
        #expect(session.lastUsedAt == 7 && session.audience == nil && !session.holdsRefreshToken)
    }
}

@Suite("Ampho's prefix")
struct AmphoPrefixTests {
    @Test(
        "a prefix that collides with another door is a mistake",
        arguments: [
            "/v1", "/v1/security", "/api", "/api/accounts", "/api/sessions/x", "/health", "/user", "/auth", "/",
            "", "security", "/a//b", "/a/../b", "/a b", "/a?b", "/.well-known/x", "/ä", "/address", "//a",
        ])
    func refused(text: String) {
        #expect(throws: SettingsMistakes.self) {
            try Settings.load(flags: ["ampho-prefix": text], environment: [:], file: nil)
        }
    }

    @Test("any other path is one", arguments: ["/api/security", "/security", "/api/security/", "/a.b/c_d~e-f", "/V1"])
    func taken(text: String) throws {
        let settings = try Settings.load(flags: ["ampho-prefix": text], environment: [:], file: nil)
        #expect(settings.amphoPrefix.path == (text.hasSuffix("/") ? String(text.dropLast()) : text))
    }

    @Test("the door of a path is that of whole segments")
    func doors() async throws {
        let fixture = try await Fixture()
        let doors = Doors(ampho: try AmphoPrefix("/api/security"), hosted: fixture.features.hosted)
        let found = [
            "/api/security", "/api/security/x", "/api/securityx", "/v1", "/v1x", "/api/introspect", "/ccap",
            "/ccap/auth",
            "/ccapx", "/address/alice/btc", "/private/user", "/auth",
        ].map { "\(doors.door(of: $0, host: "a.test"))" }
        #expect(
            found == [
                "ampho", "ampho", "own", "openCAP", "own", "oauth", "cap", "cap", "own", "cap", "cap", "idm",
            ])
    }
}
