import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import WebTokens

/// These fail when somebody adds an algorithm or a kind of key and forgets one of its partners.
@Suite("The tables of algorithms and kinds of keys")
struct AlgorithmTests {
    /// One key of each kind, since making an RSA key takes long.
    static let keys: [JWK.Kind: JWK] = Dictionary(uniqueKeysWithValues: JWK.Kind.allCases.map { ($0, .generate($0)) })

    @Test("every algorithm has a published vector that verifies", arguments: JWSAlgorithm.allCases)
    func hasVectors(algorithm: JWSAlgorithm) {
        #expect(JWSVector.with(algorithm).contains { $0.isGood })
    }

    @Test("every algorithm has vectors that must be refused", arguments: JWSAlgorithm.allCases)
    func hasRefusedVectors(algorithm: JWSAlgorithm) {
        #expect(RefusedVector.all.filter { $0.algorithm == algorithm.rawValue }.count >= 3)
    }

    @Test("a key made for an algorithm is bound to it, and signs and verifies", arguments: JWSAlgorithm.allCases)
    func signs(algorithm: JWSAlgorithm) throws {
        let jwk = JWK.generate(for: algorithm)
        #expect(jwk.algorithm == algorithm.rawValue && jwk.use == "sig" && jwk.keyID == jwk.thumbprint())
        let key = try SigningKey(jwk)
        #expect(key.algorithm == algorithm)
        let signature = try key.key.sign([1, 2, 3])
        #expect(key.key.isValid(signature, for: [1, 2, 3]))
        #expect(!key.key.isValid(signature, for: [1, 2]))
        #expect(!key.key.isValid(Array(signature.dropLast()), for: [1, 2, 3]))
        #expect(!key.key.isValid([], for: [1, 2, 3]))
        for other in JWSAlgorithm.allCases where other != algorithm {
            #expect(throws: JWKError.wrongAlgorithm(other.rawValue)) { try SigningKey(jwk, algorithm: other) }
        }
    }

    @Test("a key verifies what its public half, as we show it, verifies", arguments: JWSAlgorithm.allCases)
    func shows(algorithm: JWSAlgorithm) throws {
        let key = try SigningKey(JWK.generate(for: algorithm))
        let token = try JWS.sign([7], type: "x", with: key)
        guard let shown = key.publicJWK else {
            #expect(algorithm.rawValue.hasPrefix("HS"))
            return
        }
        let keys = try KeySet(parsingPublicKeys: Array(#"{"keys":[\#(shown)]}"#.utf8))
        #expect(try JWS.verify(token, with: keys).keyID == key.keyID)
    }

    @Test(
        "a key without alg carries the algorithms that its kind is for, and no other",
        arguments: [
            (.oct, [.hs256]), (.rsa, [.rs256, .ps256, .ps384]), (.p256, [.es256]), (.p384, [.es384]),
            (.ed25519, [.edDSA]),
        ] as [(JWK.Kind, [JWSAlgorithm])])
    func isBound(kind: JWK.Kind, algorithms: [JWSAlgorithm]) throws {
        let jwk = JWK(material: try #require(Self.keys[kind]).material)
        for algorithm in JWSAlgorithm.allCases {
            if algorithms.contains(algorithm) {
                #expect(try SigningKey(jwk, algorithm: algorithm).algorithm == algorithm)
            } else if let bits = [.hs384: 384, .hs512: 512][algorithm], kind == .oct {
                // RFC 7518 §3.2
                #expect(throws: JWKError.tooShort(minimumBits: bits)) { try SigningKey(jwk, algorithm: algorithm) }
            } else {
                #expect(throws: JWKError.wrongAlgorithm(algorithm.rawValue)) {
                    try SigningKey(jwk, algorithm: algorithm)
                }
            }
        }
        #expect(try SigningKey(jwk).algorithm == algorithms[0])
    }

    @Test("every kind of key is in the table of kinds and reads back as it was written", arguments: JWK.Kind.allCases)
    func readsBack(kind: JWK.Kind) throws {
        let jwk = try #require(Self.keys[kind])
        #expect(try JWK(parsing: Array(jwk.json(includingPrivate: true).utf8)) == jwk)
        let material = type(of: jwk.material)
        #expect(KeyTypes.all.contains { $0.keyType == material.keyType })
        #expect(jwk.isPrivate && jwk.isAsymmetric == (kind != .oct))
    }

    @Test(
        "the required members of each kind hold its kty and none of its secrets, unless it is nothing but a secret",
        arguments: JWK.Kind.allCases)
    func members(kind: JWK.Kind) throws {
        let material = try #require(Self.keys[kind]).material
        #expect(material.thumbprintMembers["kty"]?.string == type(of: material).keyType)
        #expect(!material.privateMembers.isEmpty)
        if material.isAsymmetric {
            #expect(Set(material.privateMembers.keys).isDisjoint(with: material.thumbprintMembers.keys))
        }
    }

    @Test("names of algorithms are those of RFC 7518 and RFC 8037, and none is `none`")
    func names() {
        #expect(
            JWSAlgorithm.allCases.map(\.rawValue) == [
                "HS256", "HS384", "HS512", "RS256", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA",
            ])
        for name in ["none", "None", "", "hs256", "HS256 ", "RS1", "HS1", "RSA-OAEP", "ES256K"] {
            #expect(JWSAlgorithm(rawValue: name) == nil)
        }
    }
}
