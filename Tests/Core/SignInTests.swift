import Dispatch
import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import Testing
import WebTokens

@testable import GatehouseCore

@Suite("Signing in")
struct SignInTests {
    @Test("an account with both names signs in by either")
    func bothNames() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        let id = try await fixture.anAccount(email: "alice@mail.test", alias: "alice$a.test")
        for name in ["alice@mail.test", "alice$a.test", " ALICE$A.test. "] {
            #expect(try await fixture.tokens.check(try await fixture.signIn(name)).account.id == id)
        }
    }

    @Test("a wrong password, an unknown name, a disabled account and a text that is no name are refused alike")
    func refusals() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        try await fixture.anAccount(email: "alice@a.test")
        try await fixture.anAccount(email: "bob@a.test")
        try await fixture.accounts.setDisabled(true, try AccountName("bob@a.test"))
        var refusals: [Problem] = []
        for (name, password) in [
            ("alice@a.test", "wrong"), ("nobody@a.test", Fixture.password), ("bob@a.test", Fixture.password),
            ("no name", Fixture.password), ("", ""), ("alice$nowhere.test", Fixture.password),
            ("alice@a.test", Fixture.password + " "), ("alice@a.test", Fixture.password.uppercased()),
            ("alice@a.test", "nul\0"), ("alice@a.test", String(repeating: "x", count: 9000)),
        ] {
            do {
                _ = try await fixture.signIn(name, password)
                Issue.record("\(name) signed in")
            } catch let problem as Problem {
                refusals.append(problem)
            }
        }
        #expect(Set(refusals.map { "\($0.code) \($0.title) \($0.headers)" }).count == 1)
        #expect(refusals.first?.code == "invalid_credentials")
    }

    @Test("a password is compared in its composed form")
    func composed() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test", password: "cafe\u{301} noir 7")
        #expect(try await fixture.outcome("alice@a.test", "caf\u{E9} noir 7") == "200")
        #expect(try await fixture.outcome("alice@a.test", "cafe noir 7") == "invalid_credentials")
    }

    @Test("an unknown name takes as long as a wrong password", .timeLimit(.minutes(2)))
    func timedUnknownName() async throws {
        let fixture = try await Fixture(parameters: Argon2Parameters(memoryKiB: 4096, passes: 2, lanes: 1)) {
            $0.signInFailuresPerName = 1_000_000
            $0.signInFailuresPerNetwork = 1_000_000
        }
        try await fixture.aDomain()
        try await fixture.anAccount(email: "alice@a.test", alias: "alice$a.test")
        try await fixture.anAccount(email: "disabled@a.test")
        try await fixture.accounts.setDisabled(true, try AccountName("disabled@a.test"))
        // The first is a wrong password. Each turn asks all of them one after another, in another order each time, so that a
        // busy machine slows all alike.
        let names = [
            "alice@a.test", "alice$a.test", "nobody@a.test", "nobody$a.test", "nobody$nowhere.test", "no name",
            "disabled@a.test",
        ]
        let tolerance = 0.8...1.25
        var ratios = [[Double]](repeating: [], count: names.count)
        let start = ContinuousClock.now
        // Until it is clear for each name, on which side it is; at the latest what the medians say after a minute.
        for turn in 0... {
            var times = [Duration](repeating: .zero, count: names.count)
            for offset in names.indices {
                let index = (turn + offset) % names.count
                let begin = ContinuousClock.now
                #expect(try await fixture.outcome(names[index], "wrong") == "invalid_credentials")
                times[index] = begin.duration(to: .now)
            }
            for index in names.indices { ratios[index].append(times[index] / times[0]) }
            guard turn >= 30, turn.isMultiple(of: 10) else { continue }
            let ranges = ratios.map(Self.rangeOfMedian)
            let isOver = start.duration(to: .now) > .seconds(60)
            let isClear = ranges.allSatisfy { range in
                tolerance.contains(range.lowerBound) && tolerance.contains(range.upperBound)
            }
            let isFar = ranges.contains { !$0.overlaps(tolerance) }
            guard isClear || isFar || isOver else { continue }
            let medians = ratios.map { $0.sorted()[$0.count / 2] }
            #expect(
                medians.allSatisfy(tolerance.contains),
                "relative to a wrong password, of \(turn + 1): \(zip(names, medians).map { "\($0) \($1)" })")
            return
        }
    }

    /// Where the median of what was sampled lies, whatever the distribution: the samples whose ranks are 3.3 standard
    /// deviations of the binomial distribution from the middle enclose it 999 times in 1000.
    private static func rangeOfMedian(_ samples: [Double]) -> ClosedRange<Double> {
        let sorted = samples.sorted()
        let middle = Double(sorted.count - 1) / 2
        let distance = 3.3 * Double(sorted.count).squareRoot() / 2
        return sorted[
            max(0, Int(middle - distance))]...sorted[min(sorted.count - 1, Int((middle + distance).rounded(.up)))]
    }

    @Test(
        "a sign-in whose password is changed or whose account is disabled while it is checked makes no session",
        arguments: [false, true])
    func changedMeanwhile(isDisabled: Bool) async throws {
        let database = try SQLiteDatabase.inMemory()
        try await Fixture(database).anAccount(email: "alice@a.test")
        // A hash from before is made anew, which asks for a salt: by then the password was found right.
        let (salts, asked) = AsyncStream.makeStream(of: Void.self)
        let isChanged = DispatchSemaphore(value: 0)
        let stronger = PasswordHasher(parameters: Argon2Parameters(memoryKiB: 64, passes: 2, lanes: 1)) {
            asked.yield()
            isChanged.wait()
            return SystemRandom.bytes(16)
        }
        let fixture = try await Fixture(database, passwords: stronger)
        async let outcome = fixture.outcome("alice@a.test")
        _ = await salts.first { _ in true }
        _ = try await database.transaction { sql in
            if isDisabled {
                try sql("UPDATE accounts SET disabled_at = 1")
            } else {
                try sql("UPDATE accounts SET password_hash = 'another'")
            }
        }
        isChanged.signal()
        let code = try await outcome
        #expect(code == "invalid_credentials")
        #expect(try await fixture.count("SELECT COUNT(*) FROM sessions") == 0)
    }

    @Test("a weaker hash is renewed at sign-in")
    func renewal() async throws {
        let strong = Argon2Parameters(memoryKiB: 64, passes: 2, lanes: 1)
        let database = try SQLiteDatabase.inMemory()
        let before = try await Fixture(database)
        try await before.anAccount(email: "alice@a.test", password: "cafe\u{301} noir 7")
        let after = try await Fixture(database, parameters: strong)
        func hash() async throws -> String {
            try #require(try await database.rows("SELECT password_hash FROM accounts").first).text(at: 0)
        }
        #expect(try await hash().contains("m=8,t=1,p=1"))
        #expect(try await after.outcome("alice@a.test", "wrong") == "invalid_credentials")
        #expect(try await hash().contains("m=8,t=1,p=1"))
        #expect(try await after.outcome("alice@a.test", "cafe\u{301} noir 7") == "200")
        let renewed = try await hash()
        #expect(renewed.hasPrefix("$argon2id$v=19$m=64,t=2,p=1$"))
        #expect(try await after.outcome("alice@a.test", "caf\u{E9} noir 7") == "200")
        #expect(try await hash() == renewed)
        // All are of one kind in the end, or refusals would take longer because of one that is left.
        #expect(try await before.outcome("alice@a.test", "caf\u{E9} noir 7") == "200")
        #expect(try await hash().contains("m=8,t=1,p=1"))
    }

    @Test("a hash of bcrypt is replaced at the first sign-in, and while there is one everybody waits alike")
    func bcrypt() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        try await fixture.anAccount(email: "bob@a.test")
        let old = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"
        func highest() async throws -> Int? {
            try await fixture.database.read { sql in try Candidate.otherHashes(in: sql).bcryptCost }
        }
        #expect(try await highest() == nil)
        try await fixture.database.transaction { sql in
            _ = try sql("UPDATE accounts SET password_hash = \(old) WHERE email = 'alice@a.test'")
        }
        #expect(try await highest() == 6)
        #expect(try await fixture.outcome("alice@a.test", "abd") == "invalid_credentials")
        #expect(try await fixture.outcome("alice@a.test", "abc") == "200")
        #expect(try await highest() == nil)
        let hash = try await fixture.database.rows("SELECT password_hash FROM accounts WHERE email = 'alice@a.test'")
        #expect(try #require(hash.first).text(at: 0).hasPrefix("$argon2id$v=19$m=8,t=1,p=1$"))
        #expect(try await fixture.outcome("alice@a.test", "abc") == "200")
        // The question costs no look at all accounts.
        let plan = try await fixture.database.rows(
            """
            EXPLAIN QUERY PLAN
            SELECT MAX(substr(password_hash, 5, 2)) AS cost FROM accounts WHERE substr(password_hash, 1, 2) = '$2'
            """)
        #expect(try plan.allSatisfy { row throws in try row.text("detail").contains("accounts_bcrypt") })
    }

    @Test("the hashes of a server as shipped are argon2id with 19 MiB, 2 passes and 1 lane")
    func shippedHash() async throws {
        let hash = try await PasswordHasher().hash(Fixture.password)
        #expect(hash.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
    }

    @Test("each sign-in makes a session of its own, and tokens of earlier ones stay good")
    func ownSessions() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let (one, other) = (try await fixture.signIn("alice@a.test"), try await fixture.signIn("alice@a.test"))
        let (first, second) = (try await fixture.tokens.check(one), try await fixture.tokens.check(other))
        #expect(first.session != second.session)
        #expect(first.account == second.account)
        #expect(try claims(of: one)["jti"] != claims(of: other)["jti"])
    }

    @Test("sixteen first sign-ins at once all enter")
    func manySessions() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        #expect(try await sixteen { _ in try await fixture.outcome("alice@a.test") } == ["200": 16])
        #expect(try await fixture.count("SELECT COUNT(*) FROM sessions") == 16)
    }
}

