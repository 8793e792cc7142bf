internal import GatehouseCryptography

/// Bitcoin's older text form for bytes: base 58, with a checksum at the end.
enum Base58Check {
    /// The bytes without their checksum.
    ///
    /// Takes time with the square of the length, so callers bound that first (`AddressType.maximumLength`).
    /// - Parameter count: how many bytes there must be, without the checksum.
    static func decode(_ characters: [UInt8], count: Int) throws(AddressError.Reason) -> [UInt8] {
        let length = count + checksumLength
        // A byte takes 1.366 digits, one that is zero at the beginning takes one. Cheaper than finding out afterwards.
        guard characters.count >= length, characters.count <= length * 138 / 100 + 1 else { throw .wrongLength }
        let bytes = try base58(characters)
        // Before the checksum: that of a cut-off address cannot match either, but the length is the reason.
        guard bytes.count == length else { throw .wrongLength }
        let content = Array(bytes.dropLast(checksumLength))
        // The checksum is the beginning of SHA-256, applied twice.
        guard Digest.sha256(Digest.sha256(content)).starts(with: bytes.suffix(checksumLength)) else { throw .checksum }
        return content
    }

    private static let checksumLength = 4

    /// A number in base 58 as bytes, most significant first. Each leading "1" (the digit zero) stands for a zero byte.
    private static func base58(_ characters: [UInt8]) throws(AddressError.Reason) -> [UInt8] {
        let zeros = characters.prefix { $0 == UInt8(ascii: "1") }.count
        var number: [UInt8] = []  // least significant byte first
        for (index, character) in characters.enumerated() {
            guard let digit = digits[character] else { throw .invalidCharacter(position: index + 1) }
            var carry = Int(digit)
            for place in number.indices {
                carry += Int(number[place]) * 58
                number[place] = UInt8(truncatingIfNeeded: carry)
                carry >>= 8
            }
            if carry > 0 { number.append(UInt8(carry)) }
        }
        return [UInt8](repeating: 0, count: zeros) + number.reversed()
    }

    /// Digits and letters without `0`, `O`, `I` and `l`, which are easily confused.
    private static let digits = CharacterValues("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
}
