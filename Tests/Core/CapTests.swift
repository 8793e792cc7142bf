import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Testing
import WebTokens

@testable import GatehouseCore

/// What CAP promises beyond what its scenarios can show: settings of domains, time, limits of whole hours.
@Suite("CAP", .timeLimit(.minutes(2)))
struct CapTests {
    private static let bitcoin = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
    private static let segWit = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"

    // MARK: Who makes users

    @Test("where only operators make aliases the secret opens nothing")
    func operators() async throws {
        try await withServer { server in
            try await server.fixture.anAccount(email: "admin@a.test", roles: [.admin])
            let secret = try await server.fixture.aDomain()
            try await server.set(DomainSettings(signUp: .operator))
            let wrong = try await server.makeUser("alice", secret: "not-the-secret")
            #expect(wrong.outcome == "401 invalid_credentials")
            let right = try await server.makeUser("alice", secret: secret)
            #expect(right.outcome == wrong.outcome && right.body == wrong.body)
            #expect(try await server.makeAlias("alice$a.test", secret: secret).outcome == "401 invalid_credentials")
            #expect(try await server.makeUser("alice").outcome == "401 authentication_required")
            #expect(try await server.makeAlias("alice$a.test").outcome == "401 authentication_required")
            let admin = try await server.fixture.signIn("admin@a.test")
            #expect(try await server.makeAlias("alice$a.test", secret: admin).outcome == "200")
            try await server.set(DomainSettings(signUp: .secret))
            #expect(try await server.makeUser("bob", secret: secret).outcome == "200")
        }
    }

    @Test("an alias has a hundred coins that nobody knows")
    func hundredCoins() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain()
        let id = try await fixture.anAccount(alias: "alice$a.test")
        func set(_ coin: String) async throws -> String {
            do {
                try await fixture.features.coins.set("1", of: try Coin(checking: coin), for: id, by: .commandLine)
                return "200"
            } catch let problem as Problem { return problem.code }
        }
        for number in 0..<100 { #expect(try await set("c\(number)") == "200") }
        #expect(try await set("c100") == "too_many_coins")
        #expect(try await set("c99") == "200")
    }

    @Test("domains that came along with one secret keep it each, also when it has been used at one")
    func oneSecretForTwo() async throws {
        let fixture = try await Fixture()
        let secret = DomainSecret.random().text
        let hash = try await fixture.passwords.hash(secret)
        for name in ["a.test", "b.test"] {
            try await fixture.aDomain(name)
            try await fixture.database.transaction { sql in
                try sql("UPDATE domains SET secret_digest = NULL, secret_hash = \(hash) WHERE name = \(name)")
            }
        }
        for name in ["b.test", "b.test", "a.test", "b.test", "a.test"] {
            #expect(try await fixture.domains.check(secret: secret, for: name) == .thisDomain, "\(name)")
        }
        try await fixture.aDomain("c.test")
        #expect(try await fixture.domains.check(secret: secret, for: "c.test") == .otherDomain)
        #expect(try await fixture.domains.check(secret: secret, for: "d.test") == .nothing)
    }

