import GatehouseCryptography
import GatehouseJSON
import Testing

@testable import WebTokens

/// These fail when somebody adds an algorithm or a kind of key and forgets one of its partners.
@Suite("The tables of algorithms and kinds of keys")
struct AlgorithmTests {
    @Test("every algorithm has a published vector that verifies", arguments: JWSAlgorithm.allCases)
    func hasVectors(algorithm: JWSAlgorithm) {
        #expect(JWSVector.with(algorithm).contains { $0.isGood })
    }

    @Test(
        "every algorithm has a kind of key that it is natural for, and signs and verifies with it",
        arguments: JWSAlgorithm.allCases)
    func signs(algorithm: JWSAlgorithm) throws {
        let kinds = JWK.Kind.allCases.filter { $0.make().naturalAlgorithm == algorithm }
        #expect(!kinds.isEmpty)
        for kind in kinds {
            let key = try SigningKey(JWK.generate(kind), algorithm: algorithm)
            #expect(key.algorithm == algorithm)
            let signature = try key.key.sign([1, 2, 3])
            #expect(key.key.isValid(signature, for: [1, 2, 3]))
            #expect(!key.key.isValid(signature, for: [1, 2]))
            #expect(!key.key.isValid(Array(signature.dropLast()), for: [1, 2, 3]))
            #expect(!key.key.isValid([], for: [1, 2, 3]))
        }
    }

    @Test("no key carries the algorithm of another kind", arguments: JWSAlgorithm.allCases, JWK.Kind.allCases)
    func isBound(algorithm: JWSAlgorithm, kind: JWK.Kind) throws {
        let jwk = JWK(material: kind.make())
        if jwk.material.naturalAlgorithm == algorithm {
            #expect(throws: Never.self) { try SigningKey(jwk, algorithm: algorithm) }
        } else {
            #expect(throws: JWKError.wrongAlgorithm(algorithm.rawValue)) { try SigningKey(jwk, algorithm: algorithm) }
        }
    }

    @Test("every kind of key is in the table of kinds and reads back as it was written", arguments: JWK.Kind.allCases)
    func readsBack(kind: JWK.Kind) throws {
        let jwk = JWK.generate(kind)
        #expect(try JWK(parsing: Array(jwk.json(includingPrivate: true).utf8)) == jwk)
        let material = type(of: jwk.material)
        #expect(KeyTypes.all.contains { $0.keyType == material.keyType })
        #expect(jwk.isPrivate && jwk.isAsymmetric == (kind != .oct))
    }

    @Test(
        "the required members of each kind hold its kty and none of its secrets, unless it is nothing but a secret",
        arguments: JWK.Kind.allCases)
    func members(kind: JWK.Kind) {
        let material = kind.make()
        #expect(material.thumbprintMembers["kty"]?.string == type(of: material).keyType)
        #expect(!material.privateMembers.isEmpty)
        if material.isAsymmetric {
            #expect(Set(material.privateMembers.keys).isDisjoint(with: material.thumbprintMembers.keys))
        }
    }

    @Test("names of algorithms are those of RFC 7518 and RFC 8037, and none is `none`")
    func names() {
        #expect(JWSAlgorithm.allCases.map(\.rawValue) == ["HS256", "EdDSA"])
        for name in ["none", "None", "", "hs256", "HS256 ", "HS384"] { #expect(JWSAlgorithm(rawValue: name) == nil) }
    }
}
