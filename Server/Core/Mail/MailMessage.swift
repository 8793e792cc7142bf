import GatehouseCryptography
import HTTPSignatures

/// What a mail says, in its two forms.
package struct MailContent: Sendable, Equatable {
    package let subject: String
    package let text: String
    package let html: String
}

/// A mail as it goes over the wire (RFC 5322, RFC 2045, RFC 2046 §5.1.4): all ASCII but addresses, lines that end in CRLF.
struct MailMessage: Sendable {
    let from: MailAddress
    let replyTo: MailAddress?
    let recipient: EmailAddress
    let content: MailContent
    /// Unique; the same whenever the mail is sent again, so that a mailbox can tell.
    let id: String
    /// Microseconds since 1970.
    let date: Int64

    var octets: [UInt8] {
        // Quoted-printable has no "=_".
        let boundary = "=_\(id)"
        var lines = [
            "From: \(Self.encoded(from))", "To: \(recipient.text)", "Subject: \(EncodedWords.encode(content.subject))",
            // RFC 5322 §3.3 writes the zone as a number.
            "Date: \(HTTPDate.text(date.unixSeconds).dropLast(3))+0000", "Message-ID: <\(id)@\(from.domain)>",
            // RFC 3834 §5: no out-of-office note in return.
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"\(boundary)\"",
        ]
        if let replyTo { lines.insert("Reply-To: \(Self.encoded(replyTo))", at: 1) }
        // The last form is the preferred one (RFC 2046 §5.1.4).
        for (type, text) in [("plain", content.text), ("html", content.html)] {
            lines += [
                "", "--\(boundary)", "Content-Type: text/\(type); charset=utf-8",
                "Content-Transfer-Encoding: quoted-printable", "", QuotedPrintable.encode(text),
            ]
        }
        lines += ["--\(boundary)--", ""]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private static func encoded(_ mailbox: MailAddress) -> String {
        guard let name = mailbox.name else { return mailbox.address.text }
        // RFC 5322 §3.2.4: a quoted string holds any printable ASCII.
        let isPlain = name.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && name.utf8.count <= 60
        let quoted = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return (isPlain ? "\"\(quoted)\"" : EncodedWords.encode(name)) + " <\(mailbox.address.text)>"
    }
}

/// Text in a header line (RFC 2047).
enum EncodedWords {
    /// The text itself when it is short and ASCII; else words of 75 characters at most, a line each.
    static func encode(_ text: String) -> String {
        // "=?" would begin an encoded word.
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && text.utf8.count <= 60
        if isPlain && !text.contains("=?") { return text }
        var words: [[UInt8]] = [[]]
        for scalar in text.unicodeScalars {
            let octets = Array(String(scalar).utf8)
            // 45 octets are 60 characters of base64; a character is not cut in two (RFC 2047 §5).
            if words[words.count - 1].count + octets.count > 45 { words.append([]) }
            words[words.count - 1] += octets
        }
        return words.map { "=?utf-8?B?\(Base64.encode($0))?=" }.joined(separator: "\r\n ")
    }
}

/// RFC 2045 §6.7.
enum QuotedPrintable {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Lines may end as they like in the text, and end in CRLF here; none is longer than 76 characters.
    static func encode(_ text: String) -> String {
        let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
            .split(separator: "\n", omittingEmptySubsequences: false)
        return lines.map { encode(line: Array($0.utf8)) }.joined(separator: "\r\n")
    }

    private static func encode(line: [UInt8]) -> String {
        var result: [UInt8] = []
        var length = 0
        for (index, octet) in line.enumerated() {
            let isLast = index == line.count - 1
            // White space at the end of a line could get lost on the way.
            let isPlain =
                (0x21..<0x7F).contains(octet) && octet != UInt8(ascii: "=")
                || (octet == 0x20 || octet == 0x09) && !isLast
            let piece =
                isPlain ? [octet] : [UInt8(ascii: "="), digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            // One place is kept for the "=" that says that the line goes on.
            if length + piece.count > (isLast ? 76 : 75) {
                result += Array("=\r\n".utf8)
                length = 0
            }
            result += piece
            length += piece.count
        }
        return String(decoding: result, as: UTF8.self)
    }
}
