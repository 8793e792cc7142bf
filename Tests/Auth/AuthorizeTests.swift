import GatehouseCryptography
import GatehouseJSON
import GatehouseTransfer
import GatehouseMessages
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing
import WebTokens

@testable import GatehouseAuth

@Suite("A server that requires a token", .timeLimit(.minutes(1)))
struct AuthorizeTests {
    private func rules(_ key: TestKey, at time: TestTime = TestTime()) throws -> TokenRules {
        TokenRules(try .fixed(jwkSet: Array(jwkSet(key.published).utf8)), at: time)
    }

    @Test("a good token lets its bearer in, and the handler knows who calls", arguments: ["/me", "/staff", "/plain"])
    func good(path: String) async throws {
        let key = try TestKey()
        try await TestApp.serve(try rules(key)) { app async throws in
            for scheme in ["Bearer", "bearer", "BEARER"] {
                let answer = try await app.get(path, authorization: ["\(scheme) \(try key.token())"])
                #expect(answer.status == 200 && answer.text == "alice")
            }
            let severalAudiences = try key.token(["aud": ["other", "notes"]])
            #expect(try await app.outcome(severalAudiences, path) == "200")
        }
    }

    @Test("a stranger is refused in the manner of RFC 6750, and told nothing but that a token is wanted")
    func stranger() async throws {
        try await TestApp.serve(try rules(try TestKey())) { app async throws in
            for path in ["/me", "/plain", "/staff"] {
                let answer = try await app.get(path)
                #expect(answer.outcome == "401 authentication_required")
                #expect(answer.header("WWW-Authenticate") == #"Bearer realm="notes""#)
                #expect(answer.header("Content-Type") == "application/problem+json")
                #expect(answer.header("Cache-Control") == "no-store")
                #expect(
                    answer.text
                        == #"{"title":"Sign in to do this.","status":401,"code":"authentication_required"}"#)
            }
            #expect(try await app.get(method: .head).outcome == "401 authentication_required")
        }
    }

    @Test("a refusal of HEAD has the length of its body and no body")
    func head() throws {
        struct LoggerSource: RequestContextSource {
            let logger = quiet
        }
        struct Context: RequestContext {
            typealias Source = LoggerSource
            var coreContext: CoreRequestContextStorage
            init(source: LoggerSource) { coreContext = CoreRequestContextStorage(source: source) }
        }
        func refusal(_ method: HTTPRequest.Method) -> Response {
            let head = HTTPRequest(method: method, scheme: nil, authority: nil, path: "/")
            return AuthorizationError(.keysUnavailable).response(
                from: Request(head: head, body: RequestBody(buffer: ByteBuffer())),
                context: Context(source: LoggerSource()))
        }
        #expect(refusal(.head).body.contentLength == 0)
        #expect(refusal(.get).body.contentLength ?? 0 > 0)
        #expect(refusal(.head).headers[.contentLength] == refusal(.get).headers[.contentLength])
    }

    @Test("another scheme is no credential, and a bearer credential is one word in one line")
    func credentials() async throws {
        let key = try TestKey()
        let token = try key.token()
        try await TestApp.serve(try rules(key)) { app async throws in
            let basic = try await app.get(authorization: ["Basic YTpi"])
            #expect(basic.outcome == "401 authentication_required")
            for scheme in ["Bearerx", "Beare", "Be\u{212A}rer"] {
                let answer = try await app.get(authorization: ["\(scheme) \(token)"])
                #expect(answer.outcome == "401 authentication_required")
            }
            #expect(try await app.get(authorization: [" bEARER   \(token) "]).status == 200)
            for lines in [
                ["Bearer \(token)", "Bearer \(token)"], ["Bearer \(token)", "Basic YTpi"], ["Bearer \(token) x"],
                ["Bearer"],
                ["Bearer \(token),x"],
            ] {
                let answer = try await app.get(authorization: lines)
                #expect(answer.outcome == "401 invalid_token", "\(lines.count)")
                #expect(answer.header("WWW-Authenticate") == #"Bearer realm="notes", error="invalid_token""#)
            }
        }
    }

