internal import GatehouseJSON

/// Values that no report may show. In their place stands the variable that holds them: `{{alice.token}}`.
package struct Secrets: Sendable {
    private var names: [String: String] = [:]

    /// - Parameter variables: the caller's; those whose names say so are secrets.
    package init(variables: [String: String] = [:]) {
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) where VariableName.isSecret(name) {
            add(value, named: name)
            // The private members of a JWK are secrets by themselves (RFC 7518 §6.2.2, §6.3.2, §6.4).
            let key = try? JSONValue(parsing: Array(value.utf8))
            for member in ["k", "d", "p", "q", "dp", "dq", "qi"] {
                if let part = key?[member]?.string { add(part, named: "\(name).\(member)") }
            }
        }
    }

    /// Adds a value that is a secret whatever its name.
    package mutating func add(_ value: String, named name: String) {
        guard !value.isEmpty, names[value] == nil else { return }
        names[value] = name
    }

    /// Adds a value if its name or its look says that it is a secret.
    mutating func addIfSecret(_ value: String, named name: String) {
        // A shorter value is no secret, and masking it would make reports unreadable.
        guard value.utf8.count >= 4, VariableName.isSecret(name) || Self.looksLikeToken(value) else { return }
        add(value, named: name)
    }

    /// The text with every secret replaced, also where it is percent-encoded or stands in JSON, and with every token,
    /// known or not.
    package func masking(_ text: String) -> String {
        var text = text
        // Longer ones first: one secret can contain another.
        for (value, name) in names.sorted(by: { ($0.key.utf8.count, $0.key) > ($1.key.utf8.count, $1.key) }) {
            for form in Self.forms(of: value) { text = text.replacing(form, with: "{{\(name)}}") }
        }
        return Self.maskingTokens(in: text)
    }

    /// The ways in which a value appears in requests and answers.
    private static func forms(of value: String) -> [String] {
        let inJSON = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return [
            value, PercentEncoding.encode(value), PercentEncoding.encode(value).lowercased(), inJSON,
            inJSON.replacing("/", with: "\\/"),
        ].withoutRepeats()
    }

    /// Whether the text is a compact JWS or JWE: three or five parts in base64url, of which the first begins as an
    /// encoded JSON object does (RFC 7515 §7.1).
    static func looksLikeToken(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return (parts.count == 3 || parts.count == 5) && text.hasPrefix("eyJ")
            && parts.allSatisfy { $0.utf8.allSatisfy(isBase64URL) }
    }

    private static func maskingTokens(in text: String) -> String {
        guard text.contains("eyJ") else { return text }
        var result = ""
        var run = ""
        func flush() {
            // Dots at the end may belong to a sentence; a token without signature ends in one.
            var core = run
            while core.hasSuffix("."), !looksLikeToken(core) { core.removeLast() }
            result += looksLikeToken(core) ? "{{a token}}" + run.dropFirst(core.count) : run
            run = ""
        }
        for character in text {
            if let byte = character.utf8.first, character.utf8.count == 1,
                isBase64URL(byte) || byte == UInt8(ascii: ".")
            {
                run.append(character)
            } else {
                flush()
                result.append(character)
            }
        }
        flush()
        return result
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Percent-encoding (RFC 3986 §2.1).
enum PercentEncoding {
    /// Everything but the unreserved characters (RFC 3986 §2.3) is encoded.
    static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (byte < 16 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
