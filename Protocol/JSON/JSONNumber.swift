/// A JSON number as it was written, so that nothing is lost before somebody says what it should become.
package struct JSONNumber: Sendable, Equatable {
    /// The number in the grammar of RFC 8259 §6, for example `-12`, `1.50`, `6e23`.
    package let text: String

    /// - Parameter checkedText: already known to obey the grammar.
    init(checkedText: String) { text = checkedText }

    package init(_ number: Int64) { text = String(number) }

    /// The shortest text that reads back as the same number; `nil` for infinities and NaN, which JSON does not have.
    package init?(_ number: Double) {
        guard number.isFinite else { return nil }
        text = "\(number)"
    }
}

extension JSONNumber {
    /// The value when it is a whole number that fits, however it is written (`1`, `1.0`, `1e3`); else `nil`.
    package var int64: Int64? {
        // Most numbers are short and plain.
        if text.utf8.count < 19, let plain = Int64(text) { return plain }
        let parts = DecimalParts(text)
        guard !parts.digits.isEmpty else { return 0 }
        // Int64 has at most 19 digits; checked before any zero is appended, since exponents may be astronomical.
        guard parts.exponent >= 0, parts.exponent <= 19, parts.digits.count + parts.exponent <= 19 else { return nil }
        var value: Int64 = 0
        // Counts downwards, because the smallest Int64 has no positive counterpart.
        for digit in parts.digits + [UInt8](repeating: 0, count: parts.exponent) {
            let (tenfold, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (next, underflowed) = tenfold.subtractingReportingOverflow(Int64(digit))
            guard !overflowed, !underflowed else { return nil }
            value = next
        }
        if parts.isNegative { return value }
        return value == .min ? nil : -value
    }

    /// The nearest `Double`; `nil` when the number is too large for one.
    package var double: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// Whether both are the same number, exactly: `1`, `1.0` and `10e-1` are.
    package func isEquivalent(to other: JSONNumber) -> Bool {
        if text == other.text { return true }
        let (mine, theirs) = (DecimalParts(text), DecimalParts(other.text))
        return mine == theirs
    }
}

/// A number taken apart into ± digits × 10^exponent, without leading and trailing zeros among the digits. Zero has no
/// digits, no sign and the exponent 0.
private struct DecimalParts: Equatable {
    var isNegative = false
    var digits: [UInt8] = []
    var exponent = 0

    /// One pass over the text, which obeys RFC 8259 §6.
    init(_ text: String) {
        var isFraction = false
        var writtenExponent: Substring.UTF8View?
        for (index, byte) in zip(text.utf8.indices, text.utf8) {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if isFraction { exponent -= 1 }
                if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte - UInt8(ascii: "0")) }
            default: writtenExponent = text[index...].utf8.dropFirst()  // "e" or "E"
            }
            if writtenExponent != nil { break }
        }
        if let writtenExponent { exponent = exponent.addingSaturated(Self.saturatingExponent(writtenExponent)) }
        while digits.last == 0 {
            digits.removeLast()
            exponent = exponent.addingSaturated(1)
        }
        if digits.isEmpty { (isNegative, exponent) = (false, 0) }
    }

    /// An exponent such as `+007`; what does not fit becomes the largest or smallest that does.
    private static func saturatingExponent(_ text: Substring.UTF8View) -> Int {
        var value = 0
        for byte in text where byte != UInt8(ascii: "-") && byte != UInt8(ascii: "+") {
            let (tenfold, overflowed) = value.multipliedReportingOverflow(by: 10)
            value = overflowed ? .max / 2 : min(tenfold, .max / 4).addingSaturated(Int(byte - UInt8(ascii: "0")))
        }
        return text.first == UInt8(ascii: "-") ? -value : value
    }
}

extension Int {
    fileprivate func addingSaturated(_ other: Int) -> Int {
        let (sum, overflowed) = addingReportingOverflow(other)
        return overflowed ? (other > 0 ? .max : .min) : sum
    }
}
