import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import Testing

@testable import WebTokens

@Suite("Published JOSE vectors")
struct VectorTests {
    static let supported = JWSVector.all.filter { JWSAlgorithm(rawValue: $0.algorithm) != nil }
    static let good = supported.filter(\.isGood)
    static let others = JWSVector.all.filter { JWSAlgorithm(rawValue: $0.algorithm) == nil }
    /// Others take a random number into each signature.
    static let deterministic = good.filter {
        $0.algorithm.hasPrefix("HS") || ["RS256", "EdDSA"].contains($0.algorithm)
    }

    private func key(_ vector: JWSVector, _ jwk: JWK? = nil) throws -> VerificationKey {
        try VerificationKey(try jwk ?? JWK(vector.jwk), algorithm: JWSAlgorithm(rawValue: vector.algorithm))
    }

    @Test("the vectors are all there, and each is either verified or refused below")
    func coverage() {
        #expect(
            Set(Self.good.map(\.name)) == [
                "rfc7515-a1", "rfc7515-a2", "rfc7515-a3", "rfc7515-a4", "rfc8037-a4", "rfc7520-4_1", "rfc7520-4_2",
                "rfc7520-4_3", "rfc7520-4_4", "rfc7520-4_6/0", "rfc7520-4_8/0", "rfc7797-4.1", "jwt.io-hs384",
                "jwt.io-hs512", "jwt.io-es384", "jwt.io-ps256",
            ])
        #expect(Set(Self.others.map(\.algorithm)) == ["none", ""])
        #expect(JWSVector.all.filter { $0.algorithm == "none" }.map(\.name) == ["rfc7515-a5", "rfc7515-appE"])
    }

    @Test("a published signature verifies", arguments: good)
    func verifies(vector: JWSVector) throws {
        let key = try key(vector)
        let verified = try JWS.verify(vector.compact, with: KeySet([key]))
        #expect(verified.keyID == key.keyID)
        #expect(Base64URL.encode(verified.payload) == vector.compact.split(separator: ".")[1])
    }

    @Test("signing the same again gives the same signature", arguments: deterministic)
    func signs(vector: JWSVector) throws {
        // `SigningKey` would refuse these keys, because they are published.
        let parts = vector.compact.split(separator: ".")
        let signature = try key(vector).key.sign(Array("\(parts[0]).\(parts[1])".utf8))
        #expect(Base64URL.encode(signature) == String(parts[2]))
    }

    @Test(
        "a near miss is refused, though its key is right and a right signature verifies", arguments: RefusedVector.all)
    func nearMisses(vector: RefusedVector) throws {
        let algorithm = try #require(JWSAlgorithm(rawValue: vector.algorithm))
        let keys = KeySet([try VerificationKey(try JWK(vector.jwk), algorithm: algorithm)])
        #expect(throws: Never.self) { try JWS.verify(vector.valid, with: keys) }
        #expect(throws: TokenError.badSignature) { try JWS.verify(vector.compact, with: keys) }
    }

    @Test(
        "a published signature verifies no more after any one character was changed, or with another key",
        arguments: good)
    func refusesChanges(vector: JWSVector) throws {
        let jwk = try JWK(vector.jwk)
        let keys = KeySet([try key(vector, jwk)])
        let octets = Array(vector.compact.utf8)
        for index in octets.indices where octets[index] != UInt8(ascii: ".") {
            var changed = octets
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: TokenError.self) { try JWS.verify(String(decoding: changed, as: UTF8.self), with: keys) }
        }
        for count in octets.indices {
            #expect(throws: TokenError.self) {
                try JWS.verify(String(decoding: octets[..<count], as: UTF8.self), with: keys)
            }
        }
        let algorithm = try #require(JWSAlgorithm(rawValue: vector.algorithm))
        let other = try key(vector, JWK(material: algorithm.makeMaterial(), keyID: jwk.keyID))
        #expect(throws: TokenError.badSignature) { try JWS.verify(vector.compact, with: KeySet([other])) }
    }

    @Test(
        "a signature that is detached, has no protected alg or marks something critical is refused",
        arguments: supported.filter { !$0.isGood } + others.filter { $0.algorithm == "" })
    func refusesForms(vector: JWSVector) throws {
        // One of them was made with a key of a kind that is not there yet; its form is looked at before any key.
        let key = (try? JWK(vector.jwk)) ?? JWK.generate(.oct)
        let error = #expect(throws: TokenError.self) {
            try JWS.verify(vector.compact, with: KeySet([try VerificationKey(key)]))
        }
        switch vector.name {
        // Its payload is not there, and the signature is over one.
        case "rfc7520-4_5": #expect(error == .badSignature)
        case "rfc7520-4_7/0", "rfc7520-4_8/1": #expect(error == .malformed)
        case "rfc7797-4.2": #expect(error == .critical)
        default: Issue.record("no answer is written down for \(vector.name)")
        }
    }

    @Test("`none` is refused with every key", arguments: others.filter { $0.algorithm == "none" }, JWK.Kind.allCases)
    func refusesNone(vector: JWSVector, kind: JWK.Kind) throws {
        let keys = KeySet([SigningKey.fresh(kind).verificationKey])
        let expected: TokenError = vector.name == "rfc7515-appE" ? .critical : .wrongAlgorithm
        #expect(throws: expected) { try JWS.verify(vector.compact, with: keys) }
        #expect(throws: JWKError.self) { try JWK(vector.jwk) }
    }
}

@Suite("Published JWK vectors")
struct JWKVectorTests {
    private func file() throws -> JSONValue { try JSONValue(parsing: Array(TestFiles.vector("jose_jwk.json"))) }

    @Test("thumbprints are those of RFC 7638 and RFC 8037, and of another program for the other kinds")
    func thumbprints() throws {
        let entries = try #require(try file()["thumbprints"]?.array)
        #expect(entries.count == 5)
        for entry in entries {
            let expected = try #require(entry["sha256"]?.string)
            #expect(try JWK(try #require(entry["jwk"])).thumbprint() == expected)
        }
    }

    @Test("every key of the published sets is read, and written again as it was")
    func keySets() throws {
        var read = 0
        for set in try #require(try file()["jwk_sets"]?.array) {
            for key in try #require(set["jwks"]?["keys"]?.array) {
                let jwk = try JWK(key)
                #expect(jwk.keyID == key["kid"]?.string && jwk.use == key["use"]?.string)
                #expect(try JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8)).isEquivalent(to: key))
                read += 1
            }
        }
        #expect(read == 12)
    }

    @Test("no published key signs for us, nor do keys for encryption verify")
    func unusable() throws {
        for set in try #require(try file()["jwk_sets"]?.array) {
            for key in try #require(set["jwks"]?["keys"]?.array) {
                #expect(throws: JWKError.self) { try SigningKey(try JWK(key)) }
                // With another kid and without alg it is the same key.
                var bare = try JWK(key)
                bare = JWK(material: bare.material, keyID: "mine")
                if bare.isPrivate {
                    let error = #expect(throws: JWKError.self) { try SigningKey(bare) }
                    #expect(error == .published || error == .tooShort(minimumBits: 256))
                }
                guard key["use"] == "enc" || key["alg"] == "A128KW" else { continue }
                #expect(throws: JWKError.self) { try VerificationKey(try JWK(key)) }
            }
        }
    }
}
