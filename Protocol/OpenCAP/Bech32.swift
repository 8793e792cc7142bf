/// The text form of SegWit addresses (BIP-173, BIP-350): a readable part, "1", data in base 32, a checksum.
enum Bech32 {
    /// The two forms differ only in a constant of the checksum.
    enum Form: UInt32 {
        case bech32 = 1
        case bech32m = 0x2bc8_30a3
    }

    struct Content: Equatable {
        /// The readable part in lower case.
        let prefix: String
        /// Five bits each, without the checksum.
        let data: [UInt8]
        let form: Form
    }

    /// BIP-173: "at most 90 characters long".
    private static let maximumLength = 90
    private static let checksumLength = 6

    static func decode(_ characters: [UInt8]) throws(AddressError.Reason) -> Content {
        guard characters.count <= maximumLength else { throw .wrongLength }
        // BIP-173: the readable part has printable ASCII characters.
        if let strange = characters.firstIndex(where: { !(33...126).contains($0) }) {
            throw .invalidCharacter(position: strange + 1)
        }
        let lowerCase = try foldCase(characters)
        // BIP-173: the last "1" is the separator; base 32 has none.
        guard let separator = lowerCase.lastIndex(of: UInt8(ascii: "1")), separator > 0 else { throw .wrongPrefix }
        let data = try Base32.values(lowerCase[(separator + 1)...])
        guard data.count >= checksumLength else { throw .wrongLength }
        let prefix = lowerCase[..<separator]
        let checked = prefix.map { $0 >> 5 } + [0] + prefix.map { $0 & 31 } + data
        guard let form = Form(rawValue: remainder(checked)) else { throw .checksum }
        return Content(
            prefix: String(decoding: prefix, as: UTF8.self), data: data.dropLast(checksumLength), form: form)
    }

    /// The characters in lower case.
    static func foldCase(_ characters: [UInt8]) throws(AddressError.Reason) -> [UInt8] {
        let (upper, lower) = (UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"))
        guard characters.contains(where: upper.contains) else { return characters }
        guard !characters.contains(where: lower.contains) else { throw .mixedCase }
        return characters.map { upper.contains($0) ? $0 + 32 : $0 }
    }

    /// The remainder of the data, taken as a polynomial over GF(32), by the generator of BIP-173.
    private static func remainder(_ values: [UInt8]) -> UInt32 {
        let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
        var remainder: UInt32 = 1
        for value in values {
            let top = remainder >> 25
            remainder = (remainder & 0x1ff_ffff) << 5 ^ UInt32(value)
            for (bit, term) in generator.enumerated() where top >> bit & 1 == 1 { remainder ^= term }
        }
        return remainder
    }
}
