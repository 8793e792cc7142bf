internal import Foundation
internal import GatehouseCryptography

/// The server's side of one SMTP connection (RFC 5321), line by line. Takes every mail for anybody.
struct SMTPConversation {
    /// A longer mail is refused.
    static let longestMail = 1 << 20
    /// Longer than RFC 5321 §4.5.3.1.4 and RFC 4954 §4 ask for.
    static let longestLine = 12_288
    private static let mostRecipients = 100

    static let greeting = "220 gatehouse-conformance ESMTP\r\n"

    private var state = State.idle
    private var recipients: [String] = []
    private var mail: [UInt8] = []
    private var isTooLong = false
    private(set) var isOver = false

    private enum State {
        case idle
        /// A sender is known.
        case envelope
        case data
        /// So many lines of credentials are still to come.
        case authenticating(linesLeft: Int)
    }

    /// Takes a line without its end.
    ///
    /// - Returns: what to answer, nil for nothing, and a mail that has come whole.
    mutating func take(_ line: [UInt8]) -> (reply: String?, mail: ReceivedMail?) {
        if case .data = state { return takeData(line) }
        if case .authenticating(let left) = state { return (takeCredentials(left), nil) }
        return (takeCommand(String(decoding: line, as: UTF8.self)), nil)
    }

    private mutating func takeData(_ line: [UInt8]) -> (reply: String?, mail: ReceivedMail?) {
        guard line != [UInt8(ascii: ".")] else {
            let received = isTooLong ? nil : ReceivedMail(recipients: recipients, octets: mail)
            let reply = isTooLong ? "552 too long\r\n" : "250 taken\r\n"
            reset()
            return (reply, received)
        }
        // RFC 5321 §4.5.2: the first of two dots was put there by the client.
        let content = line.first == UInt8(ascii: ".") ? line[1...] : line[...]
        if mail.count + content.count > Self.longestMail {
            isTooLong = true
        } else {
            mail += content + [0x0D, 0x0A]
        }
        return (nil, nil)
    }

    private mutating func takeCredentials(_ left: Int) -> String {
        // Whoever sends mail here may do so.
        guard left == 1 else {
            state = .authenticating(linesLeft: left - 1)
            return "334 \(Base64.encode(Array("Password:".utf8)))\r\n"
        }
        state = .idle
        return "235 welcome\r\n"
    }

    private mutating func takeCommand(_ line: String) -> String {
        let words = line.split(separator: " ").map(String.init)
        switch words.first?.uppercased() {
        case "EHLO":
            reset()
            return "250-gatehouse-conformance\r\n250-SIZE \(Self.longestMail)\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                + "250 AUTH PLAIN LOGIN\r\n"
        case "HELO":
            reset()
            return "250 gatehouse-conformance\r\n"
        case "AUTH": return authenticate(words)
        case "MAIL":
            guard case .idle = state else { return "503 one sender at a time\r\n" }
            guard Self.path(in: line, after: "MAIL FROM:") != nil else { return "501 MAIL FROM:<address>\r\n" }
            state = .envelope
            return "250 ok\r\n"
        case "RCPT":
            guard case .envelope = state else { return "503 MAIL first\r\n" }
            guard let path = Self.path(in: line, after: "RCPT TO:"), !path.isEmpty else {
                return "501 RCPT TO:<address>\r\n"
            }
            guard recipients.count < Self.mostRecipients else { return "452 too many recipients\r\n" }
            recipients.append(path)
            return "250 ok\r\n"
        case "DATA":
            guard case .envelope = state, !recipients.isEmpty else { return "503 RCPT first\r\n" }
            state = .data
            return "354 end with a dot\r\n"
        case "RSET":
            reset()
            return "250 ok\r\n"
        case "NOOP": return "250 ok\r\n"
        case "VRFY": return "252 send and see\r\n"
        case "QUIT":
            isOver = true
            return "221 goodbye\r\n"
        default: return "500 unknown command\r\n"
        }
    }

    private mutating func authenticate(_ words: [String]) -> String {
        guard words.count > 1 else { return "501 AUTH mechanism\r\n" }
        switch (words[1].uppercased(), words.count) {
        case ("PLAIN", 2):
            state = .authenticating(linesLeft: 1)
            return "334 \r\n"
        case ("PLAIN", 3): return "235 welcome\r\n"
        case ("LOGIN", 2):
            state = .authenticating(linesLeft: 2)
            return "334 \(Base64.encode(Array("Username:".utf8)))\r\n"
        case ("LOGIN", 3):
            state = .authenticating(linesLeft: 1)
            return "334 \(Base64.encode(Array("Password:".utf8)))\r\n"
        default: return "504 PLAIN or LOGIN\r\n"
        }
    }

    private mutating func reset() {
        state = .idle
        recipients = []
        mail = []
        isTooLong = false
    }

    /// The address between `<` and `>`; empty for bounces.
    private static func path(in line: String, after command: String) -> String? {
        guard line.uppercased().hasPrefix(command) else { return nil }
        let rest = line.dropFirst(command.count).drop { $0 == " " }
        guard rest.hasPrefix("<"), let end = rest.firstIndex(of: ">") else { return nil }
        return String(rest[rest.index(after: rest.startIndex)..<end])
    }
}
