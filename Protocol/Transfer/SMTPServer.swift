/// Where mail is handed over, and as whom (RFC 6409).
package struct SMTPServer: Sendable, Equatable {
    package enum Security: String, Sendable {
        /// From the first octet on (RFC 8314 §3.3).
        case tls
        /// The connection becomes TLS before anything that counts is said (RFC 3207). A server that does not offer it gets
        /// neither password nor mail.
        case startTLS = "starttls"
        /// All in clear.
        case none
    }

    package struct Credentials: Sendable, Equatable, CustomStringConvertible {
        package let user: String
        package let password: String

        package init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        package var description: String { "Credentials(\(user))" }
    }

    /// A name or an address; IPv6 without brackets.
    package var host: String
    package var port: Int
    package var security: Security
    /// Shown by AUTH PLAIN or LOGIN, when the server offers AUTH (RFC 4954).
    package var credentials: Credentials?
    /// A PEM file of the certificates to trust instead of the system's.
    package var caFile: String?
    /// What the client calls itself in EHLO: a domain.
    package var helloName: String

    package init(
        host: String, port: Int, security: Security, credentials: Credentials? = nil, caFile: String? = nil,
        helloName: String
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.credentials = credentials
        self.caFile = caFile
        self.helloName = helloName
    }

    /// As people write it.
    package var authority: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    /// libcurl's form: the path is what goes into EHLO.
    var url: String { "\(security == .tls ? "smtps" : "smtp")://\(authority)/\(helloName)" }

    func check() throws(TransferError) {
        guard !helloName.isEmpty, helloName.utf8.allSatisfy(isOfDomain) else {
            throw .invalidRequest("a name for EHLO that is no domain")
        }
        let texts = [host, caFile ?? "", credentials?.user ?? "", credentials?.password ?? ""]
        guard !texts.contains(where: hasLineBreakOrNUL) else {
            throw .invalidRequest("a line break or NUL in what belongs to the mail server")
        }
    }
}

/// One message as it shall go over the wire, to one recipient.
package struct SMTPMessage: Sendable {
    let sender: String
    let recipient: String
    /// Header and body (RFC 5322), with CRLF at the ends of lines. Leading dots are the transport's to double.
    let octets: [UInt8]

    /// - Throws: `.invalidRequest` when an address could be taken for more than one, or for a command.
    package init(from sender: String, to recipient: String, octets: [UInt8]) throws(TransferError) {
        for address in [sender, recipient] where !Self.isAddress(address) {
            throw .invalidRequest("what is to be a mail address has no @, or characters that it cannot have")
        }
        self.sender = sender
        self.recipient = recipient
        self.octets = octets
    }

    /// Without anything that ends an address or a line (RFC 5321 §4.1.2); quoted local parts are not supported. 320 octets
    /// are 64, @ and 255 (RFC 5321 §4.5.3.1).
    private static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && text.utf8.count <= 320
            && text.unicodeScalars.allSatisfy { scalar in
                !scalar.properties.isWhitespace && !"\"(),:;<>[\\]".unicodeScalars.contains(scalar)
                    && ![.control, .format].contains(scalar.properties.generalCategory)
            }
    }
}

private func isOfDomain(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
    default: false
    }
}
