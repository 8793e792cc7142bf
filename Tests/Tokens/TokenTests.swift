import Foundation
import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import WebTokens

extension SigningKey {
    static func fresh(_ kind: JWK.Kind) -> SigningKey { try! SigningKey(.generate(kind)) }
}

@Suite("Token verification")
struct TokenTests {
    static let now: Int64 = 1_800_000_000
    let key = SigningKey.fresh(.oct)

    private var verifier: TokenVerifier {
        TokenVerifier(
            keys: KeySet([key.verificationKey]), type: "at+jwt", issuer: "us", audience: "us", leewaySeconds: 10)
    }

    private func claims(_ changes: (inout [String: JSONValue]) -> Void = { _ in }) -> [UInt8] {
        var members: [String: JSONValue] = [
            "iss": "us", "aud": "us", "sub": "alice", "sid": "s1", "exp": .number(JSONNumber(Self.now + 60)),
            "nbf": .number(JSONNumber(Self.now)), "iat": .number(JSONNumber(Self.now)), "scope": "admin alias",
        ]
        changes(&members)
        return JSONValue.object(members.map { .init(name: $0.key, value: $0.value) }).bytes()
    }

    private func token(type: String = "at+jwt", _ changes: (inout [String: JSONValue]) -> Void = { _ in }) throws
        -> String
    {
        try JWS.sign(claims(changes), type: type, with: key)
    }

    private func verify(_ token: String) throws(TokenError) -> Claims {
        try verifier.verify(token, nowSeconds: Self.now)
    }

    @Test("a good token gives its claims", arguments: JWK.Kind.allCases)
    func good(kind: JWK.Kind) throws {
        let key = SigningKey.fresh(kind)
        let verifier = TokenVerifier(
            keys: KeySet([key.verificationKey]), type: "at+jwt", issuer: "us", audience: "us", leewaySeconds: 10)
        let found = try verifier.verify(try JWS.sign(claims(), type: "at+jwt", with: key), nowSeconds: Self.now)
        #expect(found.subject == "alice" && found.session == "s1" && found.scope == ["admin", "alias"])
    }

    @Test("exp is over when its second has come, leeway included")
    func expiry() throws {
        let token = try token { $0["exp"] = .number(JSONNumber(Self.now - 10)) }
        #expect(throws: TokenError.expired) { try verify(token) }
        let justGood = try self.token { $0["exp"] = .number(JSONNumber(Self.now - 9)) }
        #expect(throws: Never.self) { try verify(justGood) }
    }