    @Test("where everybody makes aliases a network makes ten in an hour")
    func open() async throws {
        try await withServer { server in
            let secret = try await server.fixture.aDomain()
            try await server.fixture.aDomain("b.test")
            try await server.set(DomainSettings(signUp: .open))
            #expect(try await server.makeUser("user-1").outcome == "200")
            #expect(try await server.makeUser("user-1").outcome == "409 alias_taken")
            #expect(try await server.makeUser("short", password: "short").outcome == "400 weak_password")
            #expect(try await server.makeUser("alice", host: "b.test").outcome == "401 authentication_required")
            #expect(try await server.makeAlias("alice$b.test").outcome == "401 authentication_required")
            #expect(try await server.makeUser("alice", secret: "not-the-secret").outcome == "401 invalid_credentials")
            // Eight are left, for all that come at once.
            let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        number.isMultiple(of: 2)
                            ? try await server.makeUser("many-\(number)").outcome
                            : try await server.makeAlias("many-\(number)$a.test").outcome
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == "200" } == 8)
            #expect(outcomes.count { $0 == "429 too_many_sign_ups" } == 8)
            let refused = try await server.makeUser("late")
            #expect(refused.outcome == "429 too_many_sign_ups" && refused["Retry-After"] == ["3600"])
            #expect(try await server.makeUser("late", secret: secret).outcome == "200")
            server.fixture.time.advance(minutes: 60)
            #expect(try await server.makeUser("later").outcome == "200")
            let actors = try await server.fixture.database.rows(
                "SELECT actor FROM audit_events WHERE action LIKE 'create%later%'")
            #expect(try actors.count == 1 && actors[0].optionalText("actor") == nil)
        }
    }

    // MARK: Settings

    @Test("a domain takes the address types that its operator named")
    func addressTypes() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            let token = try await server.fixture.signIn("alice$a.test")
            #expect(try await server.setCoin("doge", "D1", token).outcome == "200")
            try await server.set(DomainSettings(addressTypes: .some([.segwit, .nano])))
            #expect(try await server.setCoin("btc", Self.bitcoin, token).outcome == "400 invalid_address_type")
            #expect(try await server.setCoin("btc", Self.segWit, token).outcome == "200")
            #expect(try await server.setCoin("doge", "D2", token).outcome == "400 invalid_address_type")
            #expect(try await server.setCoin("btc", "mistyped", token).outcome == "400 invalid_address")
            func put(_ type: Int64, _ address: String) async throws -> String {
                try await server.send(
                    .put, "/v1/addresses", [("Authorization", "Bearer \(token)")],
                    body: ["address_type": .number(JSONNumber(type)), "address": .string(address)]
                ).outcome
            }
            #expect(try await put(100, Self.bitcoin) == "400 invalid_address_type")
            #expect(try await put(102, Self.segWit) == "200")
            #expect(try await server.coin("doge", of: "alice").text == #"{"address":"D1"}"#)
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM addresses") == 1)
        }
    }

    @Test("a username has the coins of the host's domain, and none of another domain's")
    func otherDomain() async throws {
        try await withServer { server in
            for domain in ["a.test", "b.test"] {
                try await server.fixture.aDomain(domain)
                try await server.fixture.anAccount(alias: "alice$\(domain)")
            }
            let token = try await server.fixture.signIn("alice$a.test")
            #expect(try await server.setCoin("btc", Self.bitcoin, token).outcome == "200")
            #expect(try await server.setCoin("doge", "D1", token).outcome == "200")
            for coin in ["btc", "doge"] {
                #expect(try await server.coin(coin, of: "alice").outcome == "200")
                #expect(try await server.coin(coin, of: "alice", host: "b.test").outcome == "404 address_not_set")
            }
        }
    }

    @Test("a token of CAP lasts 300 seconds, one of an alias at the IDM 900, whatever the host")
    func lifetimes() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            try await server.fixture.anAccount(email: "staff@a.test", roles: [.staff])
            for (path, name, seconds) in [
                ("/auth", "alice", 300), ("/ccap/auth", "alice", 300), ("/auth", "alice$a.test", 900),
                ("/auth", "staff@a.test", 43_200),
            ] {
                let answer = try await server.signIn(name, at: path)
                let token = try #require(answer.json?["jwt"]?.string)
                #expect(answer.json?["access_token"]?.string == token)
                let payload = try #require(Base64URL.decode(String(token.split(separator: ".")[1])))
                let claims = try JSONValue(parsing: payload)
                let (iat, exp) = (try #require(claims["iat"]?.int64), try #require(claims["exp"]?.int64))
                #expect(exp - iat == Int64(seconds), "\(path) \(name)")
            }
        }
    }

    // MARK: What becomes of coins

    @Test("an account that outlives its alias keeps no coins")
    func outlived() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            try await server.fixture.aDomain("b.test")
            for (name, domain) in [("alice", "a.test"), ("bob", "b.test")] {
                try await server.fixture.anAccount(email: "\(name)@mail.test", alias: "\(name)$\(domain)")
                let token = try await server.fixture.signIn("\(name)@mail.test")
                #expect(try await server.setCoin("doge", "D1", token, host: domain).outcome == "200")
                #expect(try await server.setCoin("btc", Self.bitcoin, token, host: domain).outcome == "200")
            }
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM coins") == 2)
            let token = try await server.fixture.signIn("alice@mail.test")
            #expect(
                try await server.send(.delete, "/v1/users", [("Authorization", "Bearer \(token)")]).outcome == "200")
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM coins") == 1)
            #expect(try await server.setCoin("doge", "D2", token).outcome == "401 invalid_token")
            try await server.fixture.domains.remove(try DomainName("b.test"), by: .commandLine)
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM coins") == 0)
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM addresses") == 0)
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM accounts") == 2)
            #expect(try await server.coin("doge", of: "bob", host: "b.test").outcome == "404 unknown_alias")
        }
    }

    @Test("the address that was written last is found although the clock was set back")
    func clockSetBack() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            let token = try await server.fixture.signIn("alice$a.test")
            for address in [Self.bitcoin, Self.segWit, Self.bitcoin, Self.segWit] {
                // Not a microsecond passes, or some that were there already.
                server.fixture.time.advance(seconds: -2)
                #expect(try await server.setCoin("btc", address, token).outcome == "200")
                #expect(try await server.coin("btc", of: "alice").text == #"{"address":"\#(address)"}"#)
            }
        }
    }

    @Test("a disabled account's coins are not looked up, nor written")
    func disabled() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            let token = try await server.fixture.signIn("alice$a.test")
            #expect(try await server.setCoin("doge", "D1", token).outcome == "200")
            try await server.fixture.accounts.setDisabled(true, try AccountName("alice$a.test"))
            #expect(try await server.coin("doge", of: "alice").outcome == "404 unknown_alias")
            #expect(try await server.setCoin("doge", "D2", token).outcome == "401 invalid_token")
            try await server.fixture.accounts.setDisabled(false, try AccountName("alice$a.test"))
            #expect(try await server.coin("doge", of: "alice").outcome == "200")
        }
    }

    // MARK: Limits and time

    @Test("look-ups at CAP count with those at /v1")
    func limit() async throws {
        try await withServer {
            $0.lookUpsPerMinute = 4
        } _: { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            let token = try await server.fixture.signIn("alice$a.test")
            #expect(try await server.setCoin("doge", "D1", token).outcome == "200")
            for _ in 0..<10 { #expect(try await server.coin("doge", of: "alice").outcome == "200") }
            #expect(try await server.coin("doge", of: "nobody").outcome == "404 unknown_alias")
            #expect(try await server.coin("btc", of: "alice").outcome == "404 address_not_set")
            #expect(try await server.coin("doge", of: "alice", host: "nowhere.test").outcome == "404 unknown_alias")
            #expect(try await server.send(.get, "/v1/addresses?alias=no$a.test").outcome == "404 unknown_alias")
            let refused = try await server.coin("doge", of: "alice")
            #expect(refused.outcome == "429 too_many_lookups" && refused["Retry-After"] == ["60"])
            #expect(try await server.send(.get, "/v1/addresses?alias=alice$a.test").outcome == "429 too_many_lookups")
            server.fixture.time.advance(minutes: 1)
            #expect(try await server.coin("doge", of: "alice").outcome == "200")
        }
    }

    @Test("wrong secrets at CAP count for the network as failed sign-ins do")
    func wrongSecrets() async throws {
        try await withServer {
            $0.signInFailuresPerNetwork = 3
        } _: { server in
            let secret = try await server.fixture.aDomain()
            try await server.fixture.aDomain("b.test")
            for host in ["a.test", "nowhere.test", "b.test"] {
                let secret = host == "b.test" ? secret : "not-the-secret"
                #expect(
                    try await server.makeUser("alice", secret: secret, host: host).outcome == "401 invalid_credentials")
            }
            #expect(try await server.makeUser("alice", secret: secret).outcome == "429 too_many_attempts")
            #expect(try await server.signIn("alice").outcome == "429 too_many_attempts")
        }
    }

    @Test("a secret for a host without a domain takes as long as a wrong one")
    func timedSecrets() async throws {
        try await compared { server in
            let weak = try DomainSecret(broughtAlong: "hunter2", allowWeak: true)
            _ = try await server.fixture.domains.add(try DomainName("a.test"), secret: weak, by: .server)
        } of: { server, host in
            let answer = try await server.makeUser("alice", secret: "hunter3", host: host)
            #expect(answer.outcome == "401 invalid_credentials")
        }
    }

    @Test("a sign-in at CAP takes as long for a host without a domain")
    func timedSignIns() async throws {
        try await compared { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
        } of: { server, host in
            for name in ["alice", "nobody"] {
                let answer = try await server.signIn(name, "wrong password", at: "/ccap/auth", host: host)
                #expect(answer.outcome == "401 invalid_credentials")
            }
        }
    }

    /// Asks at the host of a domain and at those of none, with hashes that take so long that nothing else counts.
    private func compared(
        prepare: (RunningServer) async throws -> Void, of ask: (RunningServer, String) async throws -> Void
    ) async throws {
        let slow = PasswordHasher(
            parameters: Argon2Parameters(memoryKiB: 16 * 1024, passes: 4, lanes: 1), concurrency: 2,
            maximumWaiting: 1000, maximumWait: .seconds(60))
        try await withServer(passwords: slow) {
            $0.signInFailuresPerName = 1_000_000
            $0.signInFailuresPerNetwork = 1_000_000
        } _: { server in
            try await prepare(server)
            var times: [String: [Duration]] = [:]
            for _ in 0..<5 {
                for host in ["a.test", "nowhere.test", "127.0.0.1"] {
                    let start = ContinuousClock.now
                    try await ask(server, host)
                    let time = start.duration(to: .now)
                    times[host, default: []].append(time)
                }
            }
            let medians = times.mapValues { $0.sorted()[2] }
            let known = try #require(medians["a.test"])
            for host in ["nowhere.test", "127.0.0.1"] {
                let ratio = try #require(medians[host]) / known
                #expect((0.4...2.5).contains(ratio), "\(medians)")
            }
        }
    }
}

