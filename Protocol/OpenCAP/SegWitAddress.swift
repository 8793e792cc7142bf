/// A SegWit address: a witness version and program in Bech32 or Bech32m (BIP-173, BIP-350).
enum SegWitAddress {
    private static let mainNetwork = "bc"
    /// Test network (also signet) and regression test.
    private static let testNetworks: Set<String> = ["tb", "bcrt"]

    static func check(_ characters: [UInt8]) throws(AddressError.Reason) {
        // The prefix first: of `bitcoin:bc1…` the checksum is wrong as well, but that is not what helps.
        let lowerCase = try Bech32.foldCase(characters)
        guard testNetworks.union([mainNetwork]).contains(where: { lowerCase.starts(with: ($0 + "1").utf8) }) else {
            throw .wrongPrefix
        }
        let content = try Bech32.decode(lowerCase)
        guard !testNetworks.contains(content.prefix) else { throw .testNetwork }
        guard content.prefix == mainNetwork else { throw .wrongPrefix }
        guard let version = content.data.first else { throw .wrongLength }
        guard version <= 16 else { throw .wrongVersion }
        // BIP-350: version 0 stays with Bech32, all later ones have Bech32m. To accept both would weaken both.
        guard content.form == (version == 0 ? .bech32 : .bech32m) else { throw .checksum }
        let program = try Base32.bytes(content.data.dropFirst())
        // BIP-141: 2 to 40 bytes, and in version 0 the hash of a key (20) or of a script (32). What later versions will
        // hold is not known yet; BIP-350 asks to accept them, so that a future format works without a change here.
        guard (2...40).contains(program.count) else { throw .wrongLength }
        guard version > 0 || program.count == 20 || program.count == 32 else { throw .wrongLength }
    }
}
