import Foundation
package import GatehouseTransfer

/// How mail leaves: through which server, from whom, in which words.
package struct MailDelivery: Sendable {
    /// A mail server may look at a message for a while before it takes it; one that has not done so by then has trouble. A
    /// lease is longer (`MailPace`).
    static let timeout: Duration = .seconds(90)

    package let server: SMTPServer
    package let from: MailAddress
    let replyTo: MailAddress?
    let templates: MailTemplates
    private let transport = CurlTransport(maximumConnections: 8)

    package init(server: SMTPServer, from: MailAddress, replyTo: MailAddress? = nil, templates: MailTemplates) {
        self.server = server
        self.from = from
        self.replyTo = replyTo
        self.templates = templates
    }

    /// - Parameters:
    ///   - id: of the message; the same at each attempt.
    ///   - date: of the message, in microseconds since 1970.
    /// - Throws: `InvalidName` when the recipient is no mail address, `SMTPError`.
    @discardableResult
    package func send(_ mail: OutgoingMail, id: String, date: Int64) async throws -> SMTPDialogue {
        let recipient = try EmailAddress(mail.recipient)
        let message = MailMessage(
            from: from, replyTo: replyTo, recipient: recipient, content: templates.render(mail.template, mail.values),
            id: id, date: date)
        return try await transport.send(
            try SMTPMessage(from: from.address.text, to: recipient.text, octets: message.octets), through: server,
            timeout: Self.timeout)
    }

    /// Whether the server would take mail now: connects, begins TLS, signs in.
    @discardableResult
    package func probe(timeout: Duration) async throws(SMTPError) -> SMTPDialogue {
        try await transport.probe(server, timeout: timeout)
    }
}

extension Settings {
    /// How the settings want mail to leave; nil without `--mail-server`.
    ///
    /// - Throws: `SettingsMistakes` when the files that they name are no use.
    package func mailDelivery() throws(SettingsMistakes) -> MailDelivery? {
        guard let mailServer, let mailFrom else { return nil }
        var mistakes: [String] = []
        var templates: MailTemplates?
        do { templates = try MailTemplates(folder: mailTemplates) } catch {
            mistakes += error.mistakes.map { "\(spelling(of: "mail-templates")): \($0)" }
        }
        var password = mailPassword
        if let mailPasswordFile {
            do {
                let text = String(validating: try GivenFile.read(mailPasswordFile), as: UTF8.self)
                password = text.map { String($0.prefix { $0 != "\n" && $0 != "\r\n" }) }
                if password?.isEmpty ?? true {
                    mistakes.append(
                        "\(spelling(of: "mail-password-file")): the first line of \(mailPasswordFile) is no password")
                }
            } catch { mistakes.append("\(spelling(of: "mail-password-file")): \(error)") }
        }
        // libcurl would tell of it at the first mail only.
        if let mailCAFile {
            do { _ = try GivenFile.read(mailCAFile) } catch {
                mistakes.append("\(spelling(of: "mail-ca-file")): \(error)")
            }
        }
        guard let templates, mistakes.isEmpty else { throw SettingsMistakes(mistakes: mistakes) }
        let credentials = mailUser.map { SMTPServer.Credentials(user: $0, password: password ?? "") }
        return MailDelivery(
            server: SMTPServer(
                host: mailServer.host, port: mailServer.port,
                security: mailSecurity ?? (mailServer.isTLS ? .tls : .startTLS), credentials: credentials,
                caFile: mailCAFile, helloName: mailFrom.domain),
            from: mailFrom, replyTo: mailReplyTo, templates: templates)
    }
}