extension TransferResponse {
    /// `200`, or status and code of a refusal.
    fileprivate var outcome: String {
        ["\(status)", self["Error-Code"].first].compactMap { $0 }.joined(separator: " ")
    }
    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
    fileprivate var json: JSONValue? { try? JSONValue(parsing: body) }
    fileprivate subscript(name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}

extension RunningServer {
    /// Changes settings of the domain `a.test`.
    fileprivate func set(_ settings: DomainSettings) async throws {
        try await fixture.domains.change(try DomainName("a.test"), settings: settings, by: .commandLine)
    }

    fileprivate func makeUser(
        _ username: String, password: String = Fixture.password, secret: String? = nil, host: String = "a.test"
    ) async throws -> TransferResponse {
        try await send(
            .post, "/private/user", [("Host", host)] + (secret.map { [("bearer", $0)] } ?? []),
            body: ["username": .string(username), "password": .string(password)])
    }

    fileprivate func makeAlias(_ alias: String, secret: String? = nil) async throws -> TransferResponse {
        try await send(
            .post, "/v1/users", secret.map { [("Authorization", "Bearer \($0)")] } ?? [],
            body: ["alias": .string(alias), "password": .string(Fixture.password)])
    }

    fileprivate func signIn(
        _ username: String, _ password: String = Fixture.password, at path: String = "/auth", host: String = "a.test"
    ) async throws -> TransferResponse {
        try await send(
            .post, path, [("Host", host)], body: ["username": .string(username), "password": .string(password)])
    }

    fileprivate func setCoin(
        _ coin: String, _ address: String, _ token: String, host: String = "a.test"
    ) async throws -> TransferResponse {
        try await send(
            .post, "/address", [("Host", host), ("bearer", token)],
            body: ["coin": .string(coin), "address": .string(address)])
    }

    fileprivate func coin(_ coin: String, of username: String, host: String = "a.test") async throws -> TransferResponse
    {
        try await send(.get, "/address/\(username)/\(coin)", [("Host", host)])
    }
}
