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

    @Test(
        "a new key has alg, kid and use, its members in lexicographic order",
        arguments: [
            (.ed25519, "EdDSA", "alg crv d kid kty use x"), (.p256, "ES256", "alg crv d kid kty use x y"),
            (.p384, "ES384", "alg crv d kid kty use x y"), (.rsa, "RS256", "alg d dp dq e kid kty n p q qi use"),
        ] as [(JWK.Kind, String, String)])
    func generatesPairs(kind: JWK.Kind, algorithm: String, names: String) throws {
        let jwk = try #require(AlgorithmTests.keys[kind])
        let value = try JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8))
        #expect(value.object?.map(\.name).joined(separator: " ") == names)
        #expect(value["alg"]?.string == algorithm && value["use"] == "sig" && value["kid"]?.string == jwk.thumbprint())
    }

    @Test("two new keys are never the same", arguments: JWK.Kind.allCases)
    func areRandom(kind: JWK.Kind) {
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
            #"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#, #"{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}"#,
            #"{"kty":"EC","crv":"p-256","x":"AAAA","y":"AAAA"}"#, #"{"kty":"rsa","n":"AAAA","e":"AQAB"}"#,
            #"{"kty":"OKP","crv":"Ed448","x":"AAAA"}"#, #"{"kty":"none"}"#,
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

/// A private key of which tests change one member.
private struct ChangedKey {
    var members: [String: String]

    init(_ jwk: JWK) throws {
        let members = try JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8)).object ?? []
        self.members = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value.string ?? "") })
    }

    /// With the member's octets changed.
    func changing(_ name: String, _ change: (inout [UInt8]) -> Void) throws -> ChangedKey {
        var copy = self
        var octets = try #require(Base64URL.decode(members[name] ?? ""))
        change(&octets)
        copy.members[name] = Base64URL.encode(octets)
        return copy
    }

    func removing(_ name: String) -> ChangedKey {
        var copy = self
        copy.members[name] = nil
        return copy
    }

    func with(_ name: String, _ value: String) -> ChangedKey {
        var copy = self
        copy.members[name] = value
        return copy
    }

    func read() throws(JWKError) -> JWK {
        try JWK(JSONValue.object(members.map { .init(name: $0.key, value: .string($0.value)) }))
    }

    var isMalformed: Bool {
        do {
            _ = try read()
            return false
        } catch .malformed { return true } catch { return false }
    }
}

