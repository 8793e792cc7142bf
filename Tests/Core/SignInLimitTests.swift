import GatehouseMessages
import GatehouseOpenCAP
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import HTTPTypes
import Logging
import Testing

@testable import GatehouseCore

@Suite("Limits on sign-ins")
struct SignInLimitTests {
    @Test("waits grow from one to fifteen minutes", arguments: ["alice@a.test", "nobody@a.test", "not a name"])
    func waitsGrow(name: String) async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        for _ in 0..<10 { #expect(try await fixture.outcome(name, "wrong") == "invalid_credentials") }
        for minutes: Int64 in [1, 2, 4, 8, 15, 15, 15] {
            #expect(try await fixture.wait(name, "wrong") == Int(minutes) * 60)
            fixture.time.advance(seconds: minutes * 60 - 1)
            #expect(try await fixture.wait(name, "wrong") == 1)
            fixture.time.advance(seconds: 1)
            #expect(try await fixture.outcome(name, "wrong") == "invalid_credentials")
        }
    }

    @Test("attempts that are refused do not count as failures")
    func refusedAttempts() async throws {
        let fixture = try await Fixture()
        for _ in 0..<10 { _ = try await fixture.outcome("alice@a.test", "wrong") }
        for _ in 0..<50 { #expect(try await fixture.wait("alice@a.test", "wrong") == 60) }
        fixture.time.advance(minutes: 1)
        #expect(try await fixture.outcome("alice@a.test", "wrong") == "invalid_credentials")
        #expect(try await fixture.wait("alice@a.test", "wrong") == 120)
    }

    @Test("failures are forgotten after fifteen minutes, and after a wait fifteen minutes later")
    func forgotten() async throws {
        let fixture = try await Fixture()
        for _ in 0..<9 { _ = try await fixture.outcome("alice@a.test", "wrong") }
        fixture.time.advance(minutes: 15)
        for _ in 0..<9 { #expect(try await fixture.outcome("alice@a.test", "wrong") == "invalid_credentials") }
        _ = try await fixture.outcome("alice@a.test", "wrong")
        #expect(try await fixture.wait("alice@a.test", "wrong") == 60)
        fixture.time.advance(minutes: 1 + 15)
        for _ in 0..<10 { #expect(try await fixture.outcome("alice@a.test", "wrong") == "invalid_credentials") }
        #expect(try await fixture.wait("alice@a.test", "wrong") == 60)
    }

    @Test("a network is refused after a hundred failures")
    func networkIsRefused() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        // From an IPv6 network, whatever the second half of the address.
        func network(_ index: Int) -> Network { Network(address: "2001:db8:0:1::\(index)") }
        for index in 0..<100 {
            #expect(try await fixture.outcome("n\(index)@a.test", "x", from: network(index)) == "invalid_credentials")
        }
        #expect(try await fixture.wait("fresh@a.test", from: network(200)) == 15 * 60)
        #expect(try await fixture.wait("alice@a.test", from: network(201)) == 15 * 60)
        #expect(try await fixture.outcome("alice@a.test", from: Network(address: "2001:db8:0:2::1")) == "200")
        fixture.time.advance(minutes: 15)
        #expect(try await fixture.outcome("alice@a.test", from: network(1)) == "200")
    }

    @Test("a network that is known to the account is refused after a hundred failures too")
    func knownNetworkIsRefused() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        #expect(try await fixture.outcome("alice@a.test") == "200")
        for index in 0..<100 { _ = try await fixture.outcome("n\(index)@a.test", "wrong") }
        #expect(try await fixture.wait("alice@a.test") == 15 * 60)
    }

    @Test("wrong domain secrets count for the network")
    func wrongSecretsCount() async throws {
        let fixture = try await Fixture()
        let secret = try await fixture.aDomain()
        let alias = try Alias("alice$a.test")
        func code(_ secret: String) async throws -> String {
            do {
                try await fixture.features.aliases.create(
                    alias, password: Fixture.password, with: { .secret(secret) }, from: Fixture.here)
                return "200"
            } catch let problem as Problem {
                return problem.code
            }
        }
        for index in 0..<100 { #expect(try await code("wrong-\(index)") == "invalid_credentials") }
        #expect(try await code(secret) == "too_many_attempts")
        #expect(try await fixture.outcome("nobody@a.test") == "too_many_attempts")
        fixture.time.advance(minutes: 15)
        #expect(try await code(secret) == "200")
    }

    @Test("failures are remembered by the store")
    func remembered() async throws {
        let folder = try TemporaryFolder()
        let time = TestClock()
        let first = try SQLiteDatabase(path: folder.path("store.db"))
        let before = try await Fixture(first, time: time)
        try await before.anAccount(email: "alice@a.test")
        for _ in 0..<10 { _ = try await before.outcome("alice@a.test", "wrong") }
        for index in 0..<100 { _ = try await before.outcome("n\(index)@a.test", "wrong", from: Fixture.there) }
        await first.close()

        let second = try SQLiteDatabase(path: folder.path("store.db"))
        let after = try await Fixture(second, time: time)
        #expect(try await after.wait("alice@a.test") == 60)
        #expect(try await after.wait("fresh@a.test", from: Fixture.there) == 15 * 60)
        await second.close()
    }

    @Test("the store keeps no name that was tried, since it may be a password")
    func digests() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.outcome("the quiet harbour", "wrong")
        let buckets = try await fixture.database.rows("SELECT bucket FROM sign_in_failures").map {
            try $0.text("bucket")
        }
        #expect(buckets.count == 2)
        #expect(buckets.allSatisfy { !$0.contains("quiet") })
    }

    // MARK: Known networks

    @Test(
        "while a name is refused, the right password enters from a network that it entered from before, and from no other"
    )
    func knownNetwork() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        #expect(try await fixture.outcome("alice@a.test") == "200")
        for _ in 0..<10 { _ = try await fixture.outcome("alice@a.test", "wrong", from: Fixture.there) }
        #expect(try await fixture.outcome("alice@a.test", from: Fixture.there) == "too_many_attempts")
        #expect(try await fixture.outcome("alice@a.test", from: Network(address: "203.0.113.1")) == "too_many_attempts")
        // From there a wrong password is answered as everywhere.
        #expect(try await fixture.outcome("alice@a.test", "wrong") == "too_many_attempts")
        #expect(try await fixture.outcome("alice@a.test") == "200")
    }

