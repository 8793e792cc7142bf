import GatehouseJSON
import GatehouseMessages
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Logging
import ServiceLifecycle
import Testing
import WebTokens

@testable import GatehouseCore

extension TransferResponse {
    fileprivate func line(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

@Suite("A running server", .timeLimit(.minutes(2)))
struct ServerTests {
    @Test("a name that is none is refused in one sentence")
    func sentence() async throws {
        try await withServer { server in
            try await server.fixture.anAccount(email: "admin@a.test", roles: [.admin])
            let token = try await server.fixture.signIn("admin@a.test")
            let answer = try await server.send(
                .get, "/api/accounts?name=nobody", [("Authorization", "Bearer \(token)")])
            let title = try JSONValue(parsing: answer.body)["title"]?.string
            #expect(title == "\"nobody\" is neither an e-mail address nor an alias.")
        }
    }

    @Test("a configured origin is answered by name")
    func origins() async throws {
        try await withServer({ $0.allowedOrigins = ["https://one.test", "https://two.test"] }) { server in
            for origin in ["https://one.test", "https://two.test"] {
                for path in ["/health", "/v1/users", "/nothing"] {
                    let answer = try await server.send(.get, path, [("Origin", origin)])
                    #expect(answer.line("Access-Control-Allow-Origin") == origin)
                    #expect(answer.line("Vary") == "Origin")
                    #expect(answer.line("Access-Control-Allow-Credentials") == nil)
                }
                let preflight = try await server.send(
                    .options, "/v1/users", [("Origin", origin), ("Access-Control-Request-Method", "POST")])
                #expect(preflight.status == 204)
                #expect(preflight.line("Access-Control-Allow-Origin") == origin)
                #expect(preflight.line("Access-Control-Allow-Methods") == "DELETE, OPTIONS, POST")
                #expect(
                    preflight.line("Access-Control-Allow-Headers")
                        == "Authorization, Bearer, Content-Digest, Content-Type, Digest, Idempotency-Key, If-None-Match, Signature, Signature-Input"
                )
            }
            for origin in ["https://three.test", "http://one.test", "https://one.test:444", "null", "*"] {
                let answer = try await server.send(.get, "/health", [("Origin", origin)])
                #expect(answer.line("Access-Control-Allow-Origin") == nil)
            }
            let silent = try await server.send(.get, "/health")
            #expect(silent.line("Access-Control-Allow-Origin") == nil)
        }
    }

    @Test("every 429 and 503 names a time")
    func retryAfter() async throws {
        // Nobody may wait for a thread, so every hash is one too many.
        let hasher = PasswordHasher(parameters: Fixture.light, concurrency: 1, maximumWaiting: 0)
        try await withServer(passwords: hasher) { server in
            let answer = try await server.signIn("alice@a.test")
            #expect(answer.status == 503)
            #expect(answer.line("Error-Code") == "overloaded")
            #expect(try #require(answer.line("Retry-After").flatMap(Int.init)) >= 1)
        }
        try await withServer({
            $0.signInFailuresPerName = 1
            $0.lookUpsPerMinute = 1
        }) { server in
            var answers = [try await server.signIn("alice@a.test"), try await server.signIn("alice@a.test")]
            for _ in 0..<2 { answers.append(try await server.send(.get, "/v1/addresses?alias=a$a.test")) }
            #expect(answers.map(\.status) == [401, 429, 404, 429])
            #expect(answers.map { $0.line("Error-Code") ?? "" }.suffix(1) == ["too_many_lookups"])
            await server.fixture.database.close()
            answers.append(try await server.signIn("bob@a.test"))
            answers.append(try await server.send(.get, "/health/ready"))
            #expect(answers.suffix(2).map(\.status) == [503, 503])
            #expect(answers.suffix(2).map { $0.line("Error-Code") } == ["store_unavailable", "store_unavailable"])
            for answer in answers where answer.status == 429 || answer.status == 503 {
                #expect(try #require(answer.line("Retry-After").flatMap(Int.init)) >= 1)
            }
            // The process itself is well.
            #expect(try await server.send(.get, "/health").status == 200)
        }
    }

    @Test("a server is not ready on a store that has the tables of another version")
    func otherSchema() async throws {
        try await withServer { server in
            #expect(try await server.send(.get, "/health/ready").status == 200)
            let next = Migration(
                number: Schema.migrations.count + 1, title: "of a later version",
                statements: ["CREATE TABLE later (id TEXT PRIMARY KEY)"])
            _ = try await server.fixture.database.migrate(Schema.migrations + [next])
            let answer = try await server.send(.get, "/health/ready")
            #expect(answer.status == 503 && answer.line("Error-Code") == "store_unavailable")
            #expect(answer.line("Retry-After") != nil)
        }
    }

    @Test("hashing that is overloaded refuses and delays nothing else")
    func timedOverload() async throws {
        let slow = Argon2Parameters(memoryKiB: 64 * 1024, passes: 6, lanes: 1)
        let hasher = PasswordHasher(
            parameters: slow, concurrency: 1, maximumWaiting: 1, maximumWait: .seconds(60))
        let hash = try await ContinuousClock().measure { _ = try await hasher.hash(Fixture.password) }
        try await withServer(passwords: hasher) { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            async let statuses = withThrowingTaskGroup(of: [String: Int].self) { group in
                for client in 0..<8 {
                    group.addTask {
                        var found: [String: Int] = [:]
                        for turn in 0..<3 {
                            let answer = try await server.signIn("n\(client)-\(turn)@a.test")
                            let code = "\(answer.status) \(answer.line("Error-Code") ?? "")"
                            found[code, default: 0] += 1
                            if answer.status == 503 { #expect(answer.line("Retry-After") == "1") }
                        }
                        return found
                    }
                }
                return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
            }
            var times: [Duration] = []
            for _ in 0..<50 {
                let start = ContinuousClock.now
                #expect(try await server.send(.get, "/v1/addresses?alias=alice$a.test").status == 200)
                times.append(ContinuousClock.now - start)
            }
            let found = try await statuses
            #expect(Set(found.keys) == ["401 invalid_credentials", "503 overloaded"])
            #expect(found.values.reduce(0, +) == 24)
            #expect(times.sorted()[25] < hash / 2, "a look-up took \(times.sorted()[25]), a hash \(hash)")
        }
    }

    @Test(
        "limits are counted for the client that a trusted proxy names, and for the peer otherwise",
        arguments: [true, false])
    func proxies(isTrusted: Bool) async throws {
        try await withServer({
            $0.signInFailuresPerNetwork = 2
            $0.trustedProxies = isTrusted ? [AddressBlock("127.0.0.1")!] : []
        }) { server async throws in
            func status(_ name: String, _ client: String) async throws -> Int {
                try await server.signIn(name, "wrong", [("X-Forwarded-For", client)]).status
            }
            #expect(try await status("a@a.test", "192.0.2.1") == 401)
            #expect(try await status("b@a.test", "192.0.2.1") == 401)
            #expect(try await status("c@a.test", "192.0.2.1") == 429)
            #expect(try await status("d@a.test", "192.0.2.2") == (isTrusted ? 401 : 429))
            // What the client itself wrote stands to the left.
            #expect(try await status("e@a.test", "192.0.2.9, 192.0.2.1") == 429)
        }
    }

    /// What takes seconds to put into the order that canonical equivalence asks for.
    private static func pile(_ count: Int) -> String {
        "a" + String(repeating: "\u{345}", count: count) + String(repeating: "\u{301}", count: count)
    }

    @Test("a pile of combining marks is compared without being sorted: as the name of a member, and as a resource")
    func timedCombiningMarks() async throws {
        try await withServer { server async throws in
            let start = ContinuousClock.now
            for path in ["/init", "/iforgot", "/reset"] {
                var request = TransferRequest(
                    method: .post, url: server.url + path,
                    headers: [("Content-Type", "application/x-www-form-urlencoded")])
                request.body = Array("\(Self.pile(15_000))=1".utf8)
                #expect(try await server.transport.send(request).status == 200)
            }
            let member: JSONValue = .object([
                .init(name: "sssid", value: "S-1"), .init(name: Self.pile(15_000), value: .null),
            ])
            #expect(throws: Problem.self) { try SubjectChange(member, Faults()) }
            #expect(throws: Problem.self) {
                try PatientIdentifier(["resourceType": .string(Self.pile(100_000))])
            }
            #expect(start.duration(to: .now) < .seconds(2))
        }
    }

    @Test("a token of one sign-in works over the wire until its account is disabled")
    func disabled() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            try await server.fixture.anAccount(alias: "alice$a.test")
            let answer = try await server.signIn("alice$a.test")
            let token = try #require(try JSONValue(parsing: answer.body)["jwt"]?.string)
            let authorization = [("Authorization", "Bearer \(token)")]
            let address: JSONValue = [
                "address_type": .number(JSONNumber(100)), "address": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            ]
            #expect(try await server.send(.put, "/v1/addresses", authorization, body: address).status == 200)
            try await server.fixture.accounts.setDisabled(true, try AccountName("alice$a.test"))
            let refused = try await server.send(.put, "/v1/addresses", authorization, body: address)
            #expect(refused.status == 401)
            #expect(refused.line("Error-Code") == "invalid_token")
        }
    }
}
