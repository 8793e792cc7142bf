import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import Synchronization
import Testing

@Suite("Mail over SMTP", .timeLimit(.minutes(1)))
struct SMTPTests {
    private let transport = CurlTransport()

    /// A server that says what a test wants to each command, by the command's first word; the message as a whole is `.`.
    private func server(_ answers: [String: String] = [:]) throws -> (RawServer, Heard) {
        let heard = Heard()
        let server = try RawServer { connection, _ in
            var rest: [UInt8] = []
            func line(_ end: String) -> String? {
                while true {
                    if let range = rest.firstRange(of: Array(end.utf8)) {
                        defer { rest.removeFirst(range.upperBound) }
                        return String(decoding: rest[..<range.lowerBound], as: UTF8.self)
                    }
                    guard let more = connection.piece() else { return nil }
                    rest += more
                }
            }
            connection.write((answers["greeting"] ?? "220 test") + "\r\n")
            var isMessage = false
            while let said = line(isMessage ? "\r\n.\r\n" : "\r\n") {
                heard.note(said)
                let word = isMessage ? "." : said.split(separator: " ").first.map(String.init) ?? ""
                isMessage = false
                let usual = ["EHLO": "250 test", "DATA": "354 go on", "QUIT": "221 bye"]
                let answer = answers[word] ?? usual[word] ?? "250 ok"
                if answer == "hang up" { return }
                if answer == "silence" { return connection.waitForClose() }
                connection.write(answer + "\r\n")
                isMessage = word == "DATA" && answer.hasPrefix("354")
                if word == "QUIT" { return }
            }
        }
        return (server, heard)
    }

    private func place(_ server: RawServer, _ security: SMTPServer.Security = .none) -> SMTPServer {
        SMTPServer(host: "127.0.0.1", port: Int(server.port), security: security, helloName: "id.example.org")
    }

    private func message(_ text: String = "Subject: x\r\n\r\nHello\r\n") throws -> SMTPMessage {
        try SMTPMessage(from: "from@example.org", to: "to@example.org", octets: Array(text.utf8))
    }

    private func refusal(_ answers: [String: String], timeout: Duration = .seconds(10)) async throws -> SMTPError? {
        let (server, _) = try server(answers)
        let mail = try message()
        do {
            try await transport.send(mail, through: place(server), timeout: timeout)
            return nil
        } catch { return error }
    }