@Suite("Access tokens")
struct AccessTokenTests {
    @Test("a token of /auth lives 43 200 seconds")
    func studyLifetime() async throws {
        let fixture = try await Fixture()
        #expect(fixture.features.authHandlers.lifetime == 43_200)
        try await fixture.anAccount(email: "nurse@a.test")
        let claims = try claims(
            of: try await fixture.signIn("nurse@a.test", lifetime: fixture.features.authHandlers.lifetime))
        #expect(claims["exp"]?.int64 == fixture.time.now.unixSeconds + 43_200)
    }

    @Test("a token of /v1/auth lives 900 seconds")
    func lifetime() async throws {
        let fixture = try await Fixture()
        #expect(fixture.features.signInHandlers.lifetime == 900)
        try await fixture.anAccount(email: "alice@a.test")
        let token = try await fixture.signIn("alice@a.test", lifetime: fixture.features.signInHandlers.lifetime)
        let claims = try claims(of: token)
        #expect(claims["exp"]?.int64 == fixture.time.now.unixSeconds + 900)
        #expect(claims["iat"]?.int64 == fixture.time.now.unixSeconds)
        fixture.time.advance(seconds: 900)
        #expect(try await fixture.refusal(of: token) == nil)
        // Clocks may differ by ten seconds.
        fixture.time.advance(seconds: 9)
        #expect(try await fixture.refusal(of: token) == nil)
        fixture.time.advance(seconds: 2)
        #expect(try await fixture.refusal(of: token) == "expired_token")
    }

