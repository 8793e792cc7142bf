import GatehouseCryptography
import GatehouseMessages
import GatehouseTestSupport
import GatehouseSQLite
import GatehouseStorage
import HTTPSignatures
import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("Signed requests at the server", .timeLimit(.minutes(2)))
struct SignedRequestTests {
    /// A key of an account without roles.
    private func aKey(
        _ fixture: Fixture, of email: String = "alice@a.test", change: (inout APIKeys.Plan) -> Void = { _ in }
    ) async throws -> SignatureKey {
        let account = try await fixture.anAccount(email: email)
        var plan = APIKeys.Plan()
        change(&plan)
        let material = APIKeyMaterial.random()
        let entry = try await fixture.features.keys.add(plan, material, of: account)
        return try SignatureKey(id: entry.id, secret: Array(try #require(material.madeSecret).utf8))
    }

    private func request(
        _ server: RunningServer, _ method: String = "GET", _ target: String = "/hello_someone", body: String? = nil,
        host: String? = nil
    ) -> SignedRequest {
        SignedRequest(
            method, target, host: host ?? "127.0.0.1:\(server.port)", body: body,
            now: server.fixture.time.now / 1_000_000)
    }

    private func outcome(
        _ server: RunningServer, _ key: SignatureKey, _ method: String = "GET", _ target: String = "/hello_someone",
        covering: [String]? = nil, body: String? = nil
    ) async throws -> String {
        var request = request(server, method, target, body: body)
        try request.signCavage(covering: covering, with: key)
        return try await request.send(port: server.port).outcome
    }

    @Test("a list of the operator's own counts on the hello pages and nowhere else")
    func verifiedHeaders() async throws {
        try await withServer {
            $0.verifiedHeaders = ["request-target", "date"]
        } _: { server in
            let key = try await aKey(server.fixture) { $0.scopes = [.manage] }
            let covered = ["(request-target)", "date"]
            #expect(try await outcome(server, key, covering: covered) == "200")
            #expect(try await outcome(server, key, "POST", covering: covered, body: "not signed") == "200")
            #expect(try await outcome(server, key, covering: ["date"]) == "401 signature_invalid")
            #expect(try await outcome(server, key, "GET", "/api/keys", covering: covered) == "401 signature_invalid")
            #expect(try await outcome(server, key, "GET", "/api/keys") == "200")
            let answer = try await request(server, "POST").send(port: server.port)
            #expect(
                answer["WWW-Authenticate"] == [#"Signature realm="HTTP-Signatures",headers="(request-target) date""#])
        }
    }

    @Test("the hello pages can be turned off")
    func noHelloPages() async throws {
        try await withServer {
            $0.hasHelloPages = false
        } _: { server in
            let key = try await aKey(server.fixture)
            for path in ["/hello_world", "/hello_world_private", "/hello_someone"] {
                #expect(try await outcome(server, key, "GET", path) == "404 not_found")
            }
        }
    }

    @Test("the window is a setting")
    func window() async throws {
        try await withServer {
            $0.signatureWindow = 10
        } _: { server in
            let key = try await aKey(server.fixture)
            for (offset, expected) in [(10, "200"), (11, "401 signature_stale")] {
                var late = SignedRequest(
                    "GET", "/hello_someone", host: "127.0.0.1:\(server.port)",
                    now: server.fixture.time.now / 1_000_000 - Int64(offset))
                try late.signCavage(with: key)
                #expect(try await late.send(port: server.port).outcome == expected)
            }
        }
    }

    @Test("the host that a signature covers is the forwarded one behind a trusted proxy only")
    func forwardedHost() async throws {
        let lines: [[(String, String)]] = [
            [("X-Forwarded-Host", "id.example.org")], [("X-Forwarded-Host", "evil.test, id.example.org")],
            [("Forwarded", "for=192.0.2.1;host=\"id.example.org\";proto=https")],
            [("Forwarded", "for=\"a;host=evil.test, b\\\";host=evil.test\";host=id.example.org")],
        ]
        for isTrusted in [true, false] {
            try await withServer {
                $0.trustedProxies = isTrusted ? [AddressBlock("127.0.0.1")].compactMap { $0 } : []
            } _: { server in
                let key = try await aKey(server.fixture)
                for forwarded in lines {
                    var signed = request(server, host: "id.example.org")
                    try signed.signCavage(with: key)
                    signed["Host"] = "127.0.0.1:\(server.port)"
                    signed.lines += forwarded
                    let outcome = try await signed.send(port: server.port).outcome
                    #expect(outcome == (isTrusted ? "200" : "401 signature_invalid"))
                }
                // The scheme, too, is the one that the client used.
                var signed = request(server, host: "id.example.org")
                try signed.signMessage(
                    covering: ["@method", "@target-uri"],
                    parameters: SignatureParameters(created: server.fixture.time.now / 1_000_000), scheme: "https",
                    with: key)
                signed.lines += [("X-Forwarded-Host", "id.example.org"), ("X-Forwarded-Proto", "https")]
                #expect(
                    try await signed.send(port: server.port).outcome == (isTrusted ? "200" : "401 signature_invalid"))
            }
        }
    }

    @Test("beyond what can be remembered signatures are refused, not forgotten")
    func capacity() async throws {
        try await withServer {
            $0.replayCapacity = 4
        } _: { server in
            let key = try await aKey(server.fixture)
            let other = try await aKey(server.fixture, of: "bob@a.test")
            let third = try await aKey(server.fixture, of: "carol@a.test")
            var first = request(server, "POST", body: "1")
            try first.signCavage(with: key)
            #expect(try await first.send(port: server.port).outcome == "200")
            #expect(try await outcome(server, key, "POST", body: "2") == "200")
            var tooMany = request(server, "POST", body: "3")
            try tooMany.signCavage(with: key)
            let refused = try await tooMany.send(port: server.port)
            #expect(refused.outcome == "503 overloaded")
            #expect(refused["Retry-After"].first.flatMap { Int($0) } ?? 0 > 0)
            #expect(try await outcome(server, key) == "200", "a GET needs no room")
            #expect(try await first.send(port: server.port).outcome == "503 overloaded")

            // One account takes no more than half, and others have the rest.
            for body in ["1", "2"] { #expect(try await outcome(server, other, "POST", body: body) == "200") }
            #expect(try await outcome(server, third, "POST", body: "1") == "503 overloaded")
            #expect(try await outcome(server, third) == "200")

            // What would be stale by now needs no room any more.
            server.fixture.time.advance(minutes: 7)
            try await server.fixture.features.accepted.tidy(at: server.fixture.time.now)
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM accepted_signatures") == 0)
            #expect(try await first.send(port: server.port).outcome == "401 signature_stale")
            #expect(try await outcome(server, key, "POST", body: "4") == "200")
        }
    }

    @Test("a signature is remembered as long as it could come again, and a minute")
    func forgotten() async throws {
        try await withServer { server in
            let key = try await aKey(server.fixture)
            var ahead = SignedRequest(
                "POST", "/hello_someone", host: "127.0.0.1:\(server.port)", body: "1",
                now: server.fixture.time.now / 1_000_000 + 300)
            try ahead.signCavage(with: key)
            #expect(try await ahead.send(port: server.port).outcome == "200")
            server.fixture.time.advance(seconds: 600)
            try await server.fixture.features.accepted.tidy(at: server.fixture.time.now)
            #expect(try await ahead.send(port: server.port).outcome == "401 signature_invalid")
            server.fixture.time.advance(seconds: 60)
            try await server.fixture.features.accepted.tidy(at: server.fixture.time.now)
            #expect(try await server.fixture.count("SELECT COUNT(*) FROM accepted_signatures") == 0)
        }
    }

    @Test("of two servers on one store one accepts a signature, and both refuse it later")
    func twoServers() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("store.db")
        let first = try await Fixture(SQLiteDatabase(path: path))
        let second = try await Fixture(SQLiteDatabase(path: path), time: first.time, masterKey: first.masterKey)
        let key = try await aKey(first)
        let now = first.time.now / 1_000_000
        for round in 0..<20 {
            let target = "/hello_someone?round=\(round)"
            var signed = SignedRequest("POST", target, host: "a.test", body: "x", now: now)
            try signed.signCavage(with: key)
            let fields = signed.lines.dropFirst().compactMap { line in
                HTTPField.Name(line.name).map { HTTPField(name: $0, value: line.value) }
            }
            let original = OriginalRequest(
                method: "POST", target: target, scheme: "http", host: "a.test", headers: HTTPFields(fields))
            @Sendable func accept(_ fixture: Fixture) async throws -> Bool {
                let signatures = fixture.features.callers.signatures
                let verified = try await signatures.verify(
                    original, body: .read(Array("x".utf8)), by: fixture.features.callers.policy)
                do { try await signatures.accept(verified) } catch let problem as Problem {
                    #expect(problem.code == "signature_invalid")
                    return false
                }
                return true
            }
            async let one = accept(first)
            async let other = accept(second)
            #expect(try await [one, other].filter { $0 }.count == 1)
            #expect(try await accept(first) == false)
            #expect(try await accept(second) == false)
        }
        await first.database.close()
        await second.database.close()
    }

    @Test("a key is refused from the second of its end on")
    func expiry() async throws {
        try await withServer { server in
            let time = server.fixture.time
            let key = try await aKey(server.fixture) { $0.expiresAt = time.now + .seconds(100) }
            time.advance(seconds: 99)
            #expect(try await outcome(server, key) == "200")
            time.advance(seconds: 1)
            #expect(try await outcome(server, key) == "401 signature_invalid")
        }
    }

    @Test("what a key was before it was rotated counts until its time, and is then forgotten")
    func rotation() async throws {
        try await withServer { server in
            let (fixture, keys) = (server.fixture, server.fixture.features.keys)
            let old = try await aKey(fixture)
            let material = APIKeyMaterial.random()
            _ = try await keys.rotate(old.id, to: material, overlap: 60)
            let new = try SignatureKey(id: old.id, secret: Array(try #require(material.madeSecret).utf8))
            fixture.time.advance(seconds: 59)
            try await fixture.database.transaction { sql in try keys.tidy(at: fixture.time.now, in: sql) }
            #expect(try await outcome(server, old) == "200")
            fixture.time.advance(seconds: 1)
            #expect(try await outcome(server, old) == "401 signature_invalid")
            #expect(try await outcome(server, new) == "200")
            try await fixture.database.transaction { sql in try keys.tidy(at: fixture.time.now, in: sql) }
            #expect(try await keys.require(old.id).previousUntil == nil)
            #expect(
                try await fixture.count("SELECT COUNT(*) FROM api_keys WHERE previous_sealed IS NOT NULL") == 0)
            #expect(try await outcome(server, new) == "200")
        }
    }

    @Test("the last use of a key is written once a minute, and not by the request")
    func lastUse() async throws {
        try await withServer { server in
            let (fixture, keys) = (server.fixture, server.fixture.features.keys)
            let key = try await aKey(fixture)
            #expect(try await outcome(server, key) == "200")
            #expect(try await keys.require(key.id).lastUsedAt == nil)
            try await keys.recordUses()
            let first = try await keys.require(key.id).lastUsedAt
            #expect(first == fixture.time.now)
            fixture.time.advance(seconds: 59)
            #expect(try await outcome(server, key) == "200")
            try await keys.recordUses()
            #expect(try await keys.require(key.id).lastUsedAt == first)
            fixture.time.advance(seconds: 1)
            #expect(try await outcome(server, key) == "200")
            try await keys.recordUses()
            #expect(try await keys.require(key.id).lastUsedAt == fixture.time.now)

            // A signature that is refused is no use.
            fixture.time.advance(minutes: 5)
            let wrong = try SignatureKey(id: key.id, secret: SystemRandom.bytes(32))
            #expect(try await outcome(server, wrong) == "401 signature_invalid")
            #expect(keys.known.uses.take().isEmpty)
        }
    }

    @Test("an account has a hundred keys at most")
    func hundred() async throws {
        let fixture = try await Fixture()
        let account = try await fixture.anAccount(email: "alice@a.test")
        for _ in 0..<100 { _ = try await fixture.features.keys.add(APIKeys.Plan(), .random(), of: account) }
        await #expect(throws: Problem.tooManyKeys) {
            try await fixture.features.keys.add(APIKeys.Plan(), .random(), of: account)
        }
        let other = try await fixture.anAccount(email: "bob@a.test")
        _ = try await fixture.features.keys.add(APIKeys.Plan(), .random(), of: other)
    }

    @Test("a secret is sealed in the store, and opens for its own key only")
    func sealed() async throws {
        let fixture = try await Fixture()
        let account = try await fixture.anAccount(email: "alice@a.test")
        let material = APIKeyMaterial.random()
        var plan = APIKeys.Plan()
        plan.id = "one"
        _ = try await fixture.features.keys.add(plan, material, of: account)
        plan.id = "two"
        _ = try await fixture.features.keys.add(plan, .random(), of: account)
        let secret = try #require(material.madeSecret)
        let sealed = try await fixture.database.rows("SELECT sealed FROM api_keys WHERE id = 'one'").first?.text(
            "sealed")
        let octets = try #require(sealed.flatMap { Base64URL.decode($0) })
        #expect(!octets.contains(Array(secret.utf8)))
        try await fixture.database.transaction { sql in
            try sql("UPDATE api_keys SET sealed = (SELECT sealed FROM api_keys WHERE id = 'one') WHERE id = 'two'")
            try sql.authorizationsChanged()
        }
        let generation = try await fixture.database.generation()
        #expect(try await fixture.features.keys.find("one", at: generation) != nil)
        await #expect(throws: CryptographyError.self) {
            _ = try await fixture.features.keys.find("two", at: generation)
        }
        // Nor under another algorithm.
        try await fixture.database.transaction { sql in
            try sql("UPDATE api_keys SET algorithm = 'hmac-sha512' WHERE id = 'one'")
            try sql.authorizationsChanged()
        }
        let next = try await fixture.database.generation()
        await #expect(throws: CryptographyError.self) { _ = try await fixture.features.keys.find("one", at: next) }
    }

    /// Interleaved, so that a machine which slows down does so for both.
    @Test("an unknown key takes as long as a wrong signature")
    func timedUnknownKey() async throws {
        let fixture = try await Fixture()
        let key = try await aKey(fixture)
        let now = fixture.time.now / 1_000_000
        func original(_ id: String) throws -> OriginalRequest {
            var signed = SignedRequest("GET", "/hello_someone", host: "a.test", now: now)
            try signed.signCavage(with: try SignatureKey(id: id, secret: SystemRandom.bytes(32)))
            let fields = signed.lines.dropFirst().compactMap { line in
                HTTPField.Name(line.name).map { HTTPField(name: $0, value: line.value) }
            }
            return OriginalRequest(
                method: "GET", target: "/hello_someone", scheme: "http", host: "a.test", headers: HTTPFields(fields))
        }
        let requests = [try original(key.id), try original("nobody-has-this-one")]
        var times: [[Duration]] = [[], []]
        for _ in 0..<400 {
            for (index, request) in requests.enumerated() {
                let clock = ContinuousClock()
                let time = await clock.measure {
                    await #expect(throws: Problem.self) {
                        try await fixture.features.callers.signatures.verify(
                            request, body: .unread([]), by: fixture.features.callers.policy)
                    }
                }
                times[index].append(time)
            }
        }
        let medians = times.map { $0.sorted()[200] }
        let ratio = medians[1] / medians[0]
        #expect((0.8...1.25).contains(ratio), "unknown \(medians[1]), known \(medians[0])")
    }
}

extension [UInt8] {
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        count >= part.count && (0...(count - part.count)).contains { self[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
