/// The parts of a conversation with a mail server, in their order.
package enum SMTPStep: String, Sendable {
    /// Until the server has greeted; the handshake too where TLS begins at once.
    case connect
    case hello
    /// The STARTTLS command and the handshake.
    case startTLS = "starttls"
    case signIn = "sign-in"
    case sender
    case recipient
    /// DATA and the message.
    case content
    /// A command that does nothing (NOOP), at the end of a probe.
    case idle
}

/// What was said at each step, for people who look for a mistake.
package struct SMTPDialogue: Sendable, Equatable {
    package struct Part: Sendable, Equatable {
        package let step: SMTPStep
        /// The last line of the server's last reply; empty when it said nothing. It can contain addresses.
        package internal(set) var reply: String

        package init(step: SMTPStep, reply: String = "") {
            self.step = step
            self.reply = reply
        }
    }

    package internal(set) var parts: [Part] = []

    /// The step at which the conversation ended.
    package var last: SMTPStep { parts.last?.step ?? .connect }
}

/// Why a message was not handed over, or a mail server is no use.
package struct SMTPError: Error, Sendable, Equatable, CustomStringConvertible {
    package let dialogue: SMTPDialogue
    /// Why libcurl gave up; its words name hosts and reasons, no addresses.
    package let cause: TransferError

    package var step: SMTPStep { dialogue.last }

    /// With which the server refused the last step (RFC 5321 §4.2.1); nil when it did not.
    package var code: Int? {
        dialogue.parts.last.flatMap { Int($0.reply.prefix(3)) }.flatMap { (400..<600).contains($0) ? $0 : nil }
    }

    /// Whether the server refuses this message, or this recipient, for good: it would the next time too. A wrong password, or a
    /// sender that it does not want, is the operator's to mend, so it is no fault of the message.
    package var isPermanent: Bool {
        guard let code, code >= 500, step == .recipient || step == .content else { return false }
        // RFC 4954 §6: these ask for a better sign-in.
        return ![530, 534, 535, 538].contains(code)
    }

    package var description: String {
        let words = "\(step.rawValue): \(cause.message)"
        return code.map { "\(words) (\($0))" } ?? words
    }
}
