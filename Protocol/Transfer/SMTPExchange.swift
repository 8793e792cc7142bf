internal import Synchronization

/// One conversation with a mail server on its way through a transport.
final class SMTPExchange: Sendable {
    let server: SMTPServer
    /// Nil for a probe.
    let message: SMTPMessage?
    /// For all of it.
    let timeout: Duration
    private let state = Mutex(State())

    private struct State {
        var dialogue = SMTPDialogue()
        /// Whether goodbye was said: what comes after that changes nothing.
        var isOver = false
    }

    init(_ server: SMTPServer, _ message: SMTPMessage?, timeout: Duration) {
        self.server = server
        self.message = message
        self.timeout = timeout
    }

    var dialogue: SMTPDialogue { state.withLock { $0.dialogue } }

    // MARK: What libcurl tells of

    /// The client says something: a command, or an answer within AUTH, which is a secret and changes nothing here.
    func sent(_ octets: some Collection<UInt8>) {
        let word = String(
            decoding: octets.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        let step: SMTPStep? =
            switch word {
            case "EHLO", "HELO": .hello
            case "STARTTLS": .startTLS
            case "AUTH": .signIn
            case "MAIL": .sender
            case "RCPT": .recipient
            case "DATA": .content
            case "NOOP": .idle
            default: nil
            }
        state.withLock { state in
            if word == "QUIT" { state.isOver = true }
            if let step, !state.isOver { state.dialogue.parts.append(SMTPDialogue.Part(step: step)) }
        }
    }

    /// The server does not offer STARTTLS, so that the command was not even sent.
    func lacksTLS() {
        state.withLock { state in
            guard state.dialogue.last != .startTLS else { return }
            state.dialogue.parts.append(SMTPDialogue.Part(step: .startTLS))
        }
    }

    /// The server says something; of a reply of several lines the last one stays.
    func received(_ octets: some Collection<UInt8>) {
        // RFC 5321 §4.5.3.1.5: a reply line has 512 octets. Control characters would change what a terminal shows.
        let line = String(decoding: octets.prefix(512), as: UTF8.self).unicodeScalars
            .filter { ![.control, .format].contains($0.properties.generalCategory) }
        let reply = String(String.UnicodeScalarView(line))
        state.withLock { state in
            guard !state.isOver else { return }
            if state.dialogue.parts.isEmpty { state.dialogue.parts.append(SMTPDialogue.Part(step: .connect)) }
            state.dialogue.parts[state.dialogue.parts.count - 1].reply = reply
        }
    }
}

extension CurlTransport {
    /// Hands a message over. It may have arrived although this throws: when the server's last word got lost.
    ///
    /// - Parameter timeout: for all of it, the waiting for a free connection included.
    /// - Returns: what the server said.
    @discardableResult
    package func send(
        _ message: SMTPMessage, through server: SMTPServer, timeout: Duration
    ) async throws(SMTPError) -> SMTPDialogue {
        try await converse(SMTPExchange(server, message, timeout: timeout))
    }

    /// Connects, begins TLS, signs in, and says goodbye, without handing anything over.
    @discardableResult
    package func probe(_ server: SMTPServer, timeout: Duration) async throws(SMTPError) -> SMTPDialogue {
        let dialogue = try await converse(SMTPExchange(server, nil, timeout: timeout))
        // libcurl goes on without signing in where the server offers none of the ways to do it.
        guard server.credentials == nil || dialogue.parts.contains(where: { $0.step == .signIn }) else {
            throw SMTPError(
                dialogue: dialogue,
                cause: TransferError(
                    kind: .protocolError, message: "the server offers neither AUTH PLAIN nor AUTH LOGIN"))
        }
        return dialogue
    }

    private func converse(_ exchange: SMTPExchange) async throws(SMTPError) -> SMTPDialogue {
        do {
            try exchange.server.check()
            _ = try await send(Transfer(exchange)).get()
            return exchange.dialogue
        } catch {
            throw SMTPError(dialogue: exchange.dialogue, cause: error)
        }
    }
}
