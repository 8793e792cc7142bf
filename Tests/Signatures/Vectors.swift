import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import Testing

@testable import HTTPSignatures

/// A message of a file of vectors.
extension SignableMessage {
    init(_ json: JSONValue, to request: JSONValue? = nil) throws {
        let fields = { (name: String) throws -> [Field] in
            try (json[name]?.array ?? []).map { line in
                Field(try #require(line.array?[0].string), try #require(line.array?[1].string))
            }
        }
        if json["kind"]?.string == "response" {
            let answered = try (request ?? json["request"]).map { try SignableMessage($0) }
            self = .response(
                status: try #require(json["status"]?.int64.map(Int.init)), fields: try fields("headers"),
                trailers: try fields("trailers"), to: answered)
        } else {
            self = .request(
                method: try #require(json["method"]?.string), target: try #require(json["target"]?.string),
                scheme: json["scheme"]?.string ?? "https", fields: try fields("headers"),
                trailers: try fields("trailers"))
        }
    }
}

/// One entry of a file of vectors.
struct Vector: Sendable, CustomTestStringConvertible {
    let id: String
    let json: JSONValue

    var testDescription: String { id }

    func text(_ name: String) throws -> String { try #require(json[name]?.string, "\(id) has no \(name)") }
    func message() throws -> SignableMessage { try SignableMessage(try #require(json["message"]), to: json["request"]) }

    static func file(_ name: String) throws -> JSONValue { try JSONValue(parsing: Array(TestFiles.vector(name))) }

    static func all(_ file: String, _ list: String) -> [Vector] {
        do {
            return try #require(try Self.file(file)[list]?.array).enumerated().map { index, json in
                Vector(id: json["id"]?.string ?? "\(list)-\(index)", json: json)
            }
        } catch { fatalError("\(file): \(error)") }
    }
}

func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Expects a refusal for this reason and no other.
func expectRefusal(
    _ reason: SignatureRefusal.Reason, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> some Any
) {
    let refusal = #expect(throws: SignatureRefusal.self, sourceLocation: sourceLocation) { _ = try body() }
    #expect(refusal?.reason == reason, sourceLocation: sourceLocation)
}
