/// How names are read before their grammar is looked at.
enum NameText {
    /// More than any alias has (25 + 1 + 253), with room for white space around it. Longer text is not even read.
    static let maximumLength = 512

    /// The text without white space around it, as ASCII in lower case.
    ///
    /// Folds A to Z only. Unicode's rules would make a "k" of the Kelvin sign and let foreign letters in by the back
    /// door.
    static func canonical(_ text: String) throws(AliasError) -> [UInt8] {
        var bytes = Array(text.utf8)[...]
        if !bytes.allSatisfy({ $0 < 0x80 }) { bytes = try trimmedASCII(text) }
        while let first = bytes.first, isWhiteSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, isWhiteSpace(last) { bytes.removeLast() }
        return bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
    }

    /// What is left when Unicode's white space (a pasted no-break space, for example) is taken off at both ends.
    private static func trimmedASCII(_ text: String) throws(AliasError) -> ArraySlice<UInt8> {
        let scalars = Array(text.unicodeScalars)
        let start = scalars.firstIndex { !$0.properties.isWhitespace } ?? scalars.endIndex
        let end = scalars.lastIndex { !$0.properties.isWhitespace } ?? start - 1
        let inner = scalars[start..<end + 1]
        guard inner.allSatisfy(\.isASCII) else { throw AliasError(.notASCII) }
        return inner.map { UInt8($0.value) }[...]
    }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

/// `a` to `z` and `0` to `9`.
func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}
