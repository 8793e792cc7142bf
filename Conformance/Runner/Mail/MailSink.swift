internal import Foundation
internal import Synchronization

/// A mail server that keeps what it gets, for scenarios whose target sends mail. Start it before the target needs it.
package final class MailSink: Sendable {
    /// Where it listens.
    package let host: String
    package let port: UInt16
    private let box = Mutex<[ReceivedMail]>([])
    private let openConnections = Atomic(0)
    private let stopped = CancellationFlag()

    private static let mostConnections = 64
    /// Beyond it the oldest mails are forgotten.
    private static let mostMails = 10_000
    private static let idleTimeout: Duration = .seconds(60)

    /// - Parameter address: `HOST:PORT`, an IPv6 address in brackets; port 0 takes a free one.
    /// - Throws: a sentence that says why it cannot listen there.
    package init(at address: String) throws(MailSinkProblem) {
        guard let (host, port) = Target.split(address, defaultPort: nil) else {
            throw MailSinkProblem(description: "a mail sink listens at HOST:PORT, 127.0.0.1:2525 for example")
        }
        let listener: Listener
        do { listener = try Listener(host: host, port: port) } catch {
            throw MailSinkProblem(description: "nothing can listen for mail at \(address): \(error)")
        }
        self.host = host
        self.port = listener.port
        Thread.detachNewThread { [self] in accept(on: listener) }
    }

    /// Takes no further connection, and ends the ones there are.
    package func stop() { stopped.set() }

    /// Takes the oldest mail to the address out of the box.
    package func take(to address: String) -> ReceivedMail? {
        let address = address.lowercased()
        return box.withLock { mails in
            mails.firstIndex { $0.recipients.contains(address) }.map { mails.remove(at: $0) }
        }
    }

    /// Waits for a mail to the address, and takes it out of the box.
    ///
    /// - Returns: nil when none came in time.
    package func take(to address: String, within limit: Duration) async throws -> ReceivedMail? {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while true {
            if let mail = take(to: address) { return mail }
            guard clock.now < end else { return nil }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    // MARK: Connections

    private func accept(on listener: borrowing Listener) {
        while !stopped.isSet {
            guard let descriptor = try? listener.accept(timeout: .milliseconds(200)) else { continue }
            let others = openConnections.add(1, ordering: .relaxed).oldValue
            // Whoever finds too many others here is closed on, and comes again.
            Thread.detachNewThread { [self] in
                let connection = PlainConnection(accepted: descriptor)
                if others < Self.mostConnections { converse(on: connection) }
                openConnections.subtract(1, ordering: .relaxed)
            }
        }
    }

    private func converse(on connection: borrowing PlainConnection) {
        var conversation = SMTPConversation()
        var unread: [UInt8] = []
        guard Self.write(SMTPConversation.greeting, to: connection) else { return }
        var lastHeard = ContinuousClock.now
        while !stopped.isSet, !conversation.isOver, ContinuousClock.now - lastHeard < Self.idleTimeout {
            switch try? connection.receive(timeout: .milliseconds(200)) {
            case nil, .closed?: return
            case .nothing?: continue
            case .bytes(let bytes)?: unread += bytes
            }
            lastHeard = .now
            while let end = unread.firstIndex(of: 0x0A) {
                var line = Array(unread[..<end])
                if line.last == 0x0D { line.removeLast() }
                unread.removeSubrange(...end)
                let (reply, mail) = conversation.take(line)
                if let mail { keep(mail) }
                if let reply, !Self.write(reply, to: connection) { return }
            }
            if unread.count > SMTPConversation.longestLine {
                _ = Self.write("500 the line is too long\r\n", to: connection)
                return
            }
        }
    }

    private func keep(_ mail: ReceivedMail) {
        box.withLock { mails in
            mails.append(mail)
            if mails.count > Self.mostMails { mails.removeFirst() }
        }
    }

    /// - Returns: whether all went out.
    private static func write(_ text: String, to connection: borrowing PlainConnection) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            guard let sent = try? connection.send(rest, timeout: .seconds(10)), sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }
}

/// Why there is no mail sink.
package struct MailSinkProblem: Error, CustomStringConvertible {
    package let description: String
}
