import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseTransfer

struct MailCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mail", abstract: "Look after mail.", subcommands: [Test.self])

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a test mail now, and say how far it came.",
            usage: "gatehouse mail test <address> [--config <file>] [SETTINGS]",
            discussion: """
                Takes the settings that `gatehouse serve` has, given in the same ways; those whose names begin with mail- are the \
                ones that count. The store is not touched, and the mail does not wait in the outbox. A mail server's password is \
                no argument: it is in GATEHOUSE_MAIL_PASSWORD, in the file of --config, or in that of --mail-password-file.

                Exit code 0 when the mail server has taken the mail, 1 when it has not, 2 when a setting is wrong.
                """)

        @Option(help: ArgumentHelp("A YAML file with settings.", valueName: "file"))
        var config: String?

        @Argument(parsing: .allUnrecognized, help: ArgumentHelp("Where the mail goes.", valueName: "address"))
        var words: [String] = []

        func run() async throws {
            let (flags, addresses, mistakes) = Serve.flags(from: words)
            let settings = try Settings.load(fromFlags: flags, config: config, mistakesBefore: mistakes)
            guard let recipient = addresses.first, addresses.count == 1 else {
                throw Refusal(reason: "Give one address, where the test mail goes.", exitCode: 2)
            }
            let address = try EmailAddress(recipient)
            guard let delivery = try settings.givenMailDelivery() else {
                throw Refusal(reason: "Mail is off: there is no --mail-server.", exitCode: 2)
            }
            try writeLine("Mail server: \(delivery.server.authority), \(delivery.server.protection)")
            let mail = OutgoingMail(
                to: address.text, template: .test, values: ["server": settings.publicURL ?? "Gatehouse"])
            do {
                let dialogue = try await delivery.send(
                    mail, id: SystemRandom.identifier(), date: Clock.system.now())
                for part in dialogue.parts { try writeLine(Self.line(part, "ok", delivery, address.text)) }
                try Self.noteMissingSignIn(dialogue, delivery)
            } catch let error as SMTPError {
                let parts = error.dialogue.parts
                for part in parts.dropLast() { try writeLine(Self.line(part, "ok", delivery, address.text)) }
                let last = parts.last ?? SMTPDialogue.Part(step: .connect)
                try writeLine(Self.line(last, "failed", delivery, address.text))
                // Some of libcurl's sentences end in a full stop.
                let reason = error.cause.message.hasSuffix(".") ? error.cause.message : "\(error.cause.message)."
                throw Refusal(reason: "The mail was not sent: \(reason) \(Self.advice(error, delivery))")
            }
            try writeLine("The mail server has taken the mail. Whether it arrives, the mailbox will show.")
        }

        // MARK: Words

        private static func line(
            _ part: SMTPDialogue.Part, _ result: String, _ delivery: MailDelivery, _ recipient: String
        ) -> String {
            let what =
                switch part.step {
                case .connect: "connecting"
                case .hello: "saying EHLO \(delivery.server.helloName)"
                case .startTLS: "beginning TLS, checking the certificate"
                case .signIn: "signing in as \(delivery.server.credentials?.user ?? "")"
                case .sender: "sender \(delivery.from.address.text)"
                case .recipient: "recipient \(recipient)"
                case .content: "the mail itself"
                case .idle: "waiting"
                }
            return "\(result.padding(toLength: 6, withPad: " ", startingAt: 0))  \(what)"
                + (part.reply.isEmpty ? "" : "  (\(part.reply))")
        }

        private static func noteMissingSignIn(_ dialogue: SMTPDialogue, _ delivery: MailDelivery) throws {
            guard delivery.server.credentials != nil, !dialogue.parts.contains(where: { $0.step == .signIn }) else {
                return
            }
            try writeLine("note    the server offers neither AUTH PLAIN nor AUTH LOGIN; --mail-user was not used")
        }

        /// What to look at.
        private static func advice(_ error: SMTPError, _ delivery: MailDelivery) -> String {
            switch error.step {
            case .connect where error.cause.kind == .tls:
                "The server must have a certificate for \(delivery.server.host) that this machine trusts; "
                    + "--mail-ca-file names another authority."
            case .connect, .hello, .idle:
                "Are host and port of --mail-server right, and may this machine reach them?"
            case .startTLS:
                "The server must offer STARTTLS with a certificate for \(delivery.server.host) that this machine trusts; "
                    + "--mail-ca-file names another authority."
            case .signIn: "Are --mail-user and its password right?"
            case .sender: "May --mail-user send as --mail-from?"
            case .recipient: "The server does not deliver to this address\(error.isPermanent ? "" : " just now")."
            case .content: "The server does not want this mail\(error.isPermanent ? "" : " just now")."
            }
        }
    }
}

extension SMTPServer {
    fileprivate var protection: String {
        switch security {
        case .tls: "TLS"
        case .startTLS: "STARTTLS"
        case .none: "in clear"
        }
    }
}
