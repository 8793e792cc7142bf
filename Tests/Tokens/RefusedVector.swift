import Foundation
import GatehouseJSON
import GatehouseTestSupport
import Testing

/// One signature of `jose_refused.json`: nearly right, and to be refused.
struct RefusedVector: Sendable, CustomTestStringConvertible {
    let algorithm: String
    /// What is wrong with it.
    let reason: String
    let compact: String
    let jwk: JSONValue
    /// By the same key, over the same, and right.
    let valid: String

    var testDescription: String { "\(algorithm): \(reason)" }

    static let all: [RefusedVector] = {
        do { return try read() } catch { fatalError("jose_refused.json: \(error)") }
    }()

    private static func read() throws -> [RefusedVector] {
        let file = try JSONValue(parsing: Array(TestFiles.vector("jose_refused.json")))
        var found: [RefusedVector] = []
        for entry in try #require(file["algorithms"]?.array) {
            let (algorithm, valid) = (try #require(entry["alg"]?.string), try #require(entry["valid"]?.string))
            let jwk = try #require(entry["jwk"])
            for refused in try #require(entry["refused"]?.array) {
                let (reason, compact) = (refused["why"]?.string, refused["compact"]?.string)
                found.append(
                    RefusedVector(
                        algorithm: algorithm, reason: try #require(reason), compact: try #require(compact), jwk: jwk,
                        valid: valid))
            }
        }
        return found
    }
}