    @Test("a token that differs in one thing from a good one is refused")
    func refused() async throws {
        let key = try TestKey()
        let other = try TestKey()
        let good = try key.token()
        let parts = good.split(separator: ".")
        let none = Base64URL.encode(Array(#"{"alg":"none","kid":"\#(key.signing.keyID)","typ":"at+jwt"}"#.utf8))
        let sameName: [String: JSONValue] = ["kid": .string(key.signing.keyID)]
        // RFC 8725 §2.1: the public key taken for a secret.
        let publicAsSecret = try SigningKey(
            try JWK(
                parsing: Array(
                    #"{"kty":"oct","k":"\#(try JSONValue(parsing: Array(key.published.utf8))["x"]?.string ?? "")"}"#
                        .utf8)))
        let confused = try JWS.sign(
            try #require(Base64URL.decode(parts[1])),
            header: Array(#"{"alg":"HS256","kid":"\#(key.signing.keyID)","typ":"at+jwt"}"#.utf8), with: publicAsSecret)
        let later = JSONValue.number(JSONNumber(TestTime.start + 11))
        let past = JSONValue.number(JSONNumber(TestTime.start - 10))
        let refused: [(what: String, token: String)] = [
            ("another issuer", try key.token(["iss": "https://id.example.com"])),
            ("no issuer", try key.token(["iss": .null])),
            ("another audience", try key.token(["aud": "other"])), ("no audience", try key.token(["aud": .null])),
            ("an audience by case", try key.token(["aud": "Notes"])),
            ("another kind", try key.token(header: ["typ": "JWT"])), ("no kind", try key.token(header: ["typ": .null])),
            ("alg none", "\(none).\(parts[1])."), ("alg none, signed", "\(none).\(parts[1]).\(parts[2])"),
            ("the public key as a secret", confused),
            ("another algorithm", try key.token(header: ["alg": "ES256"])),
            ("a critical extension", try key.token(header: ["crit": ["x"], "x": 1])),
            ("an unknown key", try other.token()),
            ("the name of another key", try other.token(header: sameName)),
            (
                "a key of its own",
                try other.token(header: ["kid": .null, "jwk": try JSONValue(parsing: Array(other.published.utf8))])
            ),
            ("not yet valid", try key.token(["nbf": later])), ("issued later", try key.token(["iat": later])),
            ("no end", try key.token(["exp": .null])), ("nobody", try key.token(["sub": .null])),
            ("nobody's name", try key.token(["sub": ""])),
            ("other claims", "\(parts[0]).\(Base64URL.encode(Array("{}".utf8))).\(parts[2])"),
            ("no signature", "\(parts[0]).\(parts[1])."), ("two parts", "\(parts[0]).\(parts[1])"),
            ("garbage", "garbage"), ("too long", good + String(repeating: "A", count: 9000)),
        ]
        try await TestApp.serve(try rules(key)) { app async throws in
            for (what, token) in refused {
                for path in ["/me", "/plain"] {
                    #expect(try await app.outcome(token, path) == "401 invalid_token", "\(what)")
                }
            }
            let expired = try await app.get(token: try key.token(["exp": past]))
            #expect(expired.outcome == "401 expired_token")
            #expect(expired.header("WWW-Authenticate") == #"Bearer realm="notes", error="invalid_token""#)
            #expect(try await app.outcome(good) == "200")
        }
    }

    @Test("a token ends with its time, also one that was good before, and the leeway forgives as much as it says")
    func time() async throws {
        let key = try TestKey()
        let time = TestTime()
        try await TestApp.serve(try rules(key, at: time)) { app async throws in
            let token = try key.token()
            time.advance(.seconds(899))
            #expect(try await app.outcome(token) == "200")
            time.advance(.seconds(10))
            #expect(try await app.outcome(token) == "200")
            time.advance(.seconds(1))
            #expect(try await app.outcome(token) == "401 expired_token")
        }
    }

    @Test("without a scope that is required a token is refused with 403, which names what is missing")
    func scope() async throws {
        let key = try TestKey()
        try await TestApp.serve(try rules(key)) { app async throws in
            for scope: JSONValue in ["staff", "", .null, "admins staff", "ADMIN staff", "admin"] {
                let answer = try await app.get("/both", token: try key.token(["scope": scope]))
                #expect(answer.outcome == "403 insufficient_scope", "\(scope)")
                let wanted = #"Bearer realm="notes", error="insufficient_scope", scope="staff admin""#
                #expect(answer.header("WWW-Authenticate") == wanted)
            }
            #expect(try await app.outcome(try key.token(["scope": "admin x staff"]), "/both") == "200")
            #expect(try await app.outcome(try key.token(["scope": .null])) == "200", "nothing is required there")
            #expect(try await app.get("/both").outcome == "401 authentication_required")
        }
    }

    @Test("a group for signed-in people lets nobody in when the middleware before it was forgotten")
    func forgotten() async throws {
        let key = try TestKey()
        try await TestApp.serve(try rules(key)) { app async throws in
            #expect(try await app.outcome(try key.token(), "/bare") == "401 authentication_required")
        }
    }

    @Test("without keys nobody is let through, and Retry-After says when to come again")
    func noKeys() async throws {
        struct Broken: Error {}
        let failures: [(error: any Error, seconds: String)] = [
            (KeysUnavailable(retryAfter: .milliseconds(2100)), "3"), (KeysUnavailable(retryAfter: .zero), "1"),
            (Broken(), "5"),
        ]
        for (error, seconds) in failures {
            try await TestApp.serve(TokenRules(KeySource { _ in throw error }, at: TestTime())) { app async throws in
                let answer = try await app.get(token: try TestKey().token())
                #expect(answer.outcome == "503 keys_unavailable")
                #expect(answer.header("Retry-After") == seconds && answer.header("WWW-Authenticate") == nil)
                #expect(try await app.get().outcome == "401 authentication_required")
            }
        }
    }

    @Test("a source of one's own is asked for newer keys when one is missing, and gives them or does not")
    func ownSource() async throws {
        let (old, new, unknown) = (try TestKey(), try TestKey(), try TestKey())
        let oldKeys = IssuerKeys(KeySet([old.signing.verificationKey]))
        let newKeys = IssuerKeys(KeySet([new.signing.verificationKey]))
        let asked = Mutex(0)
        let source = KeySource { insufficient in
            guard insufficient != nil else { return oldKeys }
            return asked.withLock {
                $0 += 1
                return $0 < 3 ? newKeys : oldKeys
            }
        }
        try await TestApp.serve(TokenRules(source, at: TestTime())) { app async throws in
            #expect(try await app.outcome(try old.token()) == "200")
            #expect(asked.withLock { $0 } == 0)
            #expect(try await app.outcome(try new.token()) == "200")
            #expect(try await app.outcome(try unknown.token()) == "401 invalid_token")
            #expect(try await app.outcome(try new.token()) == "401 invalid_token")
            #expect(asked.withLock { $0 } == 3)
        }
    }

    @Test(
        "a local set verifies with secrets and with the public half of private keys",
        arguments: [
            JWSAlgorithm.hs256, .es256, .edDSA,
        ])
    func localSet(algorithm: JWSAlgorithm) async throws {
        let jwk = JWK.generate(for: algorithm)
        let source = try KeySource.fixed(jwkSet: Array(jwkSet(jwk.json(includingPrivate: true)).utf8))
        let key = try TestKey(SigningKey(jwk))
        try await TestApp.serve(TokenRules(source, at: TestTime())) { app async throws in
            #expect(try await app.outcome(try key.token()) == "200")
            #expect(try await app.outcome(try TestKey(algorithm).token()) == "401 invalid_token")
        }
    }

    @Test("a local set with a key that everybody knows, a short, broken or doubled one, or none, is refused")
    func badLocalSets() throws {
        let key = try TestKey().published
        let doubled = jwkSet(key, key)
        let sets = [
            "", "[]", "{}", jwkSet(), doubled,
            jwkSet(#"{"kty":"oct","k":"PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s"}"#),
            jwkSet(#"{"kty":"oct","k":"c2hvcnQ"}"#), jwkSet(key, #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#),
            jwkSet(key, #"{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}"#),
        ]
        for set in sets { #expect(throws: JWKError.self) { try KeySource.fixed(jwkSet: Array(set.utf8)) } }
    }
}
