import Foundation
import GatehouseAuthRemote
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import Synchronization
import Testing
import WebTokens

@testable import GatehouseAuth

/// An issuer that publishes what a test says, and an app that fetches its keys.
final class TestIssuer: Sendable {
    let time = TestTime()
    private let server: ScriptedServer

    /// - Parameter delay: before each answer.
    init(_ answer: ScriptedServer.Answer, delay: Duration = .zero) throws {
        let current = Current(answer)
        self.current = current
        server = try ScriptedServer { request in
            Thread.sleep(forTimeInterval: delay / .seconds(1))
            return current.answer(to: request)
        }
    }

    private final class Current: Sendable {
        private let state: Mutex<ScriptedServer.Answer>
        init(_ answer: ScriptedServer.Answer) { state = Mutex(answer) }
        func set(_ answer: ScriptedServer.Answer) { state.withLock { $0 = answer } }
        func answer(to request: ScriptedServer.Request) -> ScriptedServer.Answer {
            let answer = state.withLock { $0 }
            guard case .http(200, let headers, _) = answer,
                let tag = headers.first(where: { $0.name == "ETag" })?.value,
                request.header("If-None-Match") == tag
            else { return answer }
            return .http(304, headers: headers)
        }
    }

    private let current: Current

    var url: String { server.url + "/jwks" }
    /// How often the keys were asked for.
    var fetches: Int { server.requests.count }
    var requests: [ScriptedServer.Request] { server.requests }

    func answers(_ answer: ScriptedServer.Answer) { current.set(answer) }

    /// Publishes these keys.
    static func keys(_ keys: TestKey..., cache: String? = nil, tag: String? = nil) -> ScriptedServer.Answer {
        let set = #"{"keys":[\#(keys.map(\.published).joined(separator: ","))]}"#
        var headers: [(name: String, value: String)] = []
        if let cache { headers.append(("Cache-Control", cache)) }
        if let tag { headers.append(("ETag", tag)) }
        return .json(set, headers: headers)
    }

    func source(_ limits: RemoteKeyLimits = RemoteKeyLimits()) throws -> KeySource {
        let time = time
        return try .remote(url, limits: limits, logger: quiet) { time.elapsed }
    }

    func rules(_ limits: RemoteKeyLimits = RemoteKeyLimits()) throws -> TokenRules {
        TokenRules(try source(limits), at: time)
    }
}

@Suite("Keys that are fetched from an issuer", .timeLimit(.minutes(1)))
struct RemoteKeysTests {
    /// As the tokens of tests last 15 minutes.
    private func lasting(_ key: TestKey) throws -> String { try key.token(["exp": 4_000_000_000]) }

