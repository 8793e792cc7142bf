import Testing

@testable import GatehouseRunner

@Suite("The mail sink")
struct MailSinkTests {
    @Test("takes a mail over a socket, as RFC 5321 §3.3 has it")
    func takes() async throws {
        let sink = try MailSink(at: "127.0.0.1:0")
        defer { sink.stop() }
        let replies = try await MailClient.send(
            [
                "EHLO me", "AUTH PLAIN AHVzZXIAcGFzcw==", "NOOP", "MAIL FROM:<a@x.test> BODY=8BITMIME",
                "RCPT TO:<Nurse@X.test>", "DATA",
                "Subject: One\r\n\r\n..two dots\r\nend\r\n.", "QUIT",
            ], to: sink)
        #expect(replies == [220, 250, 235, 250, 250, 250, 354, 250, 221])
        let mail = try #require(sink.take(to: "nurse@x.TEST"))
        #expect(mail.subject == "One")
        #expect(mail.text == ".two dots\nend\n")
        #expect(sink.take(to: "nurse@x.test") == nil)
    }

    @Test("keeps the mails of one connection apart, and those to others")
    func apart() async throws {
        let sink = try MailSink(at: "127.0.0.1:0")
        defer { sink.stop() }
        _ = try await MailClient.send(
            [
                "EHLO me", "MAIL FROM:<>", "RCPT TO:<a@x>", "DATA", "Subject: 1\r\n\r\n.",
                "MAIL FROM:<>", "RCPT TO:<b@x>", "RSET", "MAIL FROM:<>", "RCPT TO:<a@x>", "DATA",
                "Subject: 2\r\n\r\n.", "QUIT",
            ], to: sink)
        #expect(sink.take(to: "b@x") == nil)
        #expect(sink.take(to: "a@x")?.subject == "1")
        #expect(sink.take(to: "a@x")?.subject == "2")
    }

    @Test(
        "answers what is out of order or unknown with an error of its own, and goes on",
        arguments: [
            (["RCPT TO:<a@x>"], 503), (["DATA"], 503), (["MAIL FROM:<a@x>", "DATA"], 503),
            (["MAIL FROM:<a@x>", "MAIL FROM:<a@x>"], 503), (["MAIL FROM:a@x"], 501),
            (["MAIL FROM:<a@x>", "RCPT TO:<>"], 501), (["HELP"], 500), ([""], 500), (["AUTH"], 501),
            (["AUTH CRAM-MD5"], 504), (["VRFY a"], 252), (["HELO me"], 250), (["AUTH LOGIN", "YQ==", "Yg=="], 235),
            (["AUTH PLAIN", "AGEAYg=="], 235),
        ])
    func outOfOrder(lines: [String], code: Int) {
        var conversation = SMTPConversation()
        var last: String?
        for line in lines { last = conversation.take(Array(line.utf8)).reply }
        #expect(last?.hasPrefix("\(code) ") == true, "\(last ?? "")")
        #expect(conversation.take(Array("NOOP".utf8)).reply == "250 ok\r\n")
    }

    @Test("a mail that is too long is refused, and the next one is taken")
    func tooLong() {
        var conversation = SMTPConversation()
        func give(_ lines: [String]) -> (reply: String?, mail: ReceivedMail?) {
            lines.map { conversation.take(Array($0.utf8)) }.last ?? (nil, nil)
        }
        let line = String(repeating: "a", count: 10_000)
        let long = give(
            ["MAIL FROM:<a@x>", "RCPT TO:<a@x>", "DATA"] + Array(repeating: line, count: 110) + ["."])
        #expect(long.reply?.hasPrefix("552 ") == true && long.mail == nil)
        let next = give(["MAIL FROM:<a@x>", "RCPT TO:<a@x>", "DATA", "", "hi", "."])
        #expect(next.mail?.text == "hi\n")
    }

    @Test("a line without end is not collected for ever")
    func endlessLine() async throws {
        let sink = try MailSink(at: "127.0.0.1:0")
        defer { sink.stop() }
        let replies = try await MailClient.send([String(repeating: "x", count: 40_000)], to: sink)
        #expect(replies == [220, 500])
    }

