import Foundation
import GatehouseJSON
import GatehouseTestSupport
import Testing

@testable import WebTokens

/// One compact JWS of `jose_jws.json`.
struct CompactVector: CustomTestStringConvertible, Sendable {
    let id: String
    let algorithm: String
    let jwk: JSONValue
    let compact: String
    let payload: String
    let header: String
    let isDeterministic: Bool
    var testDescription: String { id }

    static let all: [CompactVector] = {
        let file = try! JSONValue(parsing: Array(TestFiles.vector("jose_jws.json")))
        return file["compact"]!.array!.map { entry in
            CompactVector(
                id: entry["id"]!.string!, algorithm: entry["alg"]!.string!, jwk: entry["jwk"]!,
                compact: entry["compact"]!.string!, payload: entry["payload_b64u"]!.string!,
                header: entry["protected"]!.string!, isDeterministic: entry["deterministic"]!.bool!)
        }
    }()

    static let supported = all.filter { JWSAlgorithm(rawValue: $0.algorithm) != nil }
    static let others = all.filter { JWSAlgorithm(rawValue: $0.algorithm) == nil }
}

@Suite("Published JOSE vectors")
struct VectorTests {
    @Test("a published token verifies and its payload comes out", arguments: CompactVector.supported)
    func verifies(vector: CompactVector) throws {
        let key = try VerificationKey(try JWK(vector.jwk))
        let verified = try JWS.verify(vector.compact, with: KeySet([key]))
        #expect(verified.payload == Array(Data(base64URL: vector.payload)!))
    }

    @Test("a published token verifies no more after any one character was changed", arguments: CompactVector.supported)
    func refusesChanges(vector: CompactVector) throws {
        let key = try VerificationKey(try JWK(vector.jwk))
        let octets = Array(vector.compact.utf8)
        for index in octets.indices where octets[index] != UInt8(ascii: ".") {
            var changed = octets
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: TokenError.self) {
                try JWS.verify(String(decoding: changed, as: UTF8.self), with: KeySet([key]))
            }
        }
    }

    @Test("`none` and algorithms that are not there yet are refused with every key", arguments: CompactVector.others)
    func refuses(vector: CompactVector) throws {
        let keys = KeySet([SigningKey.fresh(.oct).verificationKey])
        #expect(throws: TokenError.wrongAlgorithm) { try JWS.verify(vector.compact, with: keys) }
        #expect(throws: JWKError.self) { try VerificationKey(try JWK(vector.jwk)) }
    }

    @Test("thumbprints of the key kinds that we have are those of RFC 7638 and RFC 8037")
    func thumbprints() throws {
        let file = try JSONValue(parsing: Array(TestFiles.vector("jose_jwk.json")))
        var checked = 0
        for entry in try #require(file["thumbprints"]?.array) {
            guard let jwk = try? JWK(try #require(entry["jwk"])) else { continue }
            #expect(jwk.thumbprint() == entry["sha256"]?.string)
            checked += 1
        }
        #expect(checked == 2)
    }

    @Test("every key of the published sets is read, or refused as a kind that is not supported")
    func keySets() throws {
        let file = try JSONValue(parsing: Array(TestFiles.vector("jose_jwk.json")))
        for set in try #require(file["jwk_sets"]?.array) {
            for key in try #require(set["jwks"]?["keys"]?.array) {
                do { _ = try JWK(key) } catch {
                    guard case .unsupported = error else {
                        Issue.record("\(error)")
                        continue
                    }
                }
            }
        }
    }
}

extension Data {
    fileprivate init?(base64URL text: String) {
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: standard + String(repeating: "=", count: (4 - standard.count % 4) % 4))
    }
}
