import GatehouseCryptography
import GatehouseJSON

/// Reads the members of a JWK strictly.
struct JWKMembers {
    private let value: JSONValue

    /// - Parameter value: an object.
    init(_ value: JSONValue) { self.value = value }

    func has(_ name: String) -> Bool { value[name] != nil }

    func text(_ name: String) throws(JWKError) -> String {
        guard let text = try optionalText(name) else { throw .malformed("The member \(name) is missing.") }
        return text
    }

    func optionalText(_ name: String) throws(JWKError) -> String? {
        guard let member = value[name] else { return nil }
        guard let text = member.string else { throw .malformed("The member \(name) must be a string.") }
        return text
    }

    /// Strings of which none is there twice, as RFC 7517 §4.3 wants it.
    func optionalTexts(_ name: String) throws(JWKError) -> [String]? {
        guard let member = value[name] else { return nil }
        let texts = (member.array ?? []).compactMap(\.string)
        guard let array = member.array, texts.count == array.count, Set(texts).count == texts.count else {
            throw .malformed("The member \(name) must be an array of different strings.")
        }
        return texts
    }

    /// A number as RFC 7518 §2 writes it: big-endian, in as few octets as it needs.
    func number(_ name: String) throws(JWKError) -> [UInt8] {
        let octets = try octets(name)
        guard let first = octets.first, first != 0 else {
            throw .malformed("The member \(name) must be a positive number without leading zeros.")
        }
        return octets
    }

    func octets(_ name: String) throws(JWKError) -> [UInt8] {
        guard let octets = Base64URL.decode(try text(name)) else {
            throw .malformed("The member \(name) must be base64url without padding.")
        }
        return octets
    }
}