    @Test("an address where nothing can listen is a sentence", arguments: ["here", "127.0.0.1", "192.0.2.1:25", ":1"])
    func unusable(address: String) {
        #expect(throws: MailSinkProblem.self) { () throws in _ = try MailSink(at: address) }
    }
}

@Suite("A received mail")
struct ReceivedMailTests {
    @Test("is read in both its parts, whatever they are encoded in")
    func parts() {
        let mail = mail(
            """
            Subject: =?utf-8?Q?Pass=20w?= =?UTF-8?B?w7ZydA==?=
            Content-Type: multipart/alternative;
             boundary="b 1"

            for old programs
            --b 1
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            Gr=C3=BC=C3=9Fe: https://id.x/reset?k=3Dabc=
            def
            --b 1
            Content-Type: TEXT/HTML; charset=utf-8
            Content-Transfer-Encoding: base64

            PHA+aMOp
            PC9wPg==
            --b 1--
            afterwards
            """)
        #expect(mail.subject == "Pass wört")
        #expect(mail.text == "Grüße: https://id.x/reset?k=abcdef\n")
        #expect(mail.html == "<p>hé</p>")
    }

    @Test("without a type is text, and a part that is not there is absent")
    func plain() {
        let mail = mail("subject: a\n long one\n\nhello")
        #expect(mail.subject == "a long one")
        #expect(mail.text == "hello" && mail.html == nil)
    }

    @Test("parts in parts are found, but not for ever")
    func nested() {
        let inner = "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>\n--b--\n"
        #expect(mail("Content-Type: multipart/mixed; boundary=a\n\n--a\n\(inner)\n--a--").html == "<b>\n")
        var deep = "x"
        for level in 0..<100 { deep = "Content-Type: multipart/mixed; boundary=n\(level)\n\n--n\(level)\n\(deep)" }
        #expect(mail(deep).text == nil)
    }

    private func mail(_ text: String) -> ReceivedMail {
        ReceivedMail(recipients: ["a@x"], octets: Array(text.replacing("\n", with: "\r\n").utf8))
    }
}

/// The client's side of SMTP, one command after the other.
enum MailClient {
    /// - Returns: the codes of the greeting and of each reply.
    @discardableResult
    static func send(_ commands: [String], to sink: MailSink) async throws -> [Int] {
        let (host, port) = (sink.host, sink.port)
        return try await onOwnThread {
            let connection = try PlainConnection(host: host, port: port, timeout: .seconds(5))
            var codes: [Int] = []
            var unread = ""
            func reply() throws -> Int? {
                let end = ContinuousClock.now + .seconds(5)
                while ContinuousClock.now < end {
                    while let line = unread.firstRange(of: "\r\n") {
                        let text = unread[..<line.lowerBound]
                        unread = String(unread[line.upperBound...])
                        // `250-` is not the last line of a reply.
                        if text.dropFirst(3).first == " " { return Int(text.prefix(3)) }
                    }
                    guard case .bytes(let bytes) = try connection.receive(timeout: .milliseconds(100)) else { continue }
                    unread += String(decoding: bytes, as: UTF8.self)
                }
                return nil
            }
            if let code = try reply() { codes.append(code) }
            for command in commands {
                var rest = Array((command + "\r\n").utf8)[...]
                while !rest.isEmpty, let sent = try connection.send(rest, timeout: .seconds(5)) {
                    rest = rest.dropFirst(sent)
                }
                if let code = try reply() { codes.append(code) }
            }
            return codes
        }
    }

    /// A mail with a text.
    static func send(_ text: String, subject: String = "Hello", to recipient: String, by sink: MailSink) async throws {
        try await send(
            [
                "EHLO me", "MAIL FROM:<server@x.test>", "RCPT TO:<\(recipient)>", "DATA",
                "Subject: \(subject)\r\nAuto-Submitted: auto-generated\r\n\r\n\(text)\r\n.", "QUIT",
            ], to: sink)
    }
}
