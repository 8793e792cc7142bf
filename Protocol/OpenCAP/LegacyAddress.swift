/// An address of Bitcoin's first format: a version byte and the 20-byte hash of a public key or script, in Base58Check.
enum LegacyAddress {
    static let publicKeyHash: UInt8 = 0x00
    /// BIP-13.
    static let scriptHash: UInt8 = 0x05

    private static let testNetworks: Set<UInt8> = [0x6F, 0xC4]

    /// - Parameter version: the version byte that the address must have.
    static func check(_ characters: [UInt8], version: UInt8) throws(AddressError.Reason) {
        let bytes = try Base58Check.decode(characters, count: 21)
        guard !testNetworks.contains(bytes[0]) else { throw .testNetwork }
        guard bytes[0] == version else { throw .wrongVersion }
    }
}