    @Test("nbf and iat in the future are refused beyond the leeway", arguments: ["nbf", "iat"])
    func future(claim: String) throws {
        #expect(throws: TokenError.notYetValid) {
            try verify(try token { $0[claim] = .number(JSONNumber(Self.now + 11)) })
        }
        #expect(throws: Never.self) { try verify(try token { $0[claim] = .number(JSONNumber(Self.now + 10)) }) }
    }

    @Test("issuer, audience and type must be ours")
    func foreign() throws {
        #expect(throws: TokenError.wrongIssuer) { try verify(try token { $0["iss"] = "them" }) }
        #expect(throws: TokenError.wrongAudience) { try verify(try token { $0["aud"] = "them" }) }
        #expect(throws: TokenError.wrongAudience) { try verify(try token { $0["aud"] = nil }) }
        #expect(throws: TokenError.wrongType) { try verify(try token(type: "JWT")) }
        #expect(throws: Never.self) { try verify(try token { $0["aud"] = ["them", "us"] }) }
        #expect(throws: Never.self) { try verify(try token(type: "application/AT+JWT")) }
    }

    @Test("claims that must be there, or have a type, are missed", arguments: ["exp", "iss"])
    func missing(claim: String) throws {
        #expect(throws: TokenError.badClaim(claim)) { try verify(try token { $0[claim] = nil }) }
        #expect(throws: TokenError.badClaim(claim)) { try verify(try token { $0[claim] = true }) }
    }

    @Test("an absurd exp neither crashes nor opens")
    func absurd() throws {
        for text in ["9223372036854775807", "1e400", "-1e30", "1e18"] {
            let payload = String(decoding: claims { $0["exp"] = nil }, as: UTF8.self)
            let changed = payload.dropLast() + ",\"exp\":\(text)}"
            let token = try JWS.sign(Array(changed.utf8), type: "at+jwt", with: key)
            if text != "1e18" { #expect(throws: TokenError.self) { try verify(token) } } else { _ = try? verify(token) }
        }
    }

    @Test(
        "alg comes from the key: none, another name and another case are refused",
        arguments: ["none", "HS512", "hs256", "EdDSA", ""])
    func algorithm(name: String) throws {
        let header = JSONValue.object([
            .init(name: "alg", value: .string(name)), .init(name: "kid", value: .string(key.keyID)),
            .init(name: "typ", value: "at+jwt"),
        ])
        let token = try JWS.sign(claims(), header: header.bytes(), with: key)
        #expect(throws: TokenError.wrongAlgorithm) { try verify(token) }
        let unsigned = token.prefix { $0 != "." } + "." + token.split(separator: ".")[1] + "."
        #expect(throws: TokenError.self) { try verify(String(unsigned)) }
    }

    @Test("a public key is never an HMAC secret (RFC 8725 §2.1)")
    func confusion() throws {
        let jwk = JWK.generate(.ed25519)
        let server = try SigningKey(jwk)
        let shown = try JSONValue(parsing: Array(jwk.json(includingPrivate: false).utf8))
        let publicBytes = try #require(Base64URL.decode(shown["x"]?.string ?? ""))
        let forger = try SigningKey(JWK(material: .secret(publicBytes), keyID: server.keyID))
        let forged = try JWS.sign(claims(), type: "at+jwt", with: forger)
        let verifier = TokenVerifier(
            keys: KeySet([server.verificationKey]), type: "at+jwt", issuer: "us", audience: "us", leewaySeconds: 10)
        #expect(throws: TokenError.wrongAlgorithm) { try verifier.verify(forged, nowSeconds: Self.now) }
    }

    @Test("kid is looked up and nothing else; keys that a token brings along are not used")
    func keyNames() throws {
        let other = SigningKey.fresh(.oct)
        #expect(throws: TokenError.unknownKey) { try verify(try JWS.sign(claims(), type: "at+jwt", with: other)) }
        let embedded = JWK.generate(.ed25519)
        let header = """
            {"alg":"HS256","kid":"\(key.keyID)","typ":"at+jwt","jwk":\(embedded.json(includingPrivate: false)),"jku":"http://127.0.0.1/"}
            """
        #expect(throws: TokenError.badSignature) {
            try verify(try JWS.sign(claims(), header: Array(header.utf8), with: try SigningKey(embedded)))
        }
        for name in ["../../etc/passwd", "' OR 1=1 --", "http://127.0.0.1/key"] {
            let header = JSONValue.object([
                .init(name: "alg", value: "HS256"), .init(name: "kid", value: .string(name)),
                .init(name: "typ", value: "at+jwt"),
            ])
            #expect(throws: TokenError.unknownKey) {
                try verify(try JWS.sign(claims(), header: header.bytes(), with: key))
            }
        }
    }

    @Test(
        "whatever is marked critical is refused, also an empty list",
        arguments: ["[]", "[\"exp\"]", "[\"b64\"]", "true"])
    func critical(list: String) throws {
        let header = "{\"alg\":\"HS256\",\"kid\":\"\(key.keyID)\",\"typ\":\"at+jwt\",\"crit\":\(list)}"
        #expect(throws: TokenError.critical) {
            try verify(try JWS.sign(claims(), header: Array(header.utf8), with: key))
        }
    }

    @Test("a duplicate member, in header or claims, is refused")
    func duplicates() throws {
        let header = "{\"alg\":\"HS256\",\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"
        #expect(throws: TokenError.malformed) {
            try verify(try JWS.sign(claims(), header: Array(header.utf8), with: key))
        }
        let doubled = String(decoding: claims(), as: UTF8.self).dropLast() + ",\"sub\":\"admin\"}"
        #expect(throws: TokenError.malformed) {
            try verify(try JWS.sign(Array(doubled.utf8), type: "at+jwt", with: key))
        }
    }

    @Test("what is no token is refused", arguments: ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.", " ", "\u{0}"])
    func malformed(text: String) { #expect(throws: TokenError.self) { try verify(text) } }

    @Test("padding, white space and the other alphabet in a token are refused")
    func strictEncoding() throws {
        let token = try token()
        for changed in [token + "=", " " + token, token + "\n", token.replacing(".", with: "=.")] {
            #expect(throws: TokenError.malformed) { try verify(changed) }
        }
    }

    @Test("a token over 8 KiB is not looked at")
    func size() throws {
        #expect(throws: TokenError.tooLarge) {
            try verify(try token { $0["x"] = .string(String(repeating: "a", count: 8192)) })
        }
    }
}

