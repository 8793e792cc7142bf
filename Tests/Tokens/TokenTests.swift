import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import WebTokens

/// Each rule of RFC 8725 §3 that a verifier can break has a test here that fails when the rule is taken out.
@Suite("Token verification")
struct TokenTests {
    static let now: Int64 = 1_800_000_000
    let key = SigningKey.fresh(.oct)

    private func verifier(_ key: SigningKey? = nil) -> TokenVerifier {
        TokenVerifier(
            keys: KeySet([(key ?? self.key).verificationKey]), type: "at+jwt", issuer: "us", audience: "us",
            leewaySeconds: 10)
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

    /// A token with our key's signature whose header is our own with some members set to other JSON, or left out.
    private func token(header changes: [String: String?]) throws -> String {
        var members: [String: String?] = ["alg": "\"HS256\"", "kid": "\"\(key.keyID)\"", "typ": "\"at+jwt\""]
        for (name, value) in changes { members[name] = value }
        let text = members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",")
        return try JWS.sign(claims(), header: Array("{\(text)}".utf8), with: key)
    }

    @discardableResult private func verify(_ token: String) throws(TokenError) -> Claims {
        try verifier().verify(token, nowSeconds: Self.now)
    }

    @Test("a good token gives its claims", arguments: JWK.Kind.allCases)
    func good(kind: JWK.Kind) throws {
        let key = SigningKey.fresh(kind)
        let payload = claims { $0["jti"] = "t1" }
        let found = try verifier(key).verify(try JWS.sign(payload, type: "at+jwt", with: key), nowSeconds: Self.now)
        #expect(found.issuer == "us" && found.audience == ["us"] && found.subject == "alice" && found.session == "s1")
        #expect(found.issuedAt == Self.now && found.notBefore == Self.now && found.expiresAt == Self.now + 60)
        #expect(found.tokenID == "t1" && found.scope == ["admin", "alias"] && found.json == payload)
    }

    @Test("a header is alg, kid and typ, in this order, with no white space")
    func header() throws {
        let header = try #require(Base64URL.decode(try token().prefix { $0 != "." }))
        #expect(String(decoding: header, as: UTF8.self) == #"{"alg":"HS256","kid":"\#(key.keyID)","typ":"at+jwt"}"#)
    }

    // MARK: RFC 8725 §3.1, §3.2: algorithms

    @Test(
        "alg comes from the key: none, another name and another case are refused",
        arguments: ["none", "None", "HS512", "HS384", "RS256", "hs256", "EdDSA", "HS256 ", ""])
    func algorithm(name: String) throws {
        let token = try token(header: ["alg": "\"\(name)\""])
        #expect(throws: TokenError.wrongAlgorithm) { try verify(token) }
        let unsigned = token.split(separator: ".").prefix(2).joined(separator: ".") + "."
        #expect(throws: TokenError.wrongAlgorithm) { try verify(unsigned) }
    }

    @Test(
        "a header without alg, or with one that is no string, is refused",
        arguments: [nil, "null", "7", "[\"HS256\"]"] as [String?])
    func algorithmMissing(value: String?) throws {
        let token = try token(header: ["alg": value])
        #expect(throws: TokenError.malformed) { try verify(token) }
    }

