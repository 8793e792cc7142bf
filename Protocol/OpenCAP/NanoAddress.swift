/// A Nano address: a public key of 32 bytes and a checksum in Nano's base 32, behind `nano_` or the older `xrb_`
/// (<https://docs.nano.org/integration-guides/the-basics/>).
///
/// Every 32 bytes are accepted as a key, as in Nano itself: its burn address is made of zeros.
enum NanoAddress {
    private static let prefixes = [Array("nano_".utf8), Array("xrb_".utf8)]
    /// Without `0`, `2`, `l` and `v`. Upper case is not known to Nano.
    private static let alphabet = CharacterValues("13456789abcdefghijkmnopqrstuwxyz")
    private static let keyLength = 52
    private static let checksumLength = 8

    static func check(_ characters: [UInt8]) throws(AddressError.Reason) {
        guard let prefix = prefixes.first(where: characters.starts(with:)) else { throw .wrongPrefix }
        var values: [UInt8] = []
        for index in prefix.count..<characters.count {
            guard let value = alphabet[characters[index]] else { throw .invalidCharacter(position: index + 1) }
            values.append(value)
        }
        guard values.count == keyLength + checksumLength else { throw .wrongLength }
        // 52 characters are 260 bits: the first four are not used.
        guard values[0] < 2 else { throw .unusedBits }
        let key = bytes(values[..<keyLength], count: 32)
        let checksum = bytes(values[keyLength...], count: 5)
        // The checksum is written with its last byte first.
        guard Blake2b.hash(key, length: 5).reversed() == checksum else { throw .checksum }
    }

    /// The lowest `count` bytes of the number that the groups of five bits make up, most significant first.
    private static func bytes(_ values: ArraySlice<UInt8>, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []  // least significant first
        var pending: UInt32 = 0
        var bits = 0
        for value in values.reversed() {
            pending |= UInt32(value) << bits
            bits += 5
            if bits >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: pending))
                pending >>= 8
                bits -= 8
            }
        }
        return bytes.prefix(count).reversed()
    }
}
