/// BLAKE2b without a key (RFC 7693), for digests of any length.
///
/// libcrypto has BLAKE2b only with 64 bytes. A shorter digest is not the beginning of the longer one, as the length
/// goes into the computation, and Nano's checksums have 5 bytes.
enum Blake2b {
    /// - Parameter length: bytes of the digest, 1 to 64.
    static func hash(_ message: [UInt8], length: Int) -> [UInt8] {
        precondition((1...64).contains(length), "RFC 7693 §2.1: 1 to 64 bytes")
        var state = initial
        // RFC 7693 §2.5: the first word of the parameters says fan-out 1, depth 1, no key, and the length.
        state[0] ^= 0x0101_0000 ^ UInt64(length)
        var offset = 0
        // The last block, which may be full, is compressed with the final flag; of an empty message it is all zeros.
        while message.count - offset > blockLength {
            compress(
                message[offset..<offset + blockLength], into: &state, counted: offset + blockLength, isFinal: false)
            offset += blockLength
        }
        compress(message[offset...], into: &state, counted: message.count, isFinal: true)
        return (0..<length).map { UInt8(truncatingIfNeeded: state[$0 / 8] >> (8 * UInt64($0 % 8))) }
    }

    private static let blockLength = 128

    /// RFC 7693 §3.2, the function F.
    /// - Parameter counted: bytes of the message up to the end of this block. (64 bits are enough for any array.)
    private static func compress(_ block: ArraySlice<UInt8>, into state: inout [UInt64], counted: Int, isFinal: Bool) {
        var words = [UInt64](repeating: 0, count: 16)
        for (index, byte) in block.enumerated() { words[index / 8] |= UInt64(byte) << (8 * UInt64(index % 8)) }
        var v = state + initial
        v[12] ^= UInt64(counted)
        if isFinal { v[14] = ~v[14] }
        for round in 0..<12 {
            let s = schedule[round % 10]
            mix(&v, 0, 4, 8, 12, words[s[0]], words[s[1]])
            mix(&v, 1, 5, 9, 13, words[s[2]], words[s[3]])
            mix(&v, 2, 6, 10, 14, words[s[4]], words[s[5]])
            mix(&v, 3, 7, 11, 15, words[s[6]], words[s[7]])
            mix(&v, 0, 5, 10, 15, words[s[8]], words[s[9]])
            mix(&v, 1, 6, 11, 12, words[s[10]], words[s[11]])
            mix(&v, 2, 7, 8, 13, words[s[12]], words[s[13]])
            mix(&v, 3, 4, 9, 14, words[s[14]], words[s[15]])
        }
        for i in 0..<8 { state[i] ^= v[i] ^ v[i + 8] }
    }

    /// RFC 7693 §3.1, the function G.
    private static func mix(_ v: inout [UInt64], _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt64, _ y: UInt64) {
        v[a] = v[a] &+ v[b] &+ x
        v[d] = rotateRight(v[d] ^ v[a], 32)
        v[c] = v[c] &+ v[d]
        v[b] = rotateRight(v[b] ^ v[c], 24)
        v[a] = v[a] &+ v[b] &+ y
        v[d] = rotateRight(v[d] ^ v[a], 16)
        v[c] = v[c] &+ v[d]
        v[b] = rotateRight(v[b] ^ v[c], 63)
    }

    private static func rotateRight(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word >> count | word << (64 - count)
    }

    /// RFC 7693 §2.6.
    private static let initial: [UInt64] = [
        0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
    ]

    /// RFC 7693 §2.7: in which order each round takes the words of the block.
    private static let schedule: [[Int]] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ]
}
