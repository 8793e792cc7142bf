import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import WebTokens

extension SigningKey {
    static func fresh(_ kind: JWK.Kind) -> SigningKey {
        do { return try SigningKey(.generate(kind)) } catch { preconditionFailure("a new key is refused: \(error)") }
    }
}

@Suite("JSON Web Keys")
struct JWKTests {
    @Test("a new shared key is one line with k and kty, 256 bits")
    func generatesOct() throws {
        let json = JWK.generate(.oct).json(includingPrivate: true)
        #expect(json.wholeMatch(of: /\{"k":"[A-Za-z0-9_-]{43}","kty":"oct"\}/) != nil)
    }

    @Test("a new Ed25519 key has alg, kid and use, its members in lexicographic order")
    func generatesEd25519() throws {
        let jwk = JWK.generate(.ed25519)
        let value = try JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8))
        #expect(value.object?.map(\.name) == ["alg", "crv", "d", "kid", "kty", "use", "x"])
        #expect(value["alg"] == "EdDSA" && value["use"] == "sig" && value["kid"]?.string == jwk.thumbprint())
    }

    @Test("two new keys are never the same", arguments: JWK.Kind.allCases)
    func areRandom(kind: JWK.Kind) {
        #expect(JWK.generate(kind) != JWK.generate(kind))
        #expect(JWK.generate(kind).thumbprint() != JWK.generate(kind).thumbprint())
    }

    @Test("what is shown of a key has no private member, in any way to print it", arguments: JWK.Kind.allCases)
    func isSilent(kind: JWK.Kind) throws {
        let jwk = JWK.generate(kind)
        let key = try SigningKey(jwk)
        let secrets = jwk.material.privateMembers.values.compactMap(\.string)
        var dumped = ""
        for shown in [jwk as Any, key, key.verificationKey] {
            dump(shown, to: &dumped)
            dumped += "\(shown) \(String(reflecting: shown))"
        }
        for text in [jwk.json(includingPrivate: false), dumped, key.publicJWK ?? ""] {
            for secret in secrets { #expect(!text.contains(secret)) }
            #expect(!text.contains("\"d\"") && !text.contains("\"k\""))
        }
    }

    @Test("the public half verifies and is itself again when read")
    func publicHalf() throws {
        let jwk = JWK.generate(.ed25519)
        let half = try JWK(parsing: Array(jwk.json(includingPrivate: false).utf8))
        #expect(!half.isPrivate && half.thumbprint() == jwk.thumbprint() && half != jwk)
        let token = try JWS.sign([1], type: "x", with: try SigningKey(jwk))
        #expect(try JWS.verify(token, with: KeySet([try VerificationKey(half)])).payload == [1])
    }

    @Test("members that nobody knows are ignored")
    func unknownMembers() throws {
        let json =
            #"{"kty":"oct","k":"\#(Base64URL.encode(SystemRandom.bytes(32)))","x5u":"http://127.0.0.1/","foo":[{}]}"#
        #expect(throws: Never.self) { try SigningKey(try JWK(parsing: Array(json.utf8))) }
    }

    @Test(
        "a key that is broken is refused",
        arguments: [
            "", "[]", "{}", "null", #"{"kty":"oct"}"#, #"{"kty":"oct","k":""}"#, #"{"kty":"oct","k":"AA=="}"#,
            #"{"kty":"oct","k":"AB"}"#, #"{"kty":"oct","k":"A A"}"#, #"{"kty":"oct","k":7}"#, #"{"kty":7}"#,
            #"{"kty":"oct","k":"AAAA","kid":7}"#, #"{"kty":"oct","k":"AAAA","k":"AAAA"}"#,
            #"{"kty":"oct","k":"AAAA"} x"#,
            #"{"kty":"oct","k":"AAAA","key_ops":"sign"}"#, #"{"kty":"oct","k":"AAAA","key_ops":["sign","sign"]}"#,
            #"{"kty":"oct","k":"AAAA","key_ops":[1]}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
            #"{"kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            // A point of the small subgroup.
            #"{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            // The private half of another key.
            #"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}"#,
            #"{"kty":"OKP","crv":"Ed25519","d":"nWGx","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        ])
    func refusesBroken(json: String) {
        let error = #expect(throws: JWKError.self) { try JWK(parsing: Array(json.utf8)) }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "kinds that are not there are refused as such",
        arguments: [
            #"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#, #"{"kty":"OKP","crv":"Ed448","x":"AAAA"}"#, #"{"kty":"none"}"#,
            #"{"kty":"OCT","k":"AAAA"}"#,
        ])
    func refusesUnsupported(json: String) {
        let error = #expect(throws: JWKError.self) { try JWK(parsing: Array(json.utf8)) }
        guard case .unsupported = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

@Suite("Keys that sign")
struct SigningKeyTests {
    private func key(_ json: String, algorithm: JWSAlgorithm? = nil) throws -> SigningKey {
        try SigningKey(try JWK(parsing: Array(json.utf8)), algorithm: algorithm)
    }

    private func shared(_ secret: [UInt8], _ members: String = "") -> String {
        #"{"kty":"oct","k":"\#(Base64URL.encode(secret))"\#(members)}"#
    }

    @Test("a bare shared key is for HS256 and has its thumbprint as kid")
    func bare() throws {
        let jwk = JWK.generate(.oct)
        let key = try SigningKey(jwk)
        #expect(key.algorithm == .hs256 && key.keyID == jwk.thumbprint() && key.publicJWK == nil)
    }

    @Test("what is published of a bare Ed25519 key names it, its algorithm and its use")
    func publicJWK() throws {
        let key = try SigningKey(JWK(material: JWK.Kind.ed25519.make()))
        let shown = try JSONValue(parsing: Array(try #require(key.publicJWK).utf8))
        #expect(shown.object?.map(\.name) == ["alg", "crv", "kid", "kty", "use", "x"])
        #expect(shown["kid"]?.string == key.keyID && shown["alg"] == "EdDSA" && shown["use"] == "sig")
    }

    @Test("a secret under 256 bits is refused, also for verifying (RFC 7518 §3.2)", arguments: [1, 16, 31])
    func refusesShort(count: Int) {
        let json = shared(SystemRandom.bytes(count))
        #expect(throws: JWKError.tooShort) { try key(json) }
        #expect(throws: JWKError.tooShort) { try VerificationKey(try JWK(parsing: Array(json.utf8))) }
        #expect(throws: Never.self) { try key(shared(SystemRandom.bytes(32))) }
    }

    @Test(
        "a published secret is refused, written as text or as the octets that it stands for",
        arguments: [
            "super-duper-secret", "PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s",
            "PyO/SMCi0000000000000000000000000000000000000000",
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            "a-string-secret-at-least-256-bits-long",
        ])
    func refusesPublished(text: String) {
        #expect(throws: JWKError.published) { try key(shared(Array(text.utf8))) }
        guard let octets = Base64URL.decode(text) ?? Base64.decode(text) else { return }
        #expect(throws: JWKError.published) { try key(shared(octets)) }
    }

    @Test("a published private key is refused")
    func refusesPublishedEd25519() {
        #expect(throws: JWKError.published) {
            try key(
                #"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
            )
        }
    }

    @Test(
        "a secret that is plainly not random is refused",
        arguments: [
            [UInt8](repeating: 0, count: 32), Array(0..<32), Array((0..<64).reversed()),
            Array(String(repeating: "secret", count: 8).utf8),
        ])
    func refusesGuessable(secret: [UInt8]) {
        #expect(throws: JWKError.guessable) { try key(shared(secret)) }
    }

    @Test("of a thousand random secrets none is taken for a weak one")
    func takesRandom() {
        for _ in 0..<1000 {
            let secret = SecretBytes(SystemRandom.bytes(32))
            #expect(!WeakSecrets.isGuessable(secret) && !WeakSecrets.isPublished(secret))
        }
    }

    @Test("an alg that the key cannot carry, or that is not the one asked for, is refused")
    func refusesAlgorithm() throws {
        let secret = SystemRandom.bytes(32)
        #expect(throws: JWKError.wrongAlgorithm("EdDSA")) { try key(shared(secret, #","alg":"EdDSA""#)) }
        #expect(throws: JWKError.wrongAlgorithm("EdDSA")) {
            try key(shared(secret, #","alg":"HS256""#), algorithm: .edDSA)
        }
        for name in ["none", "HS512", "RS256", ""] {
            #expect(throws: JWKError.unsupported("the algorithm \(name)")) {
                try key(shared(secret, #","alg":"\#(name)""#))
            }
        }
        let pair = JWK.generate(.ed25519)
        #expect(throws: JWKError.wrongAlgorithm("HS256")) { try SigningKey(pair, algorithm: .hs256) }
    }

    @Test("a key for something else than signatures is refused (RFC 7517 §4.2, §4.3)")
    func refusesUse() throws {
        let secret = SystemRandom.bytes(32)
        for members in [#","use":"enc""#, #","key_ops":["encrypt"]"#, #","key_ops":[]"#, #","key_ops":["verify"]"#] {
            #expect(throws: JWKError.self) { try key(shared(secret, members)) }
        }
        for members in [#","use":"sig""#, #","key_ops":["verify","sign"]"#] {
            #expect(throws: Never.self) { try key(shared(secret, members)) }
        }
        let verifying = try JWK(parsing: Array(shared(secret, #","key_ops":["verify"]"#).utf8))
        #expect(throws: Never.self) { try VerificationKey(verifying) }
        let encrypting = try JWK(parsing: Array(shared(secret, #","key_ops":["encrypt"]"#).utf8))
        #expect(throws: JWKError.self) { try VerificationKey(encrypting) }
    }

    @Test("a public key does not sign")
    func refusesPublic() throws {
        let json = JWK.generate(.ed25519).json(includingPrivate: false)
        #expect(throws: JWKError.notPrivate) { try key(json) }
    }
}

@Suite("Sets of keys")
struct KeySetTests {
    private func set(_ entries: String...) throws -> KeySet {
        try KeySet(parsingPublicKeys: Array(#"{"keys":[\#(entries.joined(separator: ","))]}"#.utf8))
    }

    @Test("a published set verifies what its keys signed, each by its kid")
    func verifies() throws {
        let (first, second) = (SigningKey.fresh(.ed25519), SigningKey.fresh(.ed25519))
        let keys = try set(try #require(first.publicJWK), try #require(second.publicJWK))
        for key in [first, second] {
            #expect(try JWS.verify(try JWS.sign([7], type: "x", with: key), with: keys).keyID == key.keyID)
        }
        let third = SigningKey.fresh(.ed25519)
        #expect(throws: TokenError.unknownKey) { try JWS.verify(try JWS.sign([7], type: "x", with: third), with: keys) }
    }

    @Test("keys of unknown kinds and keys for encryption are left out (RFC 7517 §5)")
    func leavesOut() throws {
        let key = SigningKey.fresh(.ed25519)
        let shown = try #require(key.publicJWK)
        let keys = try set(
            #"{"kty":"XYZ"}"#, shown, #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            shown.replacing("\"sig\"", with: "\"enc\"").replacing("\"kid\":\"", with: "\"kid\":\"x"))
        #expect(throws: Never.self) { try JWS.verify(try JWS.sign([7], type: "x", with: key), with: keys) }
    }

    @Test("a set with a secret, a broken key or one kid twice is refused")
    func refuses() throws {
        let shown = try #require(SigningKey.fresh(.ed25519).publicJWK)
        let other = try #require(SigningKey.fresh(.ed25519).publicJWK)
        let kid = try #require(try JSONValue(parsing: Array(shown.utf8))["kid"]?.string)
        let otherKid = try #require(try JSONValue(parsing: Array(other.utf8))["kid"]?.string)
        #expect(throws: JWKError.self) { try set(shown, other.replacing(otherKid, with: kid)) }
        #expect(throws: JWKError.self) { try set(shown, JWK.generate(.oct).json(includingPrivate: true)) }
        #expect(throws: JWKError.self) { try set(shown, JWK.generate(.ed25519).json(includingPrivate: true)) }
        #expect(throws: JWKError.self) { try set(shown, #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#) }
        for text in ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[],"keys":[]}"#] {
            #expect(throws: JWKError.self) { try KeySet(parsingPublicKeys: Array(text.utf8)) }
        }
    }

    @Test("a token without kid is taken for the only key, and for none of several")
    func withoutKeyID() throws {
        let key = SigningKey.fresh(.oct)
        let token = try JWS.sign([1], header: Array(#"{"alg":"HS256"}"#.utf8), with: key)
        #expect(throws: Never.self) { try JWS.verify(token, with: KeySet([key.verificationKey])) }
        let two = KeySet([key.verificationKey, SigningKey.fresh(.oct).verificationKey])
        #expect(throws: TokenError.unknownKey) { try JWS.verify(token, with: two) }
        #expect(throws: TokenError.unknownKey) { try JWS.verify(token, with: KeySet([])) }
    }

    @Test("kids are compared octet by octet: another spelling of the same character is another kid")
    func spelling() throws {
        let jwk = JWK(material: JWK.Kind.oct.make(), keyID: "caf\u{e9}")
        let key = try SigningKey(jwk)
        let token = try JWS.sign([1], header: Array("{\"alg\":\"HS256\",\"kid\":\"cafe\u{301}\"}".utf8), with: key)
        #expect(throws: TokenError.unknownKey) { try JWS.verify(token, with: KeySet([key.verificationKey])) }
    }
}
