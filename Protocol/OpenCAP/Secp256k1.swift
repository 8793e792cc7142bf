/// Just enough of the curve y² = x³ + 7 to tell whether a payment code holds a public key.
///
/// Not taken from libcrypto, because builds of it without this curve are common. Only public data comes here, so the
/// time that it takes does not matter.
enum Secp256k1 {
    /// Whether the curve has points with that x.
    /// - Parameter x: 32 bytes, most significant first.
    static func hasPoint(x: [UInt8]) -> Bool {
        guard x.count == 32 else { return false }
        let x = FieldElement(bytes: x)
        guard let x else { return false }
        let ySquared = (x * x * x).adding(7)
        // Euler's criterion: a number is a square exactly when its power by (p − 1) / 2 is 1.
        var power = FieldElement.one
        for word in FieldElement.halfOrder.reversed() {
            for bit in (0..<64).reversed() {
                power = power * power
                if word >> bit & 1 == 1 { power = power * ySquared }
            }
        }
        return power == .one
    }
}

/// A number modulo p = 2²⁵⁶ − 2³² − 977.
private struct FieldElement: Equatable {
    /// Least significant word first; always less than p.
    private var words: [UInt64]

    static let one = FieldElement(words: [1, 0, 0, 0])
    private static let p: [UInt64] = [0xffff_fffe_ffff_fc2f, .max, .max, .max]
    /// (p − 1) / 2.
    static let halfOrder: [UInt64] = [0xffff_ffff_7fff_fe17, .max, .max, .max >> 1]
    /// 2²⁵⁶ modulo p: what a carry out of the fourth word is worth.
    private static let carryValue: UInt64 = 0x1_0000_03d1

    private init(words: [UInt64]) { self.words = words }

    /// `nil` when the number is not less than p.
    init?(bytes: [UInt8]) {
        words = (0..<4).map { word in
            bytes[(24 - 8 * word)..<(32 - 8 * word)].reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard !Self.isAtLeastP(words) else { return nil }
    }

    static func * (a: FieldElement, b: FieldElement) -> FieldElement {
        var product = [UInt64](repeating: 0, count: 8)
        for i in 0..<4 {
            var carry: UInt64 = 0
            for j in 0..<4 {
                let sum = UInt128(a.words[i]) * UInt128(b.words[j]) + UInt128(product[i + j]) + UInt128(carry)
                product[i + j] = UInt64(truncatingIfNeeded: sum)
                carry = UInt64(truncatingIfNeeded: sum >> 64)
            }
            product[i + 4] = carry
        }
        var words = Array(product[..<4])
        let carry = add(Array(product[4...]), times: carryValue, to: &words)
        return FieldElement(words: reduced(words, carry: carry))
    }

    func adding(_ number: UInt64) -> FieldElement {
        var sum = words
        let carry = Self.add([1, 0, 0, 0], times: number, to: &sum)
        return FieldElement(words: Self.reduced(sum, carry: carry))
    }

    /// - Returns: what does not fit.
    private static func add(_ other: [UInt64], times factor: UInt64, to words: inout [UInt64]) -> UInt64 {
        var carry: UInt64 = 0
        for i in 0..<4 {
            let sum = UInt128(other[i]) * UInt128(factor) + UInt128(words[i]) + UInt128(carry)
            words[i] = UInt64(truncatingIfNeeded: sum)
            carry = UInt64(truncatingIfNeeded: sum >> 64)
        }
        return carry
    }

    private static func reduced(_ words: [UInt64], carry: UInt64) -> [UInt64] {
        var (words, carry) = (words, carry)
        while carry > 0 { carry = add([carry, 0, 0, 0], times: carryValue, to: &words) }
        // Less than 2²⁵⁶ < 2p now. To take p away is to add 2²⁵⁶ − p and drop the carry.
        if isAtLeastP(words) { _ = add([1, 0, 0, 0], times: carryValue, to: &words) }
        return words
    }

    private static func isAtLeastP(_ words: [UInt64]) -> Bool {
        words[3] == .max && words[2] == .max && words[1] == .max && words[0] >= p[0]
    }
}
