/// The base 32 that SegWit (BIP-173) and Bitcoin Cash addresses share.
enum Base32 {
    private static let alphabet = CharacterValues("qpzry9x8gf2tvdw0s3jn54khce6mua7l")

    /// Five bits for each character, which is in lower case. Positions in errors follow the slice's own indices.
    static func values(_ characters: ArraySlice<UInt8>) throws(AddressError.Reason) -> [UInt8] {
        var values: [UInt8] = []
        values.reserveCapacity(characters.count)
        for index in characters.indices {
            guard let value = alphabet[characters[index]] else { throw .invalidCharacter(position: index + 1) }
            values.append(value)
        }
        return values
    }

    /// Groups of five bits regrouped into bytes. Of the bits that are left over there must be fewer than five, all
    /// zero.
    static func bytes(_ values: some Sequence<UInt8>) throws(AddressError.Reason) -> [UInt8] {
        var bytes: [UInt8] = []
        var pending: UInt32 = 0
        var count = 0
        for value in values {
            pending = (pending << 5 | UInt32(value)) & 0xfff
            count += 5
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> count))
            }
        }
        guard count < 5, pending & ((1 << count) - 1) == 0 else { throw .unusedBits }
        return bytes
    }
}