    @Test("the named fault that leaves expiry unchecked leaves out nothing else")
    func expiryFault() async throws {
        let key = JWK.generate(.ed25519)
        let faulty = try await Fixture(key: key) { $0.faults = Faults([.tokenExpiryUnchecked]) }
        try await faulty.anAccount(email: "alice@a.test")
        let token = try await faulty.signIn("alice@a.test")
        let now = faulty.time.now.unixSeconds
        let payload = String(
            decoding: try #require(Base64URL.decode(String(token.split(separator: ".")[1]))), as: UTF8.self)
        func changed(_ name: String, from old: Int64, to new: Int64) throws -> String {
            let text = payload.replacing("\"\(name)\":\(old)", with: "\"\(name)\":\(new)")
            #expect(text != payload)
            return try JWS.sign(Array(text.utf8), type: AccessTokens.type, with: try SigningKey(key))
        }
        #expect(try await faulty.refusal(of: changed("exp", from: now + 900, to: now - 3600)) == nil)
        #expect(try await faulty.refusal(of: changed("nbf", from: now, to: now + 3600)) == "invalid_token")
        #expect(try await faulty.refusal(of: changed("iat", from: now, to: now + 3600)) == "invalid_token")
        // Without it the first is refused, for what it is.
        let sound = try await Fixture(faulty.database, time: faulty.time, key: key)
        #expect(try await sound.refusal(of: changed("exp", from: now + 900, to: now - 3600)) == "expired_token")
    }

    @Test("a token of an ended session is refused")
    func endedSession() async throws {
        let fixture = try await Fixture { $0.sessionLifetime = 30 }
        try await fixture.anAccount(email: "alice@a.test")
        let token = try await fixture.signIn("alice@a.test", lifetime: 100 * 86_400)
        #expect(try await fixture.refusal(of: token) == nil)
        fixture.time.advance(days: 30)
        fixture.time.advance(seconds: -1)
        #expect(try await fixture.refusal(of: token) == nil)
        fixture.time.advance(seconds: 1)
        #expect(try await fixture.refusal(of: token) == "invalid_token")
    }

    @Test("a token says who it is for, and nothing of it is believed but its session and its subject")
    func claimsOfToken() async throws {
        let fixture = try await Fixture { $0.publicURL = "https://id.test" }
        try await fixture.aDomain()
        let id = try await fixture.anAccount(email: "Alice@a.test", alias: "alice$a.test", roles: [.staff, .admin])
        let token = try await fixture.signIn("alice$a.test")
        let claims = try claims(of: token)
        #expect(claims["iss"]?.string == "https://id.test")
        #expect(claims["aud"]?.string == "https://id.test")
        #expect(claims["sub"]?.string == id)
        #expect(claims["identity"]?.string == id)
        #expect(claims["login"]?.string == "alice@a.test")
        #expect(claims["scope"]?.string == "admin staff alias")
        #expect(claims["username"]?.string == "alice")
        #expect(claims["domain"]?.string == "a.test")
        #expect(claims["nbf"] == claims["iat"])
        #expect(try await fixture.tokens.check(token).account.roles == [.admin, .staff, .alias])
        // The same key in a server of another name.
        let other = try await Fixture { $0.publicURL = "https://other.test" }
        #expect(try await other.refusal(of: token) == "invalid_token")
    }

    /// What ends or changes what a token may do.
    static let changes: [Change] = [
        Change("disabling", refusal: "invalid_token") { fixture, name in
            try await fixture.accounts.setDisabled(true, name)
        },
        Change("deleting", refusal: "invalid_token") { fixture, name in try await fixture.accounts.delete(name) },
        Change("setting the password", refusal: "invalid_token") { fixture, name in
            try await fixture.accounts.setPassword(try fixture.newPassword("another quiet harbour"), of: name)
        },
        Change("taking a role", refusal: nil) { fixture, name in try await fixture.accounts.setRoles([], of: name) },
        Change("removing the domain", refusal: "invalid_token") { fixture, _ in
            try await fixture.domains.remove(try DomainName("a.test"))
        },
    ]

    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let refusal: String?
        let make: @Sendable (Fixture, AccountName) async throws -> Void

        init(
            _ name: String, refusal: String?, _ make: @escaping @Sendable (Fixture, AccountName) async throws -> Void
        ) {
            testDescription = name
            self.refusal = refusal
            self.make = make
        }
    }