    @Test("a network is known for 30 days after its last success")
    func networkIsForgotten() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        #expect(try await fixture.outcome("alice@a.test") == "200")
        fixture.time.advance(days: 30)
        fixture.time.advance(seconds: -1)
        for _ in 0..<10 { _ = try await fixture.outcome("alice@a.test", "wrong", from: Fixture.there) }
        #expect(try await fixture.outcome("alice@a.test") == "200")
        fixture.time.advance(days: 30)
        for _ in 0..<10 { _ = try await fixture.outcome("alice@a.test", "wrong", from: Fixture.there) }
        #expect(try await fixture.outcome("alice@a.test") == "too_many_attempts")
    }

    @Test("a network that is known to one account is not known to another")
    func knownToOneOnly() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        try await fixture.anAccount(email: "bob@a.test")
        #expect(try await fixture.outcome("alice@a.test") == "200")
        for _ in 0..<10 { _ = try await fixture.outcome("bob@a.test", "wrong", from: Fixture.there) }
        #expect(try await fixture.outcome("bob@a.test") == "too_many_attempts")
    }

    @Test("the right password of a disabled account counts as a failure, like any other")
    func disabledCounts() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        try await fixture.accounts.setDisabled(true, try AccountName("alice@a.test"))
        for _ in 0..<10 { #expect(try await fixture.outcome("alice@a.test") == "invalid_credentials") }
        #expect(try await fixture.outcome("alice@a.test") == "too_many_attempts")
    }

    @Test("a success clears the failures of the name and leaves those of the network")
    func successClears() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        for _ in 0..<9 { _ = try await fixture.outcome("alice@a.test", "wrong") }
        #expect(try await fixture.outcome("alice@a.test") == "200")
        for _ in 0..<9 { #expect(try await fixture.outcome("alice@a.test", "wrong") == "invalid_credentials") }
        #expect(try await fixture.outcome("alice@a.test") == "200")
        let failures = try await fixture.database.rows("SELECT failures FROM sign_in_failures").map {
            try $0.integer(at: 0)
        }
        #expect(failures == [18])
    }

    @Test("all spellings of a name count together")
    func spellings() async throws {
        let fixture = try await Fixture()
        for name in ["alice@a.test", "ALICE@a.test", " alice@a.test", "Alice@A.test\n", "alice@A.TEST"] {
            for _ in 0..<2 { #expect(try await fixture.outcome(name, "wrong") == "invalid_credentials") }
        }
        #expect(try await fixture.outcome("alice@a.test", "wrong") == "too_many_attempts")
    }

    @Test("sixteen guesses at once count one after another", arguments: ["alice@a.test", "nobody@a.test"])
    func race(name: String) async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        let results = try await sixteen { index in try await fixture.outcome(name, "wrong \(index)") }
        #expect(results == ["invalid_credentials": 10, "too_many_attempts": 6])
    }

    @Test("sign-ins of other names do not wait for those that guess")
    func turnsAreByName() async throws {
        let turns = Turns()
        let (held, release) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Void.self))
        async let first: Void = turns.take("alice") {
            held.continuation.yield()
            for await _ in release.stream { break }
        }
        for await _ in held.stream { break }
        #expect(try await turns.take("bob") { 7 } == 7)
        release.continuation.yield()
        try await first
    }

    @Test("a line that is full refuses, and whoever gives up leaves it", .timeLimit(.minutes(1)))
    func turnsAreBounded() async throws {
        let turns = Turns(maximumWaiting: 1)
        let (held, release) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Void.self))
        let first = Task {
            try await turns.take("alice") {
                held.continuation.yield()
                for await _ in release.stream { break }
            }
        }
        for await _ in held.stream { break }
        let second = Task { try await turns.take("alice") {} }
        // One of two can wait; which one depends on who comes first.
        let third = Task { try await turns.take("alice") {} }
        let refused = await withTaskGroup(of: Bool.self) { group in
            for task in [second, third] {
                group.addTask { if case .failure = await task.result { true } else { false } }
            }
            let first = await group.next() ?? false
            second.cancel()
            third.cancel()
            return first
        }
        #expect(refused)
        release.continuation.yield()
        try await first.value
        #expect(try await turns.take("alice") { 7 } == 7)
    }

    // MARK: The table

    @Test("the table of failures is bounded, and those that would be forgotten first go first")
    func bounded() async throws {
        let fixture = try await Fixture()
        var limits = SignInLimits.asShipped
        limits.remembered = 5
        for index in 0..<8 {
            let now = fixture.time.now
            try await fixture.database.transaction { [limits] sql in
                try limits.recordFailure(from: Network(address: "192.0.2.\(index)"), at: now, in: sql)
            }
            fixture.time.advance(seconds: 1)
        }
        let now = fixture.time.now
        try await fixture.database.transaction { [limits] sql in try limits.tidy(at: now, in: sql) }
        let left = try await fixture.database.rows("SELECT bucket FROM sign_in_failures ORDER BY bucket")
            .map { try $0.text("bucket") }
        #expect(left == (3..<8).map { "network:192.0.2.\($0)/32" })
    }

    @Test("tidying drops what is over and keeps what is not")
    func tidy() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        _ = try await fixture.signIn("alice@a.test")
        _ = try await fixture.outcome("bob@a.test", "wrong")
        let housekeeping = Housekeeping(
            database: fixture.database, limits: fixture.features.limits, sessions: fixture.features.sessions,
            signingKeys: fixture.signingKeys, keys: fixture.features.keys, accepted: fixture.features.accepted,
            passwordReset: fixture.features.passwordReset, domainProxy: fixture.features.domainProxy,
            audits: fixture.features.audits, auditRetention: 0,
            clock: fixture.time.clock,
            logger: .init(label: "test"))
        func rows() async throws -> [Int64] {
            [
                try await fixture.count("SELECT COUNT(*) FROM sessions"),
                try await fixture.count("SELECT COUNT(*) FROM sign_in_failures"),
                try await fixture.count("SELECT COUNT(*) FROM known_networks"),
            ]
        }
        try await housekeeping.tidy()
        #expect(try await rows() == [1, 2, 1])
        fixture.time.advance(minutes: 15)
        try await housekeeping.tidy()
        #expect(try await rows() == [1, 0, 1])
        fixture.time.advance(days: 30)
        try await housekeeping.tidy()
        #expect(try await rows() == [0, 0, 0])
    }

    @Test("failures of a network with wrong secrets are forgotten after fifteen minutes, tidied or not")
    func secretFailuresAreForgotten() async throws {
        let fixture = try await Fixture()
        let limits = fixture.features.limits
        func fail() async throws {
            let now = fixture.time.now
            try await fixture.database.transaction { sql in
                try limits.recordFailure(from: Fixture.here, at: now, in: sql)
            }
        }
        for _ in 0..<99 { try await fail() }
        fixture.time.advance(minutes: 15)
        try await fail()
        let wait = try await fixture.wait("alice@a.test")
        #expect(wait == nil)
    }

    @Test("a network whose wait is over has a hundred failures again")
    func networkStartsAnew() async throws {
        let fixture = try await Fixture()
        for index in 0..<100 { _ = try await fixture.outcome("n\(index)@a.test", "wrong") }
        #expect(try await fixture.wait("fresh@a.test") == 15 * 60)
        fixture.time.advance(minutes: 15)
        #expect(try await fixture.outcome("one@a.test", "wrong") == "invalid_credentials")
        let second = try await fixture.outcome("two@a.test", "wrong")
        #expect(second == "invalid_credentials")
    }

    @Test("look-ups of unknown aliases are counted for each network and minute")
    func lookUps() throws {
        let limit = NetworkLimit(perMinute: 3, refusal: .tooManyLookups)
        let start: Int64 = TestClock.start
        for _ in 0..<3 {
            try limit.requireRoom(for: Fixture.here, at: start)
            limit.count(Fixture.here, at: start)
        }
        let problem = #expect(throws: Problem.self) { try limit.requireRoom(for: Fixture.here, at: start + 1_000_000) }
        #expect(problem?.code == "too_many_lookups")
        #expect(problem?.headers[.retryAfter] == "59")
        try limit.requireRoom(for: Fixture.there, at: start)
        try limit.requireRoom(for: Fixture.here, at: start + 60_000_000)
        // A clock that is set back by an hour must not make it wait for an hour.
        try limit.requireRoom(for: Fixture.here, at: start - 3_600_000_000)
        for _ in 0..<3 { limit.count(Fixture.here, at: start - 3_600_000_000) }
        let again = #expect(throws: Problem.self) {
            try limit.requireRoom(for: Fixture.here, at: start - 3_600_000_000)
        }
        #expect(again?.headers[.retryAfter] == "60")
    }

    @Test("beyond so many networks the new ones share a count")
    func manyNetworks() throws {
        let limit = NetworkLimit(perMinute: 2, refusal: .tooManyLookups)
        let now = TestClock.start
        func network(_ number: Int) -> Network {
            Network(address: "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)")
        }
        for number in 0..<50_000 { limit.count(network(number), at: now) }
        try limit.requireRoom(for: network(0), at: now)
        for number in 50_000..<50_002 {
            try limit.requireRoom(for: network(number), at: now)
            limit.count(network(number), at: now)
        }
        #expect(throws: Problem.self) { try limit.requireRoom(for: network(50_002), at: now) }
        try limit.requireRoom(for: network(0), at: now)
    }

    @Test("a clock that is set back makes nobody wait for longer than fifteen minutes")
    func clockSetBack() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "alice@a.test")
        fixture.time.advance(days: 365)
        for index in 0..<100 {
            _ = try await fixture.outcome("n\(index)@a.test", "wrong", from: Fixture.there)
            if index < 15 { _ = try await fixture.outcome("alice@a.test", "wrong") }
        }
        // By less than the wait that is left: it still counts, and Retry-After says how long.
        #expect(try await fixture.wait("fresh@a.test", from: Fixture.there) == 15 * 60)
        fixture.time.advance(minutes: 10)
        fixture.time.advance(minutes: -5)
        #expect(try await fixture.wait("fresh@a.test", from: Fixture.there) == 10 * 60)

        fixture.time.advance(days: -365)
        #expect(try await fixture.outcome("fresh@a.test", "wrong", from: Fixture.there) == "invalid_credentials")
        // What was counted at the wrong time is over too.
        for _ in 0..<10 { #expect(try await fixture.outcome("alice@a.test", "wrong") == "invalid_credentials") }
        #expect(try await fixture.wait("alice@a.test", "wrong") == 60)
        try await fixture.database.transaction { sql in
            try SignInLimits.asShipped.tidy(at: fixture.time.now, in: sql)
        }
        let left = try await fixture.count("SELECT COUNT(*) FROM sign_in_failures")
        #expect(left == 4, "the names and the networks that failed since, and nothing from the future")
    }
}
