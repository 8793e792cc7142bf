/// Base64 with padding (RFC 4648 §4), strict: no other characters, no missing padding, no stray bits.
package enum Base64 {
    private static let coder = RadixCoder(
        alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", isPadded: true)

    package static func encode(_ bytes: [UInt8]) -> String { coder.encode(bytes) }

    /// - Returns: nil unless the text is what `encode` makes of some octets.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? { coder.decode(String(text)) }
}

/// Base64url without padding (RFC 4648 §5, as RFC 7515 §2 uses it), as strict.
package enum Base64URL {
    private static let coder = RadixCoder(
        alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", isPadded: false)

    package static func encode(_ bytes: [UInt8]) -> String { coder.encode(bytes) }

    /// - Returns: nil unless the text is what `encode` makes of some octets.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? { coder.decode(String(text)) }
    package static func decode(_ octets: some Collection<UInt8>) -> [UInt8]? { coder.decode(ArraySlice(octets)) }
    package static func decode(_ octets: ArraySlice<UInt8>) -> [UInt8]? { coder.decode(octets) }
}

/// Six bits to a character.
private struct RadixCoder: Sendable {
    private static let none: UInt8 = 0xff

    private let characters: [UInt8]
    /// 256 entries.
    private let values: [UInt8]
    private let isPadded: Bool

    init(alphabet: String, isPadded: Bool) {
        characters = Array(alphabet.utf8)
        var values = [UInt8](repeating: Self.none, count: 256)
        for (value, character) in characters.enumerated() { values[Int(character)] = UInt8(value) }
        self.values = values
        self.isPadded = isPadded
    }

    func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index + 2 < bytes.count {
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            text.append(characters[Int(group >> 18)])
            text.append(characters[Int(group >> 12 & 63)])
            text.append(characters[Int(group >> 6 & 63)])
            text.append(characters[Int(group & 63)])
            index += 3
        }
        let left = bytes.count - index
        if left > 0 {
            let group = UInt32(bytes[index]) << 16 | (left == 2 ? UInt32(bytes[index + 1]) << 8 : 0)
            for position in 0...left { text.append(characters[Int(group >> UInt32(18 - 6 * position) & 63)]) }
            if isPadded { text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - left)) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8)[...]) }

    func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var octets = text
        if isPadded {
            guard octets.count % 4 == 0 else { return nil }
            for _ in 0..<2 where octets.last == UInt8(ascii: "=") { octets.removeLast() }
        }
        guard octets.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(octets.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for octet in octets {
            let value = values[Int(octet)]
            guard value != Self.none else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        // Bits that are left over must be zero, or two texts would mean the same octets.
        guard buffer & (1 << bits - 1) == 0 else { return nil }
        return bytes
    }
}
