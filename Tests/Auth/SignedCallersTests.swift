import GatehouseMessages
import GatehouseTestSupport
import HTTPSignatures
import Logging
import Synchronization
import Testing

@testable import GatehouseAuth

@Suite("Who sent a signed request, how often it counts, and what an app decides about it", .timeLimit(.minutes(1)))
struct SignedCallersTests: SigningSuite {
    @Test(
        "a signed POST or DELETE counts once, also of 16 at the same moment",
        arguments: Way.allCases)
    func replay(way: Way) async throws {
        try await Signed().serve { port async throws in
            for body in ["one", "two"] {
                let request = try signed("POST", body: body, way)
                let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<16 { group.addTask { try await request.send(port: port).outcome } }
                    return try await group.reduce(into: [String]()) { $0.append($1) }
                }
                #expect(outcomes.count { $0 == "200" } == 1)
                #expect(outcomes.count { $0 == "401 signature_invalid" } == 15)
            }
            let delete = try signed("DELETE", nil, way)
            #expect(try await delete.send(port: port).status == 200)
            #expect(try await delete.send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("a GET without a nonce may come twice where the rules say so, and nowhere else", arguments: Way.allCases)
    func reads(way: Way) async throws {
        var strict = Signed()
        strict.readsMayRepeat = false
        let get = try signed(way)
        let head = try signed("HEAD", nil, way)
        var nonced = request()
        try nonced.signMessage(
            parameters: SignatureParameters(created: TestTime.start, nonce: "n"), with: try Signed.key())
        let withNonce = nonced
        try await Signed().serve { port async throws in
            for _ in 0..<2 {
                #expect(try await get.send(port: port).status == 200)
                #expect(try await head.send(port: port).status == 200)
            }
            #expect(try await withNonce.send(port: port).status == 200)
            #expect(try await withNonce.send(port: port).outcome == "401 signature_invalid")
        }
        try await strict.serve { port async throws in
            for request in [get, head] {
                #expect(try await request.send(port: port).status == 200)
                #expect(try await request.send(port: port).outcome == "401 signature_invalid")
            }
        }
    }

    @Test("the replay check hears of a request only when all else was good, once, and until when to remember it")
    func replayIsLast() async throws {
        var app = Signed()
        let heard = Mutex<[(count: Int, until: Int64)]>([])
        app.replay = ReplayCheck { identity, until in
            heard.withLock { $0.append((identity.count, until)) }
            return true
        }
        app.owner = { id in id == "k" ? KeyOwner(subject: "alice", scope: ["staff"]) : nil }
        app.keys = { id in ["k", "gone"].contains(id) ? [try Signed.key(id)] : [] }
        try await app.serve { port async throws in
            var bad: [SignedRequest] = [
                try signed("POST", "/admin", body: "octets"), try signed("POST", "/staff", body: "octets", at: 0),
                try signed("POST", "/staff", body: "octets", with: try Signed.key("gone")),
                try signed(
                    "POST", "/staff", body: "octets", with: try Signed.key(secret: Array(Signed.secret.reversed()))),
                try signed("POST", "/staff", body: "octets"),
            ]
            bad[4].body = "Octets"
            for request in bad { #expect([401, 403].contains(try await request.send(port: port).status)) }
            #expect(heard.withLock { $0.isEmpty })
            #expect(try await signed("POST", "/staff", body: "octets").send(port: port).body == "alice")
            #expect(heard.withLock { $0.map(\.count) } == [32])
            #expect(heard.withLock { $0.map(\.until) } == [TestTime.start + 300])
        }
    }

    @Test("when a closure of the app throws nobody is let through, and Retry-After says when to come again")
    func closuresThrow() async throws {
        let failures: [(error: any Error, seconds: String)] = [
            (KeysUnavailable(retryAfter: .milliseconds(2100)), "3"), (Signed.Broken(), "5"), (CancellationError(), "5"),
        ]
        for (error, seconds) in failures {
            var apps = [Signed(), Signed(), Signed()]
            apps[0].keys = { _ in throw error }
            apps[1].owner = { _ in throw error }
            apps[2].replay = ReplayCheck { _, _ in throw error }
            for app in apps {
                try await app.serve { port async throws in
                    let answer = try await signed("POST", body: "octets").send(port: port)
                    #expect(answer.outcome == "503 signatures_unavailable")
                    #expect(answer["Retry-After"] == [seconds] && answer["WWW-Authenticate"].isEmpty)
                }
            }
        }
    }

    @Test("a key whose owner does not count any more is denied, and without a scope that is required it is 403")
    func owners() async throws {
        var app = Signed()
        app.keys = { id in [try Signed.key(id)] }
        app.owner = { id in id == "gone" ? nil : KeyOwner(subject: id, scope: id == "boss" ? ["admin"] : ["Admin"]) }
        try await app.serve { port async throws in
            #expect(try await signed(with: try Signed.key("gone")).send(port: port).outcome == "401 signature_invalid")
            func admin(_ id: String) async throws -> RawAnswer {
                try await signed("POST", "/admin", body: "", with: try Signed.key(id)).send(port: port)
            }
            #expect(try await admin("boss").body == "boss")
            let refused = try await admin("k")
            #expect(refused.outcome == "403 insufficient_scope" && refused["WWW-Authenticate"].isEmpty)
        }
    }

    @Test("a group for known callers lets nobody in when the middleware before it was forgotten")
    func forgotten() async throws {
        try await Signed().serve { port async throws in
            #expect(try await signed("GET", "/bare").send(port: port).outcome == "401 authentication_required")
        }
    }

    @Test("a route can take a token or a signature, and says so to who brings neither")
    func either() async throws {
        let key = try TestKey()
        let tokens = TokenRules(try .fixed(jwkSet: Array(jwkSet(key.published).utf8)), at: TestTime())
        try await Signed().serve(tokens: tokens) { port async throws in
            for way in Way.allCases {
                #expect(try await signed("GET", "/either", way).send(port: port).body == "owner of k")
            }
            var bearer = request("GET", "/either")
            bearer["Authorization"] = "Bearer \(try key.token())"
            #expect(try await bearer.send(port: port).body == "alice")
            // Of a proxy, perhaps: the token decides.
            try bearer.signMessage(parameters: SignatureParameters(created: 0), with: try Signed.key())
            #expect(try await bearer.send(port: port).body == "alice")
            bearer["Authorization"] = "Bearer x"
            let offers = [
                #"Bearer realm="notes""#, #"Signature realm="HTTP-Signatures",headers="(request-target) host date""#,
            ]
            let wrong = try await bearer.send(port: port)
            #expect(wrong.outcome == "401 invalid_token")
            #expect(wrong["WWW-Authenticate"] == [offers[0] + #", error="invalid_token""#, offers[1]])
            let none = try await request("GET", "/either").send(port: port)
            #expect(none.outcome == "401 authentication_required")
            #expect(none["WWW-Authenticate"] == offers && none["Accept-Signature"].count == 1)
            let stale = try await signed("GET", "/either", at: 0).send(port: port)
            #expect(stale.outcome == "401 signature_stale")
            #expect(stale["WWW-Authenticate"] == offers)
            #expect(
                stale.body == #"{"title":"\#(Problem.signatureStale.title)","status":401,"code":"signature_stale"}"#)
        }
    }

    @Test("a way to sign that the rules leave out is none, and is not asked for")
    func families() async throws {
        var cavage = Signed()
        cavage.families = [.cavage]
        var message = Signed()
        message.families = [.message]
        try await cavage.serve { port async throws in
            #expect(try await signed(.cavage).send(port: port).status == 200)
            let answer = try await signed(.message).send(port: port)
            #expect(answer.outcome == "401 signature_missing" && answer["Accept-Signature"].isEmpty)
        }
        try await message.serve { port async throws in
            #expect(try await signed(.message).send(port: port).status == 200)
            let answer = try await signed(.cavage).send(port: port)
            #expect(answer.outcome == "401 signature_missing")
            #expect(answer["WWW-Authenticate"] == [#"Signature realm="HTTP-Signatures""#])
        }
    }

    @Test("a list like CAVAGE_VERIFIED_HEADERS replaces what has to be covered, and stands in the challenge")
    func verifiedHeaders() async throws {
        var app = Signed()
        app.policy = SignaturePolicy(verifiedHeaders: ["request-target", "Host", "date"])
        try await app.serve { port async throws in
            var request = request("POST", body: "octets")
            try request.signCavage(covering: ["(request-target)", "host", "date"], with: try Signed.key())
            #expect(try await request.send(port: port).status == 200)
            var less = self.request("POST", body: "octets")
            try less.signCavage(covering: ["(request-target)", "date"], with: try Signed.key())
            let answer = try await less.send(port: port)
            #expect(answer.outcome == "401 signature_invalid")
            #expect(
                answer["WWW-Authenticate"]
                    == [#"Signature realm="HTTP-Signatures",headers="(request-target) host date""#])
        }
    }

    @Test("the log says why at the level debug, what was signed at the level trace, and neither above")
    func log() async throws {
        for (level, expected) in [
            (Logger.Level.info, []), (.debug, ["signature refused"]),
            (.trace, ["signature refused", "checked against"]),
        ] {
            let lines = Mutex<[(message: String, metadata: String)]>([])
            let logger = Logger(label: "tests") { _ in
                RecordingHandler(logLevel: level) { message, metadata in
                    lines.withLock { $0.append((message, metadata)) }
                }
            }
            try await Signed().serve(logger: logger) { port async throws in
                var request = try signed()
                request["Date"] = HTTPDate.text(TestTime.start + 1)
                _ = try await request.send(port: port)
            }
            let ours = lines.withLock { $0.filter { ["signature refused", "checked against"].contains($0.message) } }
            #expect(ours.map(\.message) == expected)
            #expect(ours.allSatisfy { $0.metadata.contains("did not make this") || $0.metadata.contains("host: app") })
        }
    }

    private struct RecordingHandler: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level
        let record: @Sendable (String, String) -> Void

        init(logLevel: Logger.Level, _ record: @escaping @Sendable (String, String) -> Void) {
            self.logLevel = logLevel
            self.record = record
        }

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { record("\(event.message)", "\(event.metadata ?? [:])") }
    }
}
