import Foundation
import GatehouseJSON
import GatehouseOpenCAP
import GatehouseTestSupport
import Testing

/// `Tests/Vectors/opencap_addresses.json`; `make_opencap_addresses.py` beside it says where each entry comes from.
enum AddressVectors {
    struct Valid: CustomTestStringConvertible {
        let type: AddressType
        let address: String
        let testDescription: String
    }

    struct Invalid: CustomTestStringConvertible {
        let type: AddressType
        let address: String
        let reason: AddressError.Reason
        let testDescription: String
    }

    static func valid() throws -> [Valid] {
        try section("valid").map {
            Valid(type: try type($0), address: try text("address", $0), testDescription: $0.text)
        }
    }

    static func invalid() throws -> [Invalid] {
        try section("invalid").map {
            Invalid(
                type: try type($0), address: try text("address", $0), reason: try reason(text("reason", $0)),
                testDescription: $0.text)
        }
    }

    static func section(_ name: String) throws -> [JSONValue] {
        let document = try JSONValue(parsing: [UInt8](TestFiles.vector("opencap_addresses.json")))
        return try #require(document[name]?.array)
    }

    static func text(_ name: String, _ entry: JSONValue) throws -> String { try #require(entry[name]?.string) }

    private static func type(_ entry: JSONValue) throws -> AddressType {
        let number = try #require(entry["type"]?.int64)
        return try #require(AddressType(rawValue: Int(number)))
    }

    /// For example `checksum`, `otherType 102`, `invalidCharacter 5`.
    private static func reason(_ text: String) throws -> AddressError.Reason {
        let words = text.split(separator: " ")
        switch words[0] {
        case "otherType":
            let type = Int(words[1]).flatMap(AddressType.init)
            return .otherType(try #require(type))
        case "invalidCharacter":
            let position = try #require(Int(words[1]))
            return .invalidCharacter(position: position)
        default:
            let simple: [String: AddressError.Reason] = [
                "empty": .empty, "tooLong": .tooLong, "mixedCase": .mixedCase, "wrongPrefix": .wrongPrefix,
                "wrongLength": .wrongLength, "checksum": .checksum, "testNetwork": .testNetwork,
                "wrongVersion": .wrongVersion, "unusedBits": .unusedBits, "invalidKey": .invalidKey,
            ]
            return try #require(simple[text])
        }
    }
}

func reason(_ address: String, _ type: AddressType) -> AddressError.Reason? {
    do {
        try type.check(address)
        return nil
    } catch {
        return error.reason
    }
}

func bytes(hex: String) throws -> [UInt8] {
    let digits = Array(hex)
    return try stride(from: 0, to: digits.count, by: 2).map {
        try #require(UInt8(String(digits[$0...$0 + 1]), radix: 16))
    }
}
