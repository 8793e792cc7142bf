/// A host name with at least two labels (RFC 1123 §2.1), in its canonical form: lower case, without a dot at the end.
/// Names with other letters come in their ASCII form (`xn--…`).
package struct DomainName: Hashable, Sendable {
    package let text: String

    /// Upper case is folded; white space around the name and one dot at its end are taken off.
    package init(_ text: String) throws(AliasError) {
        guard text.utf8.count <= NameText.maximumLength else { throw AliasError(.domainTooLong) }
        let canonical: [UInt8]
        do { canonical = try NameText.canonical(text) } catch { throw AliasError(.domainNotASCII) }
        try self.init(canonical: canonical[...])
    }

    /// - Parameter canonical: trimmed ASCII in lower case.
    init(canonical: ArraySlice<UInt8>) throws(AliasError) {
        let dot = UInt8(ascii: ".")
        let name = canonical.last == dot ? canonical.dropLast() : canonical
        guard !name.isEmpty else { throw AliasError(.domainEmpty) }
        guard name.allSatisfy({ isLetterOrDigit($0) || $0 == dot || $0 == UInt8(ascii: "-") }) else {
            throw AliasError(.domainCharacters)
        }
        // RFC 1035 §2.3.4: 255 octets on the wire, which are 253 characters.
        guard name.count <= 253 else { throw AliasError(.domainTooLong) }
        let labels = name.split(separator: dot, omittingEmptySubsequences: false)
        for label in labels {
            guard (1...63).contains(label.count), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-")
            else {
                throw AliasError(.domainLabel)
            }
        }
        guard let last = labels.last, labels.count > 1 else { throw AliasError(.domainSingleLabel) }
        guard !Self.isNumber(last) else { throw AliasError(.domainIsAddress) }
        text = String(decoding: name, as: UTF8.self)
    }

    /// No top-level domain is a number. What ends in one (`127.0.0.1`, `127.0.1`, `1.0x7f`) some software takes for an
    /// IP address.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        if label.allSatisfy(digits.contains) { return true }
        return label.starts(with: "0x".utf8)
            && label.dropFirst(2).allSatisfy {
                digits.contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}

extension DomainName: CustomStringConvertible {
    package var description: String { text }
}