    @Test(
        "a change counts at the next check, also when it was made through a second database on the same file",
        arguments: changes, [false, true])
    func changesCount(change: Change, throughAnother: Bool) async throws {
        let folder = try TemporaryFolder()
        let time = TestClock()
        let database = try SQLiteDatabase(path: folder.path("store.db"))
        let fixture = try await Fixture(database, time: time)
        try await fixture.aDomain()
        try await fixture.anAccount(email: "other@a.test", roles: [.admin])
        try await fixture.anAccount(alias: "alice$a.test", roles: [.admin])
        let token = try await fixture.signIn("alice$a.test")
        for _ in 0..<3 { #expect(try await fixture.tokens.check(token).account.roles == [.admin, .alias]) }

        let second = throughAnother ? try SQLiteDatabase(path: folder.path("store.db")) : database
        let changer = throughAnother ? try await Fixture(second, time: time) : fixture
        try await change.make(changer, try AccountName("alice$a.test"))
        #expect(try await fixture.refusal(of: token) == change.refusal)
        if change.refusal == nil {
            #expect(try await fixture.tokens.check(token).account.roles == [.alias])
        }
        if throughAnother { await second.close() }
        await database.close()
    }

    @Test("an account that is enabled again needs a new sign-in")
    func enabledAgain() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let token = try await fixture.signIn("alice@a.test")
        let name = try AccountName("alice@a.test")
        try await fixture.accounts.setDisabled(true, name)
        try await fixture.accounts.setDisabled(false, name)
        #expect(try await fixture.refusal(of: token) == "invalid_token")
        #expect(try await fixture.outcome("alice@a.test") == "200")
    }