    @Test("one message goes to one recipient, and what was said is told")
    func sends() async throws {
        let (server, heard) = try server([".": "250 2.0.0 queued as 17"])
        let dialogue = try await transport.send(try message(), through: place(server), timeout: .seconds(10))
        #expect(
            heard.lines.prefix(5) == [
                "EHLO id.example.org", "MAIL FROM:<from@example.org>", "RCPT TO:<to@example.org>", "DATA",
                "Subject: x\r\n\r\nHello",
            ])
        #expect(dialogue.parts.map(\.step) == [.connect, .hello, .sender, .recipient, .content])
        #expect(dialogue.parts.last?.reply == "250 2.0.0 queued as 17")
    }

    @Test("a line that begins with a dot ends no message")
    func dots() async throws {
        let (server, heard) = try server()
        let mail = try message("Subject: x\r\n\r\n.\r\n..\r\nRCPT TO:<other@example.org>\r\n")
        try await transport.send(mail, through: place(server), timeout: .seconds(10))
        #expect(heard.lines.dropFirst(4).first == "Subject: x\r\n\r\n..\r\n...\r\nRCPT TO:<other@example.org>")
        #expect(heard.lines.count(where: { $0.hasPrefix("RCPT") }) == 1)
    }

    @Test(
        "what a server refuses for good is permanent, what it refuses for now is not, and a sign-in that it wants is not either"
    )
    func refusals() async throws {
        for (answers, step, code, isPermanent) in [
            (["RCPT": "550 5.1.1 no such user"], SMTPStep.recipient, 550, true),
            (["RCPT": "553-5.1.8 a\r\n553 5.1.8 b"], .recipient, 553, true),
            (["DATA": "554 no"], .content, 554, true),
            ([".": "554 5.7.1 not wanted"], .content, 554, true),
            (["RCPT": "451 later"], .recipient, 451, false),
            (["RCPT": "530 5.7.0 authentication required"], .recipient, 530, false),
            ([".": "452 full"], .content, 452, false),
            (["MAIL": "553 not this sender"], .sender, 553, false),
            (["EHLO": "554 no", "HELO": "554 no"], .hello, 554, false),
            (["greeting": "554 busy"], .connect, 554, false),
        ] {
            let error = try #require(try await refusal(answers))
            #expect(
                error.step == step && error.code == code && error.isPermanent == isPermanent, "\(answers): \(error)")
        }
    }

    @Test("a connection that ends, a server that says nothing, and nobody at all are refusals of nothing")
    func timedLosses() async throws {
        for answers in [["RCPT": "hang up"], [".": "hang up"], ["DATA": "hang up"], ["greeting": "250-"]] {
            let error = try #require(try await refusal(answers))
            #expect(!error.isPermanent && error.code == nil, "\(answers): \(error)")
        }
        let start = ContinuousClock.now
        let late = try #require(try await refusal(["RCPT": "silence"], timeout: .seconds(1)))
        #expect(late.cause.kind == .timedOut && !late.isPermanent && ContinuousClock.now - start < .seconds(5))
        let port = try RawServer.unusedPort()
        let nowhere = SMTPServer(host: "127.0.0.1", port: Int(port), security: .none, helloName: "a.test")
        let mail = try message()
        let error = await failure { () async throws(SMTPError) in
            try await transport.send(mail, through: nowhere, timeout: .seconds(5))
        }
        #expect(error?.step == .connect && error?.cause.kind == .unreachable)
    }

    @Test("a server that has taken the mail and says no goodbye keeps nobody waiting for long")
    func timedNoGoodbye() async throws {
        let (server, _) = try server(["QUIT": "silence"])
        let start = ContinuousClock.now
        try await transport.send(try message(), through: place(server), timeout: .seconds(50))
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("without STARTTLS nothing is said that counts")
    func noTLS() async throws {
        for answers in [[:], ["EHLO": "250-test\r\n250 STARTTLS", "STARTTLS": "454 not now"]] {
            let (server, heard) = try server(answers)
            var place = place(server, .startTLS)
            place.credentials = SMTPServer.Credentials(user: "user", password: "secret")
            let mail = try message()
            let error = await failure { () async throws(SMTPError) in
                try await transport.send(mail, through: place, timeout: .seconds(10))
            }
            #expect(error?.step == .startTLS && error?.isPermanent == false, "\(String(describing: error))")
            let said = heard.lines.joined(separator: "\n")
            #expect(!said.contains("AUTH") && !said.contains("MAIL"), "\(said)")
        }
    }

    @Test("an address that is more than one, or a command, is refused before anybody is asked")
    func injection() async throws {
        for address in [
            "a@b.test\r\nRCPT TO:<c@d.test>", "a@b.test\nDATA", "a@b.test>", "<a@b.test", "a@b.test,c@d.test",
            "a@b.test SIZE=1", "a\0@b.test", "a", "@b.test", "a@", "a@b@c.test", "",
            String(repeating: "a", count: 320) + "@b.test",
        ] {
            #expect(throws: TransferError.self, "\(address)") {
                try SMTPMessage(from: "from@example.org", to: address, octets: [])
            }
            #expect(throws: TransferError.self, "\(address)") {
                try SMTPMessage(from: address, to: "to@example.org", octets: [])
            }
        }
        for name in ["a.test\r\nNOOP", "a b", "a%0d%0aNOOP", ""] {
            let (server, _) = try server()
            var place = place(server)
            place.helloName = name
            let mail = try message()
            let error = await failure { () async throws(SMTPError) in
                try await transport.send(mail, through: place, timeout: .seconds(5))
            }
            #expect(error != nil)
            #expect(server.connections == 0)
        }
    }

    @Test("a probe hands nothing over, and misses a sign-in that is not offered")
    func probe() async throws {
        let (server, heard) = try server()
        try await transport.probe(place(server), timeout: .seconds(5))
        #expect(heard.lines.prefix(2) == ["EHLO id.example.org", "NOOP"])
        #expect(!heard.lines.contains { $0.hasPrefix("MAIL") })
        var place = place(server)
        place.credentials = SMTPServer.Credentials(user: "user", password: "secret")
        let error = await failure { () async throws(SMTPError) in try await transport.probe(place, timeout: .seconds(5))
        }
        #expect(error != nil)
    }

    @Test("a message that is cut off is not handed over")
    func cutOff() async throws {
        let heard = Heard()
        let server = try RawServer { connection, _ in
            connection.write("220 test\r\n")
            var all = ""
            while let piece = connection.piece() {
                let text = String(decoding: piece, as: UTF8.self)
                all += text
                heard.note(text)
                if all.hasSuffix("DATA\r\n") {
                    connection.write("354 go on\r\n")
                    // Takes some of it, and then nothing more.
                    while let piece = connection.piece(), piece.isEmpty {}
                    heard.note("begun")
                    while !heard.lines.contains("cancelled") { Thread.sleep(forTimeInterval: 0.01) }
                    while let piece = connection.piece() { heard.note(String(decoding: piece, as: UTF8.self)) }
                    heard.note("closed")
                    return
                }
                if text.hasSuffix("\r\n") { connection.write("250 ok\r\n") }
            }
        }
        let mail = try message("Subject: x\r\n\r\n" + String(repeating: "0123456789\r\n", count: 2_000_000))
        let (transport, place) = (transport, place(server))
        let task = Task { try await transport.send(mail, through: place, timeout: .seconds(50)) }
        while !heard.lines.contains("begun") { try await Task.sleep(for: .milliseconds(10)) }
        task.cancel()
        let result = await task.result
        #expect(throws: SMTPError.self) { try result.get() }
        heard.note("cancelled")
        while !heard.lines.contains("closed") { try await Task.sleep(for: .milliseconds(10)) }
        #expect(!heard.lines.joined().hasSuffix("\r\n.\r\nclosed"))
    }

    @Test("cancelling ends the conversation")
    func timedCancellation() async throws {
        let (server, heard) = try server(["RCPT": "silence"])
        let mail = try message()
        let (transport, place) = (transport, place(server))
        let task = Task { try await transport.send(mail, through: place, timeout: .seconds(60)) }
        while !heard.lines.contains(where: { $0.hasPrefix("RCPT") }) { try await Task.sleep(for: .milliseconds(10)) }
        let start = ContinuousClock.now
        task.cancel()
        var error: SMTPError?
        do { _ = try await task.value } catch let thrown as SMTPError { error = thrown }
        #expect(error?.cause.kind == .cancelled && ContinuousClock.now - start < .seconds(10))
    }
}

