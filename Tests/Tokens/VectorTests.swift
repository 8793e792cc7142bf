import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import Testing

@testable import WebTokens

@Suite("Published JOSE vectors")
struct VectorTests {
    /// Algorithms of the vectors that this library does not have yet. Whoever adds one takes it out here, and the tests
    /// below want its vectors to verify.
    static let notYet = ["ES256", "ES512", "PS384", "RS256"]

    static let supported = JWSVector.all.filter { JWSAlgorithm(rawValue: $0.algorithm) != nil }
    static let good = supported.filter(\.isGood)
    static let others = JWSVector.all.filter { JWSAlgorithm(rawValue: $0.algorithm) == nil }

    @Test("the vectors of each algorithm are all there")
    func coverage() {
        #expect(
            Set(Self.good.map(\.name)) == [
                "rfc7515-a1", "rfc8037-a4", "rfc7520-4_4", "rfc7520-4_6/0", "rfc7797-4.1",
            ])
        #expect(Set(Self.others.map(\.algorithm)).subtracting(["none", ""]) == Set(Self.notYet))
        #expect(Self.others.filter { Self.notYet.contains($0.algorithm) }.count == 7)
        #expect(JWSVector.all.filter { $0.algorithm == "none" }.map(\.name) == ["rfc7515-a5", "rfc7515-appE"])
    }

    @Test("a published signature verifies", arguments: good)
    func verifies(vector: JWSVector) throws {
        let key = try VerificationKey(try JWK(vector.jwk))
        let verified = try JWS.verify(vector.compact, with: KeySet([key]))
        #expect(verified.keyID == key.keyID)
        #expect(Base64URL.encode(verified.payload) == vector.compact.split(separator: ".")[1])
    }

    @Test("signing the same again gives the same signature", arguments: good)
    func signs(vector: JWSVector) throws {
        // Both algorithms are deterministic. `SigningKey` would refuse these keys, because they are published.
        let jwk = try JWK(vector.jwk)
        let key = try JWSAlgorithm.allCases.first { $0.rawValue == vector.algorithm }?.keyType.init(jwk)
        let parts = vector.compact.split(separator: ".")
        let signature = try key?.sign(Array("\(parts[0]).\(parts[1])".utf8))
        #expect(signature.map(Base64URL.encode) == String(parts[2]))
    }

    @Test(
        "a published signature verifies no more after any one character was changed, or with another key",
        arguments: good)
    func refusesChanges(vector: JWSVector) throws {
        let jwk = try JWK(vector.jwk)
        let keys = KeySet([try VerificationKey(jwk)])
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
        let other = JWK(material: jwk.isAsymmetric ? JWK.Kind.ed25519.make() : JWK.Kind.oct.make(), keyID: jwk.keyID)
        #expect(throws: TokenError.badSignature) {
            try JWS.verify(vector.compact, with: KeySet([try VerificationKey(other)]))
        }
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

    @Test(
        "algorithms that are not there yet are refused, and their keys as unsupported",
        arguments: others.filter { notYet.contains($0.algorithm) })
    func refusesOthers(vector: JWSVector) throws {
        let error = #expect(throws: JWKError.self) { try JWK(vector.jwk) }
        #expect(error == .unsupported("the key type \(vector.algorithm.hasPrefix("E") ? "EC" : "RSA")"))
        let named = try JSONValue(parsing: try #require(Base64URL.decode(vector.compact.prefix { $0 != "." })))["kid"]
        let jwk = JWK(material: JWK.Kind.oct.make(), keyID: named?.string)
        let keys = KeySet([try SigningKey(jwk).verificationKey])
        #expect(throws: TokenError.wrongAlgorithm) { try JWS.verify(vector.compact, with: keys) }
    }
}

@Suite("Published JWK vectors")
struct JWKVectorTests {
    private func file() throws -> JSONValue { try JSONValue(parsing: Array(TestFiles.vector("jose_jwk.json"))) }

    @Test("thumbprints are those of RFC 7638 and RFC 8037; key types that are not there yet are refused as unsupported")
    func thumbprints() throws {
        var checked: [String] = []
        var refused: [String] = []
        for entry in try #require(try file()["thumbprints"]?.array) {
            let id = try #require(entry["id"]?.string)
            do {
                let jwk = try JWK(try #require(entry["jwk"]))
                #expect(jwk.thumbprint() == entry["sha256"]?.string)
                checked.append(id)
            } catch JWKError.unsupported { refused.append(id) }
        }
        #expect(checked == ["rfc8037-a3", "derived-oct-rfc7515-a1"])
        #expect(refused == ["rfc7638-3.1", "derived-ec-rfc7515-a3", "derived-ec-rfc7515-a4"])
    }

    @Test("every key of the published sets is read, or refused as a kind that is not supported")
    func keySets() throws {
        var read = 0
        for set in try #require(try file()["jwk_sets"]?.array) {
            for key in try #require(set["jwks"]?["keys"]?.array) {
                do {
                    let jwk = try JWK(key)
                    #expect(key["kty"] == "oct" && jwk.keyID == key["kid"]?.string && jwk.use == key["use"]?.string)
                    #expect(try JSONValue(parsing: Array(jwk.json(includingPrivate: true).utf8)).isEquivalent(to: key))
                    read += 1
                } catch JWKError.unsupported { #expect(key["kty"] == "RSA" || key["kty"] == "EC") }
            }
        }
        #expect(read == 4)
    }

    @Test("no published key signs for us, nor do keys for encryption verify")
    func unusable() throws {
        for set in try #require(try file()["jwk_sets"]?.array) {
            for key in try #require(set["jwks"]?["keys"]?.array) {
                #expect(throws: JWKError.self) { try SigningKey(try JWK(key)) }
                guard key["use"] == "enc" || key["alg"] == "A128KW" else { continue }
                #expect(throws: JWKError.self) { try VerificationKey(try JWK(key)) }
            }
        }
    }
}
