import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import Testing
import WebTokens

/// One signature of `jose_jws.json` or `jose_jwt_io.json`, in compact form. Signatures that the file has in JSON form (RFC 7515 §7.2) are
/// joined to it, which is the same thing as long as all of the header is protected.
struct JWSVector: Sendable, CustomTestStringConvertible {
    let name: String
    /// `alg` of the protected header; empty when it is not there.
    let algorithm: String
    let compact: String
    /// The key that made it.
    let jwk: JSONValue
    /// What the file says: whether a verifier should take it. One that is detached or has `crit` should not be taken as
    /// it is.
    let isGood: Bool

    var testDescription: String { name }

    static let all: [JWSVector] = {
        do { return try ["jose_jws.json", "jose_jwt_io.json"].flatMap(read) } catch {
            fatalError("a file of vectors: \(error)")
        }
    }()

    static func with(_ algorithm: JWSAlgorithm) -> [JWSVector] { all.filter { $0.algorithm == algorithm.rawValue } }

    private static func read(_ name: String) throws -> [JWSVector] {
        let file = try JSONValue(parsing: Array(TestFiles.vector(name)))
        var found: [JWSVector] = []
        for entry in try #require(file["compact"]?.array) {
            let jwk = try #require(entry["jwk"])
            found.append(try JWSVector(try text(entry, "id"), try text(entry, "compact"), jwk, entry["expected"]))
        }
        for entry in file["json"]?.array ?? [] {
            let id = try text(entry, "id")
            let keys = entry["jwks"]?["keys"]?.array ?? []
            if let compact = entry["compact"]?.string {
                found.append(try JWSVector(id, compact, try key(for: compact, of: keys), entry["expected"]))
            }
            guard let json = entry["json"], let signatures = json["signatures"]?.array ?? [json] as [JSONValue]? else {
                continue
            }
            for (number, part) in signatures.enumerated() where part["signature"] != nil {
                let pieces = [part["protected"], json["payload"], part["signature"]]
                let compact = pieces.map { $0?.string ?? "" }.joined(separator: ".")
                let vector = try JWSVector(
                    "\(id)/\(number)", compact, try key(for: compact, named: part["header"]?["kid"]?.string, of: keys),
                    entry["expected"])
                // Several have the compact form and this one.
                if !found.contains(where: { $0.compact == compact }) { found.append(vector) }
            }
        }
        return found
    }

    private init(_ name: String, _ compact: String, _ jwk: JSONValue, _ expected: JSONValue?) throws {
        self.name = name
        self.compact = compact
        self.jwk = jwk
        let header = Self.header(of: compact)
        algorithm = header?["alg"]?.string ?? ""
        let isDetached = compact.contains("..") || !(compact.first.map { $0 != "." } ?? false)
        isGood = expected?.string?.hasPrefix("valid") == true && !isDetached && header?["crit"] == nil
    }

    /// The one that `kid` or, without, the algorithm asks for.
    private static func key(for compact: String, named given: String? = nil, of keys: [JSONValue]) throws -> JSONValue {
        let header = header(of: compact)
        let name = header?["kid"]?.string ?? given
        let type = ["H": "oct", "R": "RSA", "P": "RSA", "E": "EC"][header?["alg"]?.string?.first]
        return keys.first { ($0["kid"]?.string == name || name == nil) && ($0["kty"]?.string == type || type == nil) }
            ?? ["kty": "oct", "k": ""]
    }

    private static func header(of compact: String) -> JSONValue? {
        Base64URL.decode(compact.prefix { $0 != "." }).flatMap { try? JSONValue(parsing: $0) }
    }

    private static func text(_ entry: JSONValue, _ name: String) throws -> String { try #require(entry[name]?.string) }
}
