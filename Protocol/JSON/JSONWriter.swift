/// Appends JSON to a byte buffer without building a tree first; for answers on hot paths.
///
/// The writer escapes strings but does not watch over commas and braces: what `raw` is given must be right.
package struct JSONWriter: Sendable {
    package var bytes: [UInt8]

    /// - Parameter capacity: bytes to set aside at once, so that the buffer does not have to grow.
    package init(reserving capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Appends punctuation and constant JSON.
    package mutating func raw(_ json: StaticString) {
        guard json.hasPointerRepresentation else {
            bytes.append(contentsOf: "\(json)".utf8)
            return
        }
        // The buffer of a literal lives as long as the program, and is only read during the call.
        json.withUTF8Buffer { literal in unsafe bytes.append(contentsOf: literal) }
    }

    /// Appends text that is JSON already, for example as it comes from the store. Never a stranger's text.
    @_disfavoredOverload
    package mutating func raw(_ json: String) {
        bytes.append(contentsOf: json.utf8)
    }

    /// Appends a string with its quotes. Escapes what RFC 8259 §7 demands and nothing else.
    package mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        let start = bytes.count
        // Copied whole and looked at in place: strings that need an escape are rare.
        bytes.append(contentsOf: text.utf8)
        var position = start
        while position < bytes.count, !Self.needsEscape(bytes[position]) { position += 1 }
        if position < bytes.count {
            let rest = Array(bytes[position...])
            bytes.removeSubrange(position...)
            for byte in rest { appendEscaped(byte) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a whole number.
    package mutating func integer(_ number: Int64) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var count = 1
        var bound: UInt64 = 10
        // 19 digits are the most that Int64 has, so `bound` cannot overflow.
        while count < 19, rest >= bound {
            count += 1
            bound &*= 10
        }
        let start = bytes.count
        for _ in 0..<count { bytes.append(0) }
        for place in stride(from: start + count - 1, through: start, by: -1) {
            bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Appends a value with everything in it, compactly.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: raw("null")
        case .bool(let flag): flag ? raw("true") : raw("false")
        case .number(let number): bytes.append(contentsOf: number.text.utf8)
        case .string(let text): string(text)
        case .array(let elements):
            raw("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { raw(",") }
                self.value(element)
            }
            raw("]")
        case .object(let members):
            raw("{")
            for (index, member) in members.enumerated() {
                if index > 0 { raw(",") }
                string(member.name)
                raw(":")
                self.value(member.value)
            }
            raw("}")
        }
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x08: raw("\\b")
        case 0x09: raw("\\t")
        case 0x0A: raw("\\n")
        case 0x0C: raw("\\f")
        case 0x0D: raw("\\r")
        case 0..<0x20:
            raw("\\u00")
            bytes.append(Self.hexDigit(byte >> 4))
            bytes.append(Self.hexDigit(byte & 0xF))
        default: bytes.append(byte)
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
