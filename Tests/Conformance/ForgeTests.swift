import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import Testing
import WebTokens

@testable import GatehouseRunner

@Suite("The verb forge")
struct ForgeTests {
    private static let now: Int64 = 1_900_000_000

    private static let payload =
        #"{"iss":"g","aud":["g"],"sub":"alice","exp":2000000000,"odd":1.50,"nested":{"b":1,"a":[]}}"#

    /// Runs a forge on a token of the key and gives the forged token.
    private func forge(
        _ changes: String, jwk: JWK, given: String? = nil
    ) async throws -> (original: String, forged: String, result: ScenarioResult) {
        let token = try JWS.sign(Array(Self.payload.utf8), type: "at+jwt", with: SigningKey(jwk))
        let run = try await TestSuites.run(
            steps: """
                  - send: POST /v1/auth
                    capture: { token: json.jwt }
                  - forge: { token: "{{token}}", \(changes) }
                    capture: { forged: token }
                  - send: GET /
                    bearer: "{{forged}}"
                """, variables: ["signing_key": given ?? jwk.json(includingPrivate: true)], now: Self.now
        ) { _ in .json(#"{"jwt":"\#(token)"}"#) }
        let header = run.requests.last?.header("Authorization") ?? ""
        return (token, String(header.dropFirst("Bearer ".count)), run.result)
    }

    private func parts(_ token: String) -> [String] {
        token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    private func json(_ part: String) throws -> String {
        String(decoding: try #require(Base64URL.decode(part)), as: UTF8.self)
    }

    @Test("changes the named claims only, and signs with the server's key", arguments: JWK.Kind.allCases)
    func changesClaims(kind: JWK.Kind) async throws {
        let jwk = JWK.generate(kind)
        let (original, forged, result) = try await forge(
            "claims: { exp: { now: -120 }, sub: null, odd: [1, x], extra: '{{unique}}' }, sign-with: target-key",
            jwk: jwk)
        #expect(result.outcome == .passed)
        #expect(parts(forged)[0] == parts(original)[0])
        let claims = try json(parts(forged)[1])
        let unique = try #require(claims.firstMatch(of: /"extra":"([a-z0-9]{10})"/)).1
        #expect(
            claims
                == #"{"iss":"g","aud":["g"],"exp":1899999880,"odd":[1,"x"],"nested":{"b":1,"a":[]},"extra":"\#(unique)"}"#
        )
        let keys = KeySet([try SigningKey(jwk).verificationKey])
        #expect(throws: Never.self) { try JWS.verify(forged, with: keys) }
    }

    @Test("changes the named header members only; the payload stays byte for byte")
    func changesHeader() async throws {
        let jwk = JWK.generate(.oct)
        let (original, forged, _) = try await forge(
            "header: { typ: JWT, jku: 'https://a' }, sign-with: target-key", jwk: jwk)
        #expect(parts(forged)[1] == parts(original)[1])
        let kid = try SigningKey(jwk).keyID
        #expect(try json(parts(forged)[0]) == #"{"alg":"HS256","kid":"\#(kid)","typ":"JWT","jku":"https://a"}"#)
    }

    @Test("another key makes a signature of the same algorithm that does not verify", arguments: JWK.Kind.allCases)
    func anotherKey(kind: JWK.Kind) async throws {
        let jwk = JWK.generate(kind)
        let (original, forged, result) = try await forge("sign-with: another-key", jwk: jwk)
        #expect(result.outcome == .passed)
        #expect(parts(forged).prefix(2) == parts(original).prefix(2))
        #expect(parts(forged)[2] != parts(original)[2] && parts(forged)[2].count == parts(original)[2].count)
        let keys = KeySet([try SigningKey(jwk).verificationKey])
        #expect(throws: TokenError.badSignature) { try JWS.verify(forged, with: keys) }
    }

    @Test("nothing keeps the old signature, none takes it away and says so in the header")
    func unsigned() async throws {
        let jwk = JWK.generate(.oct)
        let kept = try await forge("claims: { sub: bob }, sign-with: nothing", jwk: jwk)
        #expect(parts(kept.forged)[2] == parts(kept.original)[2] && parts(kept.forged)[1] != parts(kept.original)[1])
        let none = try await forge("sign-with: none", jwk: jwk)
        #expect(parts(none.forged)[2] == "" && parts(none.forged)[1] == parts(none.original)[1])
        #expect(try json(parts(none.forged)[0]).hasPrefix(#"{"alg":"none","kid":"#))
        let odd = try await forge("header: { alg: nOnE }, sign-with: none", jwk: jwk)
        #expect(try json(parts(odd.forged)[0]).hasPrefix(#"{"alg":"nOnE","kid":"#))
    }

    @Test("a key that cannot sign is a failure that does not show the key")
    func badKey() async throws {
        let bad = #"{"k":"c2hvcnQ","kty":"oct"}"#
        let (_, _, result) = try await forge("sign-with: target-key", jwk: JWK.generate(.oct), given: bad)
        #expect(result.mismatches.count == 1)
        #expect(result.mismatches.first?.hasPrefix("forge: expected a token to change and a key to sign it") == true)
        #expect(!"\(result)".contains("c2hvcnQ"))
    }

    @Test("this-key signs with the key of the step, which make-key made", arguments: JWK.Kind.allCases)
    func thisKey(kind: JWK.Kind) async throws {
        let original = try JWS.sign(Array(Self.payload.utf8), type: "at+jwt", with: SigningKey(.generate(.oct)))
        let algorithm = try SigningKey(.generate(kind)).algorithm.rawValue
        let run = try await TestSuites.run(
            steps: """
                  - send: POST /v1/auth
                    capture: { token: json.jwt }
                  - make-key: { type: \(kind.rawValue) }
                    capture: { fresh_key: jwk }
                  - send: POST /keys
                    body: '{"jwk": {{fresh_key}} }'
                  - forge: { token: "{{token}}", header: { kid: null, alg: \(algorithm) }, sign-with: this-key, key: "{{fresh_key}}" }
                    capture: { forged: token }
                  - send: GET /
                    bearer: "{{forged}}"
                """, now: Self.now
        ) { _ in .json(#"{"jwt":"\#(original)"}"#) }
        #expect(run.result.outcome == .passed)
        let body = try JSONValue(parsing: try #require(run.requests.dropFirst().first).body)
        let key = try SigningKey(try JWK(parsing: try #require(body["jwk"]).bytes()))
        let header = run.requests.last?.header("Authorization") ?? ""
        let forged = String(header.dropFirst("Bearer ".count))
        #expect(throws: Never.self) { try JWS.verify(forged, with: KeySet([key.verificationKey])) }
    }
}
