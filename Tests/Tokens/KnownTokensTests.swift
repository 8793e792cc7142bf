import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import WebTokens

@Suite("Tokens seen before")
struct KnownTokensTests {
    private static let now: Int64 = 1_800_000_000
    private let key = SigningKey.fresh(.ed25519)

    private func token(_ key: SigningKey, expiresAt: Int64 = now + 60, subject: String = "alice") throws -> String {
        let claims: JSONValue = [
            "iss": "us", "aud": "us", "sub": .string(subject), "nbf": .number(JSONNumber(Self.now)),
            "exp": .number(JSONNumber(expiresAt)),
        ]
        return try JWS.sign(claims.bytes(), type: "at+jwt", with: key)
    }

    private func verifier(audience: String = "us", type: String = "at+jwt") -> TokenVerifier {
        TokenVerifier(
            keys: KeySet([key.verificationKey]), type: type, issuer: "us", audience: audience, leewaySeconds: 0)
    }

    @Test("a token that was good expires all the same, and is not good before its time")
    func times() throws {
        let (verifier, token) = (verifier(), try token(key))
        #expect(throws: TokenError.notYetValid) { try verifier.verify(token, nowSeconds: Self.now - 1) }
        for _ in 0..<3 { #expect(try verifier.verify(token, nowSeconds: Self.now).subject == "alice") }
        #expect(throws: TokenError.expired) { try verifier.verify(token, nowSeconds: Self.now + 60) }
        #expect(throws: TokenError.notYetValid) { try verifier.verify(token, nowSeconds: Self.now - 1) }
        #expect(throws: Never.self) { try verifier.verify(token, nowSeconds: Self.now + 59) }
    }

    @Test("a token that was refused is refused again, also next to a good one that differs in one character")
    func refusals() throws {
        let (verifier, good) = (verifier(), try token(key))
        let parts = good.split(separator: ".").map(String.init)
        var forged = [try token(SigningKey.fresh(.ed25519)), "\(parts[0]).\(parts[1])."]
        for index in parts[2].indices {
            var signature = parts[2]
            signature.replaceSubrange(index...index, with: signature[index] == "A" ? "B" : "A")
            forged.append("\(parts[0]).\(parts[1]).\(signature)")
        }
        for _ in 0..<2 {
            #expect(throws: Never.self) { try verifier.verify(good, nowSeconds: Self.now) }
            for token in forged {
                #expect(throws: TokenError.self) { try verifier.verify(token, nowSeconds: Self.now) }
            }
        }
    }

    @Test(
        "a token with a right signature that is wrong in something else is refused each time",
        arguments: ["iss", "aud", "sub"])
    func lastingRefusals(claim: String) throws {
        let verifier = verifier()
        var members: [String: JSONValue] = [
            "iss": "us", "aud": "us", "sub": "alice", "exp": .number(JSONNumber(Self.now + 60)),
        ]
        members[claim] = ""
        let claims = JSONValue.object(members.map { .init(name: $0.key, value: $0.value) })
        let token = try JWS.sign(claims.bytes(), type: "at+jwt", with: key)
        let wrongType = try JWS.sign(claims.bytes(), type: "JWT", with: key)
        for _ in 0..<3 {
            #expect(throws: TokenError.self) { try verifier.verify(token, nowSeconds: Self.now) }
            #expect(throws: TokenError.wrongType) { try verifier.verify(wrongType, nowSeconds: Self.now) }
        }
    }

    @Test("what one verifier found right says nothing to another one of other rules")
    func verifiersAreApart() throws {
        let token = try token(key)
        #expect(throws: Never.self) { try verifier().verify(token, nowSeconds: Self.now) }
        #expect(throws: TokenError.wrongAudience) { try verifier(audience: "them").verify(token, nowSeconds: Self.now) }
        #expect(throws: TokenError.wrongType) { try verifier(type: "JWT").verify(token, nowSeconds: Self.now) }
    }

    @Test("however many come, no more than two generations are remembered, and what is in use stays")
    func isBounded() throws {
        let known = KnownTokens()
        let claims = try Claims(Array(#"{"iss":"us","exp":1}"#.utf8), required: [])
        known.remember(claims, of: [0, 0, 0])
        for number in 0..<10 * KnownTokens.generationSize {
            known.remember(claims, of: [1, UInt8(number & 255), UInt8(number >> 8)])
            if number % 100 == 0 { #expect(known.claims(of: [0, 0, 0]) != nil) }
            #expect(known.count <= 2 * KnownTokens.generationSize)
        }
        #expect(known.claims(of: [1, 0, 0]) == nil)
    }

    @Test("many threads at once get the right claims")
    func parallel() async throws {
        let verifier = verifier()
        let tokens = try (0..<16).map { try token(key, subject: "s\($0)") }
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<16 {
                group.addTask {
                    (0..<20).allSatisfy { round in
                        let number = (task + round) % tokens.count
                        return (try? verifier.verify(tokens[number], nowSeconds: Self.now))?.subject == "s\(number)"
                    }
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