    @Test("a public key is never an HMAC secret (RFC 8725 §2.1)", arguments: ["HS256", "EdDSA"])
    func confusion(name: String) throws {
        let jwk = JWK.generate(.ed25519)
        let server = try SigningKey(jwk)
        let shown = try JSONValue(parsing: Array(jwk.json(includingPrivate: false).utf8))
        let publicBytes = try #require(Base64URL.decode(shown["x"]?.string ?? ""))
        let forger = try SigningKey(JWK(material: SharedSecret(publicBytes), keyID: server.keyID))
        let header = #"{"alg":"\#(name)","kid":"\#(server.keyID)","typ":"at+jwt"}"#
        let forged = try JWS.sign(claims(), header: Array(header.utf8), with: forger)
        #expect(throws: name == "HS256" ? TokenError.wrongAlgorithm : .badSignature) {
            try verifier(server).verify(forged, nowSeconds: Self.now)
        }
    }

    // MARK: §3.3: signatures

    @Test("without its signature, with another's or with a changed claim a token is refused")
    func signature() throws {
        let parts = try token().split(separator: ".")
        let other = try token { $0["sub"] = "admin" }.split(separator: ".")
        #expect(throws: TokenError.badSignature) { try verify("\(parts[0]).\(parts[1]).") }
        #expect(throws: TokenError.badSignature) { try verify("\(parts[0]).\(other[1]).\(parts[2])") }
        #expect(throws: TokenError.badSignature) { try verify("\(parts[0]).\(parts[1]).\(other[2])") }
        let short = Base64URL.encode(Array(try #require(Base64URL.decode(parts[2])).dropLast()))
        #expect(throws: TokenError.badSignature) { try verify("\(parts[0]).\(parts[1]).\(short)") }
    }

    // MARK: §3.8, §3.9, §3.11, §3.12: issuer, subject, audience, kind

    @Test("issuer and audience must be ours, to the octet")
    func foreign() throws {
        #expect(throws: TokenError.wrongIssuer) { try verify(try token { $0["iss"] = "them" }) }
        #expect(throws: TokenError.wrongIssuer) { try verify(try token { $0["iss"] = "US" }) }
        #expect(throws: TokenError.wrongAudience) { try verify(try token { $0["aud"] = "them" }) }
        #expect(throws: TokenError.wrongAudience) { try verify(try token { $0["aud"] = nil }) }
        #expect(throws: TokenError.wrongAudience) { try verify(try token { $0["aud"] = [] }) }
        #expect(throws: TokenError.wrongAudience) { try verify(try token { $0["aud"] = "us them" }) }
        #expect(throws: Never.self) { try verify(try token { $0["aud"] = ["them", "us"] }) }
    }

    @Test("another spelling of the same characters is another issuer")
    func spelling() throws {
        let verifier = TokenVerifier(
            keys: KeySet([key.verificationKey]), type: "at+jwt", issuer: "caf\u{e9}", audience: "us", leewaySeconds: 0)
        let composed = try token { $0["iss"] = "caf\u{e9}" }
        let decomposed = try token { $0["iss"] = "cafe\u{301}" }
        #expect(throws: Never.self) { try verifier.verify(composed, nowSeconds: Self.now) }
        #expect(throws: TokenError.wrongIssuer) { try verifier.verify(decomposed, nowSeconds: Self.now) }
    }

    @Test(
        "a token of another kind is refused",
        arguments: ["\"JWT\"", "\"at+jwt \"", "\"application/x/at+jwt\"", "\"text/at+jwt\"", "\"\"", "null", "7", nil]
            as [String?])
    func kind(value: String?) throws {
        let token = try token(header: ["typ": value])
        #expect(throws: TokenError.wrongType) { try verify(token) }
    }

    @Test(
        "a kind is compared without case, and application/ may stand before it (RFC 7515 §4.1.9)",
        arguments: ["AT+JWT", "application/at+jwt", "Application/AT+jwt"])
    func kindSpelling(type: String) throws { #expect(throws: Never.self) { try verify(try token(type: type)) } }

    @Test(
        "claims that must be there are missed, and those of a wrong type are refused", arguments: ["exp", "iss", "sub"])
    func missing(claim: String) throws {
        for value in [nil, true, .null, []] as [JSONValue?] {
            #expect(throws: TokenError.badClaim(claim)) { try verify(try token { $0[claim] = value }) }
        }
    }

    @Test("an optional claim of a wrong type is refused", arguments: ["nbf", "iat", "jti", "sid", "scope", "aud"])
    func wrongType(claim: String) throws {
        for value in [true, ["us", 7], .object([])] as [JSONValue] {
            #expect(throws: TokenError.badClaim(claim)) { try verify(try token { $0[claim] = value }) }
        }
    }

    @Test("a verifier can require further claims, which must not be empty")
    func required() throws {
        let verifier = TokenVerifier(
            keys: KeySet([key.verificationKey]), type: "at+jwt", issuer: "us", audience: "us", leewaySeconds: 0,
            requiredClaims: ["sid", "jti"])
        for value in [nil, "", .null] as [JSONValue?] {
            let token = try token { $0["jti"] = value }
            #expect(throws: TokenError.badClaim("jti")) { try verifier.verify(token, nowSeconds: Self.now) }
        }
        let complete = try token { claims in
            claims["jti"] = "1"
            claims["sub"] = nil
        }
        #expect(try verifier.verify(complete, nowSeconds: Self.now).subject == nil)
    }

    // MARK: §3.10: keys

    @Test(
        "kid is looked up and nothing else",
        arguments: ["../../etc/passwd", "' OR 1=1 --", "http://127.0.0.1/key", "", "\\u0000", "*"])
    func keyNames(name: String) throws {
        let token = try token(header: ["kid": "\"\(name)\""])
        #expect(throws: TokenError.unknownKey) { try verify(token) }
    }

    @Test("a kid that is no string is refused", arguments: ["null", "7", "[]", "{}"])
    func keyNameTypes(value: String) throws {
        let token = try token(header: ["kid": value])
        #expect(throws: TokenError.malformed) { try verify(token) }
    }

    @Test("keys that a token brings along are not used, and do not disturb")
    func ownKeys() throws {
        let other = SigningKey.fresh(.oct)
        #expect(throws: TokenError.unknownKey) { try verify(try JWS.sign(claims(), type: "at+jwt", with: other)) }
        let embedded = JWK.generate(.ed25519)
        let shown = embedded.json(includingPrivate: false)
        for (name, value) in [
            ("jwk", shown), ("jku", "\"http://127.0.0.1/\""), ("x5u", "\"http://127.0.0.1/\""), ("x5c", "[\"AA==\"]"),
        ] {
            for algorithm in ["HS256", "EdDSA"] {
                let header = #"{"alg":"\#(algorithm)","kid":"\#(key.keyID)","typ":"at+jwt","\#(name)":\#(value)}"#
                let forged = try JWS.sign(claims(), header: Array(header.utf8), with: try SigningKey(embedded))
                #expect(throws: algorithm == "HS256" ? TokenError.badSignature : .wrongAlgorithm) { try verify(forged) }
            }
            let honest = try token(header: [name: value])
            #expect(throws: Never.self) { try verify(honest) }
        }
    }

    // MARK: §3.7 and JOSE: strict reading

    @Test(
        "whatever is marked critical is refused, also an empty list",
        arguments: ["[]", "[\"exp\"]", "[\"b64\"]", "[\"alg\"]", "true", "null"])
    func critical(list: String) throws {
        let token = try token(header: ["crit": list])
        #expect(throws: TokenError.critical) { try verify(token) }
    }

    @Test("b64 has no place in a token (RFC 7797 §7)", arguments: ["false", "true"])
    func unencoded(value: String) throws {
        let token = try token(header: ["b64": value])
        #expect(throws: TokenError.critical) { try verify(token) }
    }

    @Test("a duplicate member, in header or claims, is refused", arguments: ["alg", "\\u0061lg"])
    func duplicates(name: String) throws {
        let header = #"{"alg":"HS256","\#(name)":"HS256","kid":"\#(key.keyID)","typ":"at+jwt"}"#
        #expect(throws: TokenError.malformed) {
            try verify(try JWS.sign(claims(), header: Array(header.utf8), with: key))
        }
        let doubled = String(decoding: claims(), as: UTF8.self).dropLast() + ",\"sub\":\"admin\"}"
        #expect(throws: TokenError.malformed) {
            try verify(try JWS.sign(Array(doubled.utf8), type: "at+jwt", with: key))
        }
    }

    @Test("claims that are not one strict JSON object are refused")
    func payloads() throws {
        let good = claims()
        let bad: [[UInt8]] = [
            [], Array("null".utf8), Array("[]".utf8), Array("\"x\"".utf8), good + [0x20, 0x7b],
            [0xef, 0xbb, 0xbf] + good, good.dropLast(),
            Array(good.dropLast()) + Array(",\"x\":\"".utf8) + [0xff] + Array("\"}".utf8),
        ]
        for payload in bad {
            #expect(throws: TokenError.malformed) { try verify(try JWS.sign(payload, type: "at+jwt", with: key)) }
        }
    }

    @Test(
        "what is no token is refused",
        arguments: [
            "", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.", "e30.e30.e30", " ", "\u{0}", "é.é.é", "bnVsbA.e30.AA",
        ])
    func malformed(text: String) { #expect(throws: TokenError.malformed) { try verify(text) } }

    @Test("padding, white space, a fourth part and the other alphabet in a token are refused")
    func strictEncoding() throws {
        let token = try token()
        let parts = token.split(separator: ".").map(String.init)
        var changed = [
            token + "=", " " + token, token + "\n", token.replacing(".", with: "=."), token + ".", token + ".e30",
            "." + token,
        ]
        for index in parts.indices {
            for insertion in ["+", "/", "=", " ", "\n", "%2E"] {
                var copy = parts
                copy[index].insert(contentsOf: insertion, at: copy[index].index(copy[index].startIndex, offsetBy: 4))
                changed.append(copy.joined(separator: "."))
            }
        }
        for text in changed { #expect(throws: TokenError.malformed) { try verify(text) } }
    }

    @Test("a token over 8 KiB is not looked at, one of 8 KiB is")
    func size() throws {
        #expect(throws: TokenError.tooLarge) { try verify(String(repeating: "a", count: 8193)) }
        #expect(throws: TokenError.malformed) { try verify(String(repeating: "a", count: 8192)) }
        #expect(throws: TokenError.tooLarge) {
            try verify(try token { $0["x"] = .string(String(repeating: "a", count: 8192)) })
        }
        #expect(throws: TokenError.tooLarge) {
            try JWS.verify(String(repeating: ".", count: 8193), with: KeySet([key.verificationKey]))
        }
    }

    // MARK: RFC 7519 §4.1: times

    @Test("exp is over when its second has come, leeway included")
    func expiry() throws {
        #expect(throws: TokenError.expired) { try verify(try token { $0["exp"] = .number(JSONNumber(Self.now - 10)) }) }
        #expect(throws: Never.self) { try verify(try token { $0["exp"] = .number(JSONNumber(Self.now - 9)) }) }
    }

    @Test("nbf and iat in the future are refused beyond the leeway", arguments: ["nbf", "iat"])
    func future(claim: String) throws {
        #expect(throws: TokenError.notYetValid) {
            try verify(try token { $0[claim] = .number(JSONNumber(Self.now + 11)) })
        }
        #expect(throws: Never.self) { try verify(try token { $0[claim] = .number(JSONNumber(Self.now + 10)) }) }
    }

    @Test("a fraction of a second never makes a token good for longer")
    func fractions() throws {
        func token(_ claim: String, _ seconds: Double) throws -> String {
            try self.token { $0[claim] = JSONNumber(seconds).map(JSONValue.number) }
        }
        #expect(throws: TokenError.expired) { try verify(try token("exp", Double(Self.now) - 9.5)) }
        #expect(throws: TokenError.notYetValid) { try verify(try token("nbf", Double(Self.now) + 10.5)) }
        #expect(try verify(try token("exp", Double(Self.now) + 60.5)).expiresAt == Self.now + 60)
    }

    @Test(
        "an absurd time neither crashes nor opens",
        arguments: [
            ("exp", "-9223372036854775808", TokenError.expired), ("exp", "1e400", .badClaim("exp")),
            ("exp", "-1e30", .badClaim("exp")),
            ("exp", "\"1900000000\"", .badClaim("exp")), ("exp", "1e15", nil), ("exp", "9223372036854775807", nil),
            ("exp", "9223372036854775808", .badClaim("exp")), ("nbf", "9223372036854775807", .notYetValid),
            ("nbf", "-9223372036854775808", nil), ("iat", "1e400", .badClaim("iat")), ("exp", "0", .expired),
            ("exp", "-0.0", .expired),
        ] as [(String, String, TokenError?)])
    func absurd(claim: String, value: String, expected: TokenError?) throws {
        let payload = String(decoding: claims { $0[claim] = nil }, as: UTF8.self).dropLast() + ",\"\(claim)\":\(value)}"
        let token = try JWS.sign(Array(payload.utf8), type: "at+jwt", with: key)
        for now in [Self.now, Self.now + 1] {
            do throws(TokenError) {
                _ = try verifier().verify(token, nowSeconds: now)
                #expect(expected == nil)
            } catch { #expect(error == expected) }
        }
        for now in [Int64.max, .min] { _ = try? verifier().verify(token, nowSeconds: now) }
    }

    @Test("a token that is expired and wrong in something else is not called expired")
    func expiredLast() throws {
        let expired = try token { claims in
            claims["exp"] = 1
            claims["aud"] = "them"
        }
        #expect(throws: TokenError.wrongAudience) { try verify(expired) }
        let forged = try token { $0["exp"] = 1 }.split(separator: ".").prefix(2).joined(separator: ".") + ".AAAA"
        #expect(throws: TokenError.badSignature) { try verify(forged) }
    }
}
