/// A Bitcoin Cash address in the CashAddr format (<https://reference.cash/protocol/blockchain/encoding/cashaddr>),
/// with or without its prefix.
enum CashAddress {
    private static let mainNetwork = Array("bitcoincash".utf8)
    private static let testNetworks = [Array("bchtest".utf8), Array("bchreg".utf8)]
    private static let checksumLength = 8

    /// What the network pays to. The format has room for longer hashes, but nodes refuse them, so money sent there
    /// would be lost; a 32-byte script hash is standard since May 2023.
    ///
    /// Types 2 and 3 are the same destinations, written so as to say that their owner's wallet understands tokens
    /// (CHIP-2022-02). Every wallet that knows them can pay to them, so they are accepted.
    private static let lengths: [UInt8: Set<Int>] = [0: [20], 1: [20, 32], 2: [20], 3: [20, 32]]

    static func check(_ characters: [UInt8]) throws(AddressError.Reason) {
        let content = try decode(characters)
        guard let lengths = lengths[content.type] else { throw .wrongVersion }
        guard lengths.contains(content.hash.count) else { throw .wrongLength }
    }

    struct Content: Equatable {
        let type: UInt8
        let hash: [UInt8]
    }

    /// Everything that the format itself demands.
    static func decode(_ characters: [UInt8]) throws(AddressError.Reason) -> Content {
        let lowerCase = try Bech32.foldCase(characters)
        let separator = lowerCase.firstIndex(of: UInt8(ascii: ":"))
        let writtenPrefix = separator.map { Array(lowerCase[..<$0]) }
        if let writtenPrefix, testNetworks.contains(writtenPrefix) { throw .testNetwork }
        guard writtenPrefix == nil || writtenPrefix == mainNetwork else { throw .wrongPrefix }
        let values = try Base32.values(lowerCase[(separator.map { $0 + 1 } ?? 0)...])
        guard values.count > checksumLength else { throw .wrongLength }
        guard hasRightChecksum(values, prefix: mainNetwork) else {
            // The prefix counts in the checksum even where it is left out.
            throw testNetworks.contains { hasRightChecksum(values, prefix: $0) } ? .testNetwork : .checksum
        }
        return try content(values)
    }

    /// The first byte has one reserved bit, four for the type and three for the length of the hash.
    /// - Parameter values: five bits each, with the checksum.
    static func content(_ values: [UInt8]) throws(AddressError.Reason) -> Content {
        let bytes = try Base32.bytes(values.dropLast(checksumLength))
        guard let version = bytes.first else { throw .wrongLength }
        guard version & 0x80 == 0 else { throw .wrongVersion }
        let length = [20, 24, 28, 32, 40, 48, 56, 64][Int(version & 7)]
        guard bytes.count == 1 + length else { throw .wrongLength }
        return Content(type: version >> 3, hash: Array(bytes.dropFirst()))
    }

    /// - Parameter prefix: the prefix that the checksum was made with, in lower case.
    static func hasRightChecksum(_ values: [UInt8], prefix: [UInt8]) -> Bool {
        remainder(prefix.map { $0 & 31 } + [0] + values) == 1
    }

    /// The remainder of the data, taken as a polynomial over GF(32), by the generator of CashAddr.
    private static func remainder(_ values: [UInt8]) -> UInt64 {
        let generator: [UInt64] = [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470]
        var remainder: UInt64 = 1
        for value in values {
            let top = remainder >> 35
            remainder = (remainder & 0x07_ffff_ffff) << 5 ^ UInt64(value)
            for (bit, term) in generator.enumerated() where top >> bit & 1 == 1 { remainder ^= term }
        }
        return remainder
    }
}