@Suite("Keys whose numbers are wrong (RFC 8725 §3.4)")
struct WrongNumbersTests {
    private func key(_ kind: JWK.Kind) throws -> ChangedKey { try ChangedKey(try #require(AlgorithmTests.keys[kind])) }

    @Test(
        "an RSA key is refused when any number is off by a bit, begins with a zero, is empty or not there",
        arguments: ["n", "e", "d", "p", "q", "dp", "dq", "qi"])
    func rsa(name: String) throws {
        let key = try key(.rsa)
        #expect(throws: Never.self) { try key.read() }
        #expect(try key.changing(name) { $0[$0.count - 1] ^= 2 }.isMalformed)
        #expect(try key.changing(name) { $0.insert(0, at: 0) }.isMalformed)
        #expect(key.with(name, "").isMalformed)
        #expect(key.removing(name).isMalformed)
        #expect(key.with(name, (key.members[name] ?? "") + "=").isMalformed)
    }

    @Test("an RSA key is refused when two of its numbers have changed places")
    func rsaSwapped() throws {
        let key = try key(.rsa)
        for (a, b) in [("p", "q"), ("dp", "dq"), ("d", "dp"), ("n", "d")] {
            let (first, second) = (try #require(key.members[a]), try #require(key.members[b]))
            #expect(key.with(a, second).with(b, first).isMalformed, "\(a) and \(b)")
        }
    }

    @Test("an RSA key of more than two primes is refused as unsupported (RFC 7518 §6.3.2.7)")
    func rsaPrimes() throws {
        let error = #expect(throws: JWKError.self) { try key(.rsa).with("oth", "").read() }
        #expect(error == .unsupported("an RSA key of more than two primes"))
    }

    @Test("an RSA key below 2048 bits is too short, one above 8192 bits is refused (RFC 7518 §3.3)")
    func rsaLength() {
        func read(_ octets: [UInt8]) throws -> JWK {
            try JWK(parsing: Array(#"{"kty":"RSA","e":"AQAB","n":"\#(Base64URL.encode(octets))"}"#.utf8))
        }
        for octets in [128, 255] {
            #expect(throws: JWKError.tooShort(minimumBits: 2048)) {
                try read([UInt8](repeating: 0x81, count: octets))
            }
        }
        #expect(throws: JWKError.tooShort(minimumBits: 2048)) { try read([0x7f] + [UInt8](repeating: 3, count: 255)) }
        let error = #expect(throws: JWKError.self) { try read([UInt8](repeating: 0x81, count: 1025)) }
        #expect(error?.description.contains("more than 8192") == true)
    }

    @Test(
        "an RSA exponent that is even, below 65537 or beyond 32 bits is refused", arguments: ["Aw", "AQAA", "AQAAAAE"])
    func rsaExponent(exponent: String) throws {
        #expect(try key(.rsa).with("e", exponent).isMalformed)
        let half = try #require(AlgorithmTests.keys[.rsa]).json(includingPrivate: false)
        let changed = try ChangedKey(try JWK(parsing: Array(half.utf8))).with("e", exponent)
        #expect(changed.isMalformed)
    }

    @Test(
        "an EC key is refused when a number is off by a bit, shorter, longer or not there",
        arguments: [JWK.Kind.p256, .p384], ["x", "y", "d"])
    func curves(kind: JWK.Kind, name: String) throws {
        let key = try key(kind)
        #expect(throws: Never.self) { try key.read() }
        #expect(try key.changing(name) { $0[$0.count - 1] ^= 1 }.isMalformed)
        // Not even by a zero (RFC 7518 §6.2.1.2): with it, one key would have several thumbprints.
        #expect(try key.changing(name) { $0.insert(0, at: 0) }.isMalformed)
        #expect(try key.changing(name) { $0.removeLast() }.isMalformed)
        #expect(try key.changing(name) { $0 = [UInt8](repeating: 0, count: $0.count) }.isMalformed)
        #expect(try key.changing(name) { $0 = [UInt8](repeating: 255, count: $0.count) }.isMalformed)
        #expect(key.with(name, "").isMalformed)
        if name == "d" { #expect(throws: Never.self) { try key.removing(name).read() } }
        if name != "d" { #expect(key.removing(name).isMalformed) }
    }

    @Test("the public half alone is looked at just as closely", arguments: [JWK.Kind.p256, .p384])
    func publicCurves(kind: JWK.Kind) throws {
        let key = try key(kind).removing("d")
        #expect(throws: Never.self) { try key.read() }
        #expect(try key.changing("y") { $0[$0.count - 1] ^= 1 }.isMalformed)
        #expect(key.with("crv", kind == .p256 ? "P-384" : "P-256").isMalformed)
        #expect(key.with("x", key.members["y"] ?? "").isMalformed)
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
        #expect(throws: JWKError.tooShort(minimumBits: 256)) { try key(json) }
        #expect(throws: JWKError.tooShort(minimumBits: 256)) { try VerificationKey(try JWK(parsing: Array(json.utf8))) }
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
        // Long enough in octets, but not in what they can be.
        for text in [
            "super-duper-secret-super-duper-secret", "Correct horse battery staple, and m",
            "d41d8cd98f00b204e9800998ecf8427e", String(repeating: "0123456789", count: 7),
        ] {
            #expect(throws: JWKError.guessable, "\(text)") { try key(shared(Array(text.utf8))) }
        }
        for text in [
            "d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e",
            Base64URL.encode(SystemRandom.bytes(32)),
        ] { #expect(throws: Never.self, "\(text)") { try key(shared(Array(text.utf8))) } }
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
        for name in ["none", "RS1", "hs256", ""] {
            #expect(throws: JWKError.unsupported("the algorithm \(name)")) {
                try key(shared(secret, #","alg":"\#(name)""#))
            }
        }
        #expect(throws: JWKError.wrongAlgorithm("RS256")) { try key(shared(secret, #","alg":"RS256""#)) }
        for kind in JWK.Kind.allCases where kind != .oct {
            let pair = try #require(AlgorithmTests.keys[kind])
            #expect(throws: JWKError.wrongAlgorithm("HS256")) { try SigningKey(pair, algorithm: .hs256) }
            // Also when the key does not say what it is for.
            let bare = JWK(material: pair.material)
            #expect(throws: JWKError.wrongAlgorithm("HS256")) { try SigningKey(bare, algorithm: .hs256) }
        }
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
            #"{"kty":"XYZ"}"#, shown,
            // 1024 bits.
            #"{"kty":"RSA","e":"AQAB","n":"\#(Base64URL.encode([UInt8](repeating: 0x81, count: 128)))"}"#,
            #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
            shown.replacing("\"sig\"", with: "\"enc\"").replacing("\"kid\":\"", with: "\"kid\":\"x"))
        #expect(throws: Never.self) { try JWS.verify(try JWS.sign([7], type: "x", with: key), with: keys) }
    }

    @Test("secrets, private and broken keys in a published set are left out, and do not take the others along")
    func leavesOutWhatIsNoPublicKey() throws {
        let key = SigningKey.fresh(.ed25519)
        let (secret, leaked) = (JWK.generate(for: .hs256), JWK.generate(for: .edDSA))
        let keys = try set(
            secret.json(includingPrivate: true), leaked.json(includingPrivate: true),
            #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, "1", try #require(key.publicJWK))
        #expect(throws: Never.self) { try JWS.verify(try JWS.sign([7], type: "x", with: key), with: keys) }
        for unfit in [try SigningKey(secret), try SigningKey(leaked)] {
            let token = try JWS.sign([7], type: "x", with: unfit)
            #expect(throws: TokenError.unknownKey) { try JWS.verify(token, with: keys) }
        }
    }

    @Test("what is no set, or has one kid twice, is refused")
    func refuses() throws {
        let shown = try #require(SigningKey.fresh(.ed25519).publicJWK)
        let other = try #require(SigningKey.fresh(.ed25519).publicJWK)
        let kid = try #require(try JSONValue(parsing: Array(shown.utf8))["kid"]?.string)
        let otherKid = try #require(try JSONValue(parsing: Array(other.utf8))["kid"]?.string)
        #expect(throws: JWKError.self) { try set(shown, other.replacing(otherKid, with: kid)) }
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
