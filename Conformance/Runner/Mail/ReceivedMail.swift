internal import Foundation
internal import GatehouseCryptography
internal import _StringProcessing

/// A mail as a person would see it.
package struct ReceivedMail: Sendable, Equatable {
    /// From the envelope (RFC 5321 §2.3.1), in lower case.
    package let recipients: [String]
    /// Unfolded, encoded words decoded.
    let headers: [HeaderLine]
    /// The first part of that kind, decoded; nil when there is none.
    package let text: String?
    package let html: String?

    package var subject: String { value(of: "Subject") ?? "" }

    /// - Parameter octets: what came between DATA and its final dot, without dot-stuffing.
    init(recipients: [String], octets: [UInt8]) {
        self.recipients = recipients.map { $0.lowercased() }
        let root = MIMEPart(octets[...])
        headers = root.headers.map { HeaderLine(name: $0.name, value: EncodedWords.decode($0.value)) }
        let parts = root.leaves(depth: 0)
        text = parts.first { $0.type == "text/plain" }?.decodedText
        html = parts.first { $0.type == "text/html" }?.decodedText
    }

    /// The first header line of that name.
    package func value(of name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// One entity of a mail: header lines and content (RFC 2045 §2.4).
private struct MIMEPart {
    /// Unfolded (RFC 5322 §2.2.3).
    let headers: [HeaderLine]
    let content: ArraySlice<UInt8>

    init(_ octets: ArraySlice<UInt8>) {
        var headers: [HeaderLine] = []
        var rest = octets
        while let line = Self.popLine(&rest), !line.isEmpty {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix(" ") || text.hasPrefix("\t"), let last = headers.popLast() {
                headers.append(HeaderLine(name: last.name, value: last.value + " " + text.trimmingSpaces()))
            } else if let colon = text.firstIndex(of: ":") {
                headers.append(
                    HeaderLine(
                        name: String(text[..<colon]), value: text[text.index(after: colon)...].trimmingSpaces()))
            }
        }
        self.headers = headers
        content = rest
    }

    /// The next line without its end, which is CRLF or LF; nil at the end.
    private static func popLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
        var line = rest[rest.startIndex..<end]
        rest = end < rest.endIndex ? rest[(end + 1)...] : []
        if line.last == 0x0D { line = line.dropLast() }
        return line
    }

    private func value(of name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }

    /// In lower case, without parameters; text/plain where nothing is said (RFC 2045 §5.2).
    var type: String {
        let field = value(of: "content-type") ?? "text/plain"
        return field.prefix { $0 != ";" }.trimmingSpaces().lowercased()
    }

    /// The parts that have no parts.
    func leaves(depth: Int) -> [MIMEPart] {
        guard type.hasPrefix("multipart/"), depth < 8, let boundary else { return [self] }
        return bodyParts(boundary).flatMap { $0.leaves(depth: depth + 1) }
    }

    private var boundary: String? {
        guard let field = value(of: "content-type"),
            let match = field.firstMatch(of: /(?i);\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/)
        else { return nil }
        return (match.1 ?? match.2).map { String($0) }
    }

    /// RFC 2046 §5.1.1: the line end before a delimiter belongs to the delimiter.
    private func bodyParts(_ boundary: String) -> [MIMEPart] {
        let delimiter = Array("--\(boundary)".utf8)
        let end = Array("--\(boundary)--".utf8)
        var parts: [[UInt8]] = []
        var current: [UInt8]?
        var rest = content
        while let line = Self.popLine(&rest) {
            var trimmed = line
            while let last = trimmed.last, last == 0x20 || last == 0x09 { trimmed = trimmed.dropLast() }
            let isEnd = trimmed.elementsEqual(end)
            if isEnd || trimmed.elementsEqual(delimiter) {
                if let current { parts.append(current) }
                if isEnd { return parts.map { MIMEPart($0[...]) } }
                current = []
            } else {
                current?.append(contentsOf: line + [0x0A])
            }
        }
        if let current { parts.append(current) }
        return parts.map { MIMEPart($0[...]) }
    }

    /// The content as text, lines ended by LF. What is not UTF-8 shows as replacement characters.
    var decodedText: String {
        let octets: [UInt8]
        switch value(of: "content-transfer-encoding")?.lowercased() {
        case "base64":
            let letters = content.filter { $0 > 0x20 }
            octets = Base64.decode(String(decoding: letters, as: UTF8.self)) ?? Array(content)
        case "quoted-printable": octets = QuotedPrintable.decode(content)
        default: octets = Array(content)
        }
        return String(decoding: octets, as: UTF8.self).replacing("\r\n", with: "\n")
    }
}

/// RFC 2045 §6.7
enum QuotedPrintable {
    /// What is no valid escape stays as it is.
    static func decode(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        var rest = octets
        while let octet = rest.popFirst() {
            guard octet == UInt8(ascii: "=") else {
                decoded.append(octet)
                continue
            }
            // A soft line break, with the spaces that some relay may have added.
            let afterSpaces = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if afterSpaces.first == 0x0A {
                rest = afterSpaces.dropFirst()
            } else if rest.count >= 2, let byte = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                decoded.append(byte)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(octet)
            }
        }
        return decoded
    }
}

/// `=?UTF-8?Q?Pass=20word?=` (RFC 2047)
enum EncodedWords {
    /// Decodes the words in UTF-8; others stay as they are.
    static func decode(_ text: String) -> String {
        // Space between two encoded words is no part of the text (RFC 2047 §6.2).
        let joined = text.replacing(/\?=\s+=\?/, with: "?==?")
        return joined.replacing(/(?i)=\?utf-8\?([bq])\?([^?]*)\?=/) { match in
            let octets =
                match.1.lowercased() == "b"
                ? Base64.decode(String(match.2))
                : QuotedPrintable.decode(Array(match.2.replacing("_", with: "=20").utf8)[...])
            return octets.map { String(decoding: $0, as: UTF8.self) } ?? String(match.0)
        }
    }
}