    @Test("a hundred first requests at once cause one fetch, and all are answered")
    func oneFetch() async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(TestIssuer.keys(key), delay: .milliseconds(300))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            #expect(issuer.fetches == 0, "nothing is fetched before it is needed")
            let token = try key.token()
            let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<100 { group.addTask { try await app.outcome(token) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes == Array(repeating: "200", count: 100))
            #expect(issuer.fetches == 1)
        }
    }

    @Test("keys are kept for max-age, then asked for by their ETag, and 304 keeps them for as long again")
    func revalidates() async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(TestIssuer.keys(key, cache: "public, max-age=60", tag: "\"one\""))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            let token = try lasting(key)
            for (passed, fetches) in [(0, 1), (59, 1), (1, 2), (59, 2), (1, 3)] {
                issuer.time.advance(.seconds(passed))
                #expect(try await app.outcome(token) == "200")
                #expect(issuer.fetches == fetches)
            }
            #expect(issuer.requests.map { $0.header("If-None-Match") } == [nil, "\"one\"", "\"one\""])
        }
    }

    @Test(
        "what the issuer says about age counts within bounds",
        arguments: [
            ("max-age=0", 10), ("no-store", 10), ("no-cache, max-age=900", 10), ("max-age=x", 10), (nil, 300),
            ("private", 300), ("Max-Age=\"90\"", 90), ("max-age=100, max-age=40", 40), ("max-age=86400", 1800),
            ("max-age=99999999999999999999", 1800), ("s-maxage=20", 300),
        ] as [(String?, Int)])
    func bounds(cache: String?, seconds: Int) async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(TestIssuer.keys(key, cache: cache))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            let token = try lasting(key)
            for (passed, fetches) in [(0, 1), (seconds - 1, 1), (1, 2)] {
                issuer.time.advance(.seconds(passed))
                #expect(try await app.outcome(token) == "200")
                #expect(issuer.fetches == fetches, "\(cache ?? "nothing")")
            }
        }
    }

    @Test("what a cache on the way has used up of max-age is gone")
    func age() async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(
            .json(jwkSet(key.published), headers: [("Cache-Control", "max-age=100"), ("Age", "70")]))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            for (passed, fetches) in [(0, 1), (29, 1), (1, 2)] {
                issuer.time.advance(.seconds(passed))
                #expect(try await app.outcome(try lasting(key)) == "200")
                #expect(issuer.fetches == fetches)
            }
        }
    }

    @Test("a key that is no longer published is refused from the next fetch on")
    func removal() async throws {
        let (old, new) = (try TestKey(), try TestKey())
        let issuer = try TestIssuer(TestIssuer.keys(old, new, cache: "max-age=60", tag: "\"both\""))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            let token = try lasting(old)
            #expect(try await app.outcome(token) == "200")
            issuer.answers(TestIssuer.keys(new, cache: "max-age=60", tag: "\"new\""))
            issuer.time.advance(.seconds(59))
            #expect(try await app.outcome(token) == "200")
            issuer.time.advance(.seconds(1))
            #expect(try await app.outcome(token) == "401 invalid_token")
            #expect(try await app.outcome(try lasting(new)) == "200")
        }
    }

    @Test("a key that was not published before is found at once")
    func rotation() async throws {
        let (old, new) = (try TestKey(), try TestKey())
        let issuer = try TestIssuer(TestIssuer.keys(old))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            #expect(try await app.outcome(try old.token()) == "200")
            issuer.answers(TestIssuer.keys(old, new))
            let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<50 { group.addTask { try await app.outcome(try new.token()) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes == Array(repeating: "200", count: 50))
            #expect(issuer.fetches == 2)
        }
    }

    @Test("a request that still holds older keys gets the newer ones that are there, and nothing is fetched for it")
    func olderKeys() async throws {
        let (old, new) = (try TestKey(), try TestKey())
        let issuer = try TestIssuer(TestIssuer.keys(old))
        let source = try issuer.source()
        let olderKeys = try await source.keys(nil)
        issuer.answers(TestIssuer.keys(new))
        issuer.time.advance(.seconds(300))
        let newerKeys = try await source.keys(nil)
        #expect(newerKeys !== olderKeys)
        #expect(try await source.keys(olderKeys) === newerKeys)
        #expect(issuer.fetches == 2)
    }

    @Test("keys that somebody makes up cause one fetch a minute at most")
    func flood() async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(TestIssuer.keys(key, cache: "max-age=1800"))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            #expect(try await app.outcome(try key.token()) == "200")
            for (passed, fetches) in [(0, 2), (59, 2), (1, 3)] {
                issuer.time.advance(.seconds(passed))
                let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<50 {
                        let madeUp = try TestKey().token(header: ["kid": .string("made-up-\(number)")])
                        group.addTask { try await app.outcome(madeUp) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(outcomes == Array(repeating: "401 invalid_token", count: 50))
                #expect(issuer.fetches == fetches)
                #expect(try await app.outcome(try key.token()) == "200")
            }
        }
    }

    @Test("while the issuer is down from the start nobody is let through, and it is asked again after a pause")
    func downAtStart() async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(.close)
        try await TestApp.serve(try issuer.rules()) { app async throws in
            let token = try key.token()
            let first = try await app.get(token: token)
            #expect(first.outcome == "503 keys_unavailable" && first.header("Retry-After") == "5")
            let asked = issuer.fetches
            issuer.answers(TestIssuer.keys(key))
            issuer.time.advance(.seconds(3))
            let second = try await app.get(token: token)
            #expect(second.outcome == "503 keys_unavailable" && second.header("Retry-After") == "2")
            #expect(issuer.fetches == asked)
            issuer.time.advance(.seconds(2))
            #expect(try await app.outcome(token) == "200")
        }
    }

    @Test("nobody listens where the keys should be: 503")
    func nobodyListens() async throws {
        let time = TestTime()
        let url = "http://127.0.0.1:\(try ScriptedServer.unusedPort())/jwks"
        let source = try KeySource.remote(url, limits: RemoteKeyLimits(), logger: quiet) { time.elapsed }
        try await TestApp.serve(TokenRules(source, at: time)) { app async throws in
            #expect(try await app.outcome(try TestKey().token()) == "503 keys_unavailable")
        }
    }

    @Test("when the issuer goes down its last keys are used for an hour, and then nobody is let through")
    func downLater() async throws {
        let key = try TestKey()
        let issuer = try TestIssuer(TestIssuer.keys(key, cache: "max-age=86400"))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            let token = try lasting(key)
            #expect(try await app.outcome(token) == "200")
            issuer.answers(.http(500))
            for passed in [1800, 5, 1794] {
                issuer.time.advance(.seconds(passed))
                #expect(try await app.outcome(token) == "200")
            }
            #expect(issuer.fetches > 1)
            issuer.time.advance(.seconds(1))
            #expect(try await app.outcome(token) == "503 keys_unavailable")
            issuer.answers(TestIssuer.keys(key))
            issuer.time.advance(.seconds(6))
            #expect(try await app.outcome(token) == "200")
        }
    }

    @Test("whether an unknown key is the issuer's cannot be said while it is down: 503, and 401 when it is back")
    func unknownWhileDown() async throws {
        let (key, other) = (try TestKey(), try TestKey())
        let issuer = try TestIssuer(TestIssuer.keys(key, cache: "max-age=1800"))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            #expect(try await app.outcome(try lasting(key)) == "200")
            issuer.answers(.http(503))
            for _ in 0..<2 { #expect(try await app.outcome(try lasting(other)) == "503 keys_unavailable") }
            #expect(issuer.fetches == 2)
            #expect(try await app.outcome(try lasting(key)) == "200")
            issuer.answers(TestIssuer.keys(key))
            issuer.time.advance(.seconds(60))
            #expect(try await app.outcome(try lasting(other)) == "401 invalid_token")
        }
    }

    @Test("an issuer that is slow is given up")
    func slow() async throws {
        let key = try TestKey()
        var limits = RemoteKeyLimits()
        limits.timeout = .milliseconds(300)
        let issuer = try TestIssuer(.silence)
        try await TestApp.serve(try issuer.rules(limits)) { app async throws in
            #expect(try await app.outcome(try key.token()) == "503 keys_unavailable")
        }
    }

    @Test("an issuer that does not answer does not hold up those whose key is known")
    func doesNotHoldUp() async throws {
        let key = try TestKey()
        var limits = RemoteKeyLimits()
        // Longer than a request of a test may take: whoever waits for the issuer is seen.
        limits.timeout = .seconds(45)
        let issuer = try TestIssuer(TestIssuer.keys(key))
        try await TestApp.serve(try issuer.rules(limits)) { app async throws in
            let token = try lasting(key)
            #expect(try await app.outcome(token) == "200")
            issuer.answers(.http(500))
            issuer.time.advance(.seconds(300))
            #expect(try await app.outcome(token) == "200", "let in with the keys that there are")
            issuer.answers(.silence)
            issuer.time.advance(.seconds(5))
            let fetches = issuer.fetches
            for _ in 0..<5 { #expect(try await app.outcome(token) == "200") }
            while issuer.fetches == fetches { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test("an answer that is no set of keys, or too long, or comes from elsewhere, is as good as none")
    func badAnswers() async throws {
        let key = try TestKey()
        let good = jwkSet(key.published)
        let elsewhere = try ScriptedServer { _ in .json(good) }
        let answers: [(what: String, answer: ScriptedServer.Answer)] = [
            ("empty", .json("")), ("not JSON", .json("<html>")), ("a list", .json("[]")), ("no keys", .json("{}")),
            ("keys of another type", .json(#"{"keys":{}}"#)), ("keys twice", .json(#"{"keys":[],"keys":[]}"#)),
            ("one kid twice", .json(jwkSet(key.published, key.published))),
            ("too long", .json(good + String(repeating: " ", count: 256 * 1024))),
            ("not HTTP", .bytes(Array("good morning\r\n\r\n".utf8))),
            ("cut short", .bytes(Array("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{".utf8))),
            ("not found", .json(good, status: 404)), ("an error", .json(good, status: 500)),
            ("not modified", .http(304, headers: [("ETag", "\"x\"")])), ("no content", .http(204)),
            ("redirected", .json(good, status: 302, headers: [("Location", elsewhere.url)])),
            ("moved", .json(good, status: 301, headers: [("Location", elsewhere.url)])),
        ]
        for (what, answer) in answers {
            let issuer = try TestIssuer(answer)
            try await TestApp.serve(try issuer.rules()) { app async throws in
                #expect(try await app.outcome(try key.token()) == "503 keys_unavailable", "\(what)")
            }
        }
        #expect(elsewhere.requests.isEmpty)
    }

    @Test("secrets, private and broken keys in a fetched set are left out, and the others count")
    func unusableKeys() async throws {
        let key = try TestKey()
        let secret = JWK.generate(for: .hs256)
        let leaked = JWK.generate(for: .edDSA)
        let issuer = try TestIssuer(
            .json(
                jwkSet(
                    secret.json(includingPrivate: true), leaked.json(includingPrivate: true),
                    #"{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"broken"}"#, #"{"kty":"new"}"#, "1", key.published))
        )
        try await TestApp.serve(try issuer.rules()) { app async throws in
            #expect(try await app.outcome(try key.token()) == "200")
            #expect(try await app.outcome(try TestKey(SigningKey(secret)).token()) == "401 invalid_token")
            #expect(try await app.outcome(try TestKey(SigningKey(leaked)).token()) == "401 invalid_token")
        }
    }

    @Test("a fetched key is for one algorithm")
    func oneAlgorithm() async throws {
        let jwk = JWK.generate(for: .rs256)
        let published = try #require(try SigningKey(jwk).publicJWK)
        let other = try JWK(
            parsing: Array(jwk.json(includingPrivate: true).replacing("RS256", with: "PS256").utf8))
        let issuer = try TestIssuer(.json(jwkSet(published)))
        try await TestApp.serve(try issuer.rules()) { app async throws in
            #expect(try await app.outcome(try TestKey(SigningKey(jwk)).token()) == "200")
            #expect(try await app.outcome(try TestKey(SigningKey(other)).token()) == "401 invalid_token")
        }
    }

    @Test("keys are fetched with https or from this machine, and from nowhere else")
    func urls() throws {
        for url in [
            "http://id.example.org/jwks", "http://127.0.0.1.example.org/", "http://10.0.0.1/",
            "http://localhost.example.org",
            "ftp://127.0.0.1/", "file:///etc/keys", "https://", "https:/jwks", "", "jwks",
            "https://a:b@id.example.org/",
            "https://id.example.org/#keys", "http://[::2]/", "http://127.0.0.1@id.example.org/", "https://id example/",
        ] {
            #expect(throws: InvalidKeyURL.self, "\(url)") { try KeySource.remote(url) }
        }
        for url in [
            "https://id.example.org/.well-known/jwks.json", "HTTPS://ID.example.org", "http://127.0.0.1:9096/jwks",
            "http://localhost/", "http://[::1]:80/",
        ] {
            #expect(throws: Never.self, "\(url)") { try KeySource.remote(url) }
        }
    }
}