    @Test("owning a domain is a role, and losing it ends the role at the next check")
    func ownership() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "owner@mail.test")
        let token = try await fixture.signIn("owner@mail.test")
        #expect(try await fixture.tokens.check(token).account.roles == [])
        try await fixture.aDomain(owner: "owner@mail.test")
        #expect(try await fixture.tokens.check(token).account.roles == [.owner])
        try await fixture.domains.remove(try DomainName("a.test"))
        #expect(try await fixture.tokens.check(token).account.roles == [])
    }

    @Test("identifiers have 128 random bits")
    func identifiers() async throws {
        let fixture = try await Fixture()
        let id = try await fixture.anAccount(email: "alice@a.test")
        let token = try await fixture.signIn("alice@a.test")
        let claims = try claims(of: token)
        var identifiers = [
            id, try #require(claims["jti"]?.string), try #require(claims["sid"]?.string),
            SystemRandom.identifier(),
        ]
        for _ in 0..<100 {
            let caller = try await fixture.tokens.check(try await fixture.signIn("alice@a.test"))
            identifiers.append(try #require(caller.session))
        }
        #expect(Set(identifiers).count == identifiers.count)
        let octets = try identifiers.map { try #require(Base64URL.decode($0)) }
        #expect(octets.allSatisfy { $0.count >= 16 })
        // Each of the 128 bits is 0 in some and 1 in others: constant bits are no random ones.
        for bit in 0..<128 {
            let ones = octets.count { $0[bit / 8] >> (bit % 8) & 1 == 1 }
            #expect(ones > 10 && ones < octets.count - 10, "bit \(bit) is 1 in \(ones) of \(octets.count)")
        }
    }
}

/// The payload of a token, unverified.
func claims(of token: String) throws -> JSONValue {
    let parts = token.split(separator: ".")
    try #require(parts.count == 3)
    let payload = try #require(Base64URL.decode(parts[1]))
    return try JSONValue(parsing: payload)
}