@Suite("Keys that sign")
struct KeyTests {
    private func key(_ json: String) throws -> SigningKey { try SigningKey(try JWK(parsing: Array(json.utf8))) }

    @Test("a new shared key is one line with k and kty, 256 bits")
    func generatesOct() throws {
        let json = JWK.generate(.oct).json(includingPrivate: true)
        #expect(json.wholeMatch(of: /\{"k":"[A-Za-z0-9_-]{43}","kty":"oct"\}/) != nil)
    }

    @Test("a new Ed25519 key has kid, alg and use, and its public half has no d")
    func generatesEd25519() throws {
        let jwk = JWK.generate(.ed25519)
        let value = try JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8))
        #expect(
            value["alg"]?.string == "EdDSA" && value["use"]?.string == "sig" && value["kid"]?.string == jwk.thumbprint()
        )
        #expect(value["d"] != nil)
        #expect(!jwk.json(includingPrivate: false).contains("\"d\""))
        #expect(!"\(jwk)".contains(value["d"]?.string ?? "-"))
    }

    @Test("a short or published key is refused")
    func refusesWeak() {
        #expect(throws: JWKError.tooShort) { try key(#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA"}"#) }
        #expect(throws: JWKError.published) {
            try key(#"{"k":"PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s","kty":"oct"}"#)
        }
        #expect(throws: JWKError.published) {
            try key("{\"kty\":\"oct\",\"k\":\"\(Base64URL.encode(Array("super-duper-secret".utf8)))\"}")
        }
    }

    @Test("an alg that the key cannot carry is refused")
    func refusesAlgorithm() throws {
        let secret = Base64URL.encode(SystemRandom.bytes(32))
        #expect(throws: JWKError.wrongAlgorithm("EdDSA")) {
            try key("{\"kty\":\"oct\",\"k\":\"\(secret)\",\"alg\":\"EdDSA\"}")
        }
        #expect(throws: JWKError.unsupported("the algorithm none")) {
            try key("{\"kty\":\"oct\",\"k\":\"\(secret)\",\"alg\":\"none\"}")
        }
        #expect(throws: JWKError.self) { try key("{\"kty\":\"oct\",\"k\":\"\(secret)\",\"use\":\"enc\"}") }
    }

    @Test("a public key does not sign")
    func refusesPublic() throws {
        let json = JWK.generate(.ed25519).json(includingPrivate: false)
        #expect(throws: JWKError.notPrivate) { try key(json) }
    }

    @Test(
        "a key that is broken is refused",
        arguments: [
            "", "[]", "{}", #"{"kty":"oct"}"#, #"{"kty":"oct","k":""}"#, #"{"kty":"oct","k":"AA=="}"#, #"{"kty":7}"#,
            #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#,
            #"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
        ])
    func refusesBroken(json: String) { #expect(throws: JWKError.self) { try key(json) } }
}
