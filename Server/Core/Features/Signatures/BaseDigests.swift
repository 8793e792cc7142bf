import GatehouseCryptography

/// Tells the owner of a key which line of what was signed is another here, without telling the line.
struct BaseDigests {
    /// `(request-target)=0123456789abcdef, host=…`: for each line the first 8 octets of its SHA-256.
    let text: String

    init(of base: [UInt8]) {
        text = base.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            "\(Self.name(of: line))=\(Self.hexadecimal(Digest.sha256(Array(line)).prefix(8)))"
        }
        .joined(separator: ", ")
    }

    /// What stands before the colon; of RFC 9421's identifiers without quotes when there are no parameters.
    private static func name(of line: ArraySlice<UInt8>) -> String {
        guard line.first == UInt8(ascii: "\"") else {
            return String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
        }
        let text = String(decoding: line, as: UTF8.self)
        let identifier = text.firstRange(of: ": ").map { String(text[..<$0.lowerBound]) } ?? text
        return identifier.hasSuffix("\"") && !identifier.contains(";")
            ? String(identifier.dropFirst().dropLast()) : identifier
    }

    private static func hexadecimal(_ octets: ArraySlice<UInt8>) -> String {
        octets.map { octet in (octet < 16 ? "0" : "") + String(octet, radix: 16) }.joined()
    }
}
