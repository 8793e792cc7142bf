/// A reusable payment code (BIP-47): 80 bytes in Base58Check with the version byte 0x47, which makes a "P" of the first
/// character.
///
/// Version 3, which is not part of the BIP, has another layout and is refused.
enum PaymentCode {
    private static let mainNetwork: UInt8 = 0x47

    static func check(_ characters: [UInt8]) throws(AddressError.Reason) {
        let bytes = try Base58Check.decode(characters, count: 81)
        guard bytes[0] == mainNetwork else { throw .wrongVersion }
        let code = bytes.dropFirst()
        let (version, features, sign) = (code[1], code[2], code[3])
        guard version == 1 || version == 2 else { throw .wrongVersion }
        // Bit 0 asks for notification by Bitmessage; the others are reserved and zero.
        guard features & ~1 == 0 else { throw .wrongVersion }
        // Sign and x are a compressed public key.
        guard sign == 2 || sign == 3, Secp256k1.hasPoint(x: Array(code[4..<36])) else { throw .invalidKey }
        // A chain code of 32 bytes may have any value. The 13 reserved bytes behind it are not looked at: features use
        // them (Bitmessage's numbers, a mark that some wallets set for SegWit), and the checksum covers them.
    }
}