/// STARTTLS, AUTH and certificates, with a server of somebody else.
@Suite("Mail over SMTP, protected", .timeLimit(.minutes(2)))
struct ProtectedSMTPTests {
    private let transport = CurlTransport()
    private let folder: TemporaryFolder
    private let certificate: TestCertificate

    init() throws {
        folder = try TemporaryFolder()
        certificate = try TestCertificate(in: folder, named: "right", for: "IP:127.0.0.1,DNS:localhost")
    }

    private func place(
        _ server: MailServer, _ security: SMTPServer.Security = .startTLS, password: String = "right", trusting: String?
    ) -> SMTPServer {
        SMTPServer(
            host: "127.0.0.1", port: Int(server.port), security: security,
            credentials: SMTPServer.Credentials(user: "gatehouse", password: password), caFile: trusting,
            helloName: "a.test")
    }

    private func send(_ place: SMTPServer) async throws(SMTPError) {
        guard
            let mail = try? SMTPMessage(
                from: "from@a.test", to: "to@b.test", octets: Array("Subject: x\r\n\r\nHello\r\n".utf8))
        else { return }
        try await transport.send(mail, through: place, timeout: .seconds(20))
    }

    @Test("STARTTLS and TLS from the beginning, signed in", arguments: [SMTPServer.Security.startTLS, .tls])
    func protected(security: SMTPServer.Security) async throws {
        let server = try await MailServer(
            security == .tls ? .tls : .startTLS, certificate: certificate, user: ("gatehouse", "right"))
        try await send(place(server, security, trusting: certificate.file))
        let mail = try #require(server.mails.first)
        #expect(mail["user"]?.string == "gatehouse")
        #expect(mail["isEncrypted"]?.bool == (security == .startTLS), "aiosmtpd sees the one only")
        #expect(server.signIns.count == 1)
        try await transport.probe(place(server, security, trusting: certificate.file), timeout: .seconds(20))
        #expect(server.signIns.count == 2 && server.mails.count == 1)
    }

    @Test("a wrong password is refused at the sign-in, and that is not for good")
    func wrongPassword() async throws {
        let server = try await MailServer(certificate: certificate, user: ("gatehouse", "right"))
        let place = place(server, password: "wrong", trusting: certificate.file)
        let error = await failure { () async throws(SMTPError) in try await send(place) }
        #expect(error?.step == .signIn && error?.code == 535 && error?.isPermanent == false)
        #expect(server.attempts.isEmpty)
        let probed = await failure { () async throws(SMTPError) in
            try await transport.probe(place, timeout: .seconds(20))
        }
        #expect(probed?.step == .signIn)
    }

    @Test("a certificate that is not trusted, or another's, gets neither password nor mail")
    func wrongCertificate() async throws {
        let other = try TestCertificate(in: folder, named: "other", for: "DNS:other.test")
        for (tls, security) in [(MailServer.TLS.startTLS, SMTPServer.Security.startTLS), (.tls, .tls)] {
            for (shown, trusted) in [(certificate, nil), (certificate, other.file), (other, other.file)] {
                let server = try await MailServer(tls, certificate: shown, user: ("gatehouse", "right"))
                let place = place(server, security, trusting: trusted)
                let error = await failure { () async throws(SMTPError) in try await send(place) }
                #expect(error?.cause.kind == .tls && error?.step == (tls == .tls ? .connect : .startTLS))
                #expect(server.signIns.isEmpty && server.attempts.isEmpty)
            }
        }
    }
}

/// What a server was told, line by line, messages as one.
private final class Heard: Sendable {
    private let all = Mutex<[String]>([])
    var lines: [String] { all.withLock { $0 } }
    func note(_ line: String) { all.withLock { $0.append(line) } }
}

private func failure<Value>(_ body: () async throws(SMTPError) -> Value) async -> SMTPError? {
    do throws(SMTPError) { _ = try await body() } catch { return error }
    return nil
}
