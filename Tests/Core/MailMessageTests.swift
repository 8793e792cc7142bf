import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseCore

@Suite("What a mail looks like")
struct MailMessageTests {
    private func message(
        from: String = "Gatehouse <no-reply@id.example.org>", replyTo: String? = nil,
        subject: String = "Password reset",
        text: String = "Hello", html: String = "<p>Hello</p>"
    ) throws -> String {
        let message = MailMessage(
            from: try MailAddress(from), replyTo: try replyTo.map { text throws in try MailAddress(text) },
            recipient: try EmailAddress("alice@a.test"),
            content: MailContent(subject: subject, text: text, html: html), id: "id17", date: TestClock.start)
        return String(decoding: message.octets, as: UTF8.self)
    }

    @Test("a header, a text and a page, each line ending in CRLF")
    func whole() throws {
        let text = try message(replyTo: "Help <help@example.org>")
        #expect(
            text == """
                From: "Gatehouse" <no-reply@id.example.org>\r
                Reply-To: "Help" <help@example.org>\r
                To: alice@a.test\r
                Subject: Password reset\r
                Date: Fri, 15 Jan 2027 08:00:00 +0000\r
                Message-ID: <id17@id.example.org>\r
                Auto-Submitted: auto-generated\r
                MIME-Version: 1.0\r
                Content-Type: multipart/alternative; boundary="=_id17"\r
                \r
                --=_id17\r
                Content-Type: text/plain; charset=utf-8\r
                Content-Transfer-Encoding: quoted-printable\r
                \r
                Hello\r
                \r
                --=_id17\r
                Content-Type: text/html; charset=utf-8\r
                Content-Transfer-Encoding: quoted-printable\r
                \r
                <p>Hello</p>\r
                --=_id17--\r

                """)
    }

    @Test("a subject beyond ASCII is cut into words between characters, no line longer than 78")
    func subjects() throws {
        let subject = String(repeating: "Passwort zurücksetzen 🔑 ", count: 8)
        let lines = EncodedWords.encode(subject).components(separatedBy: "\r\n")
        #expect(lines.count > 3)
        var decoded = ""
        for (index, line) in lines.enumerated() {
            #expect(line.utf8.count <= 76 && line.hasPrefix(" ") == (index > 0))
            let word = line.trimmingCharacters(in: .whitespaces)
            #expect(word.hasPrefix("=?utf-8?B?") && word.hasSuffix("?="))
            let octets = try #require(Data(base64Encoded: String(word.dropFirst(10).dropLast(2))))
            decoded += try #require(String(validating: octets, as: UTF8.self))
        }
        #expect(decoded == subject)
        #expect(EncodedWords.encode("plain") == "plain")
        #expect(EncodedWords.encode("=?utf-8?B?eA==?=").hasPrefix("=?utf-8?B?PT91"), "what looks like a word is one")
    }

    @Test("a name of the sender can be anything that shows, and ends no line")
    func senders() throws {
        #expect(try message(from: "\"A \\ B\" <a@b.test>").hasPrefix("From: \"A \\\\ B\" <a@b.test>\r\n"))
        #expect(try message(from: "Größe <a@b.test>").hasPrefix("From: =?utf-8?B?R3LDtsOfZQ==?= <a@b.test>\r\n"))
        #expect(try message(from: "a@b.test").hasPrefix("From: a@b.test\r\n"))
        for text in [
            "A\r\nBcc: c@d.test <a@b.test>", "A <a b@c.test>", "<>", "A", "A <a@b>",
            "\u{202E}A <a@b.test>",
        ] {
            #expect(throws: InvalidName.self, "\(text)") { try MailAddress(text) }
        }
    }

    @Test(
        "quoted-printable",
        arguments: [
            ("", ""), ("a=b", "a=3Db"), ("ü", "=C3=BC"), ("a \nb\t", "a=20\r\nb=09"),
            ("a\r\nb\rc\nd", "a\r\nb\r\nc\r\nd"),
            (String(repeating: "a", count: 76), String(repeating: "a", count: 76)),
            (
                String(repeating: "a", count: 77),
                String(repeating: "a", count: 75) + "=\r\naa"
            ),
            (String(repeating: "a", count: 74) + "üb", String(repeating: "a", count: 74) + "=\r\n=C3=BCb"),
        ])
    func quotedPrintable(text: String, encoded: String) {
        #expect(QuotedPrintable.encode(text) == encoded)
        #expect(QuotedPrintable.encode(text).components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 76 })
    }
}

@Suite("The texts of mails")
struct MailTemplateTests {
    private static let values = [
        "username": "a&b<c>@x.test", "link": "https://id.test/reset?k=1&l=\"2\"", "hours": "2",
    ]

    private func mistakes(_ files: [String: String]) throws -> [String] {
        let folder = try TemporaryFolder(files)
        do {
            _ = try MailTemplates(folder: folder.url.path)
            return []
        } catch { return error.mistakes.map { $0.replacing(folder.url.path, with: "FOLDER") } }
    }

    @Test("values are escaped in HTML and nowhere else")
    func escaping() throws {
        let mail = try MailTemplates(folder: nil).render(.passwordReset, Self.values)
        #expect(mail.subject == "Password reset")
        #expect(mail.text.hasPrefix("Hello a&b<c>@x.test,\n"))
        #expect(mail.text.contains("\nhttps://id.test/reset?k=1&l=\"2\"\n"))
        #expect(mail.text.contains("for 2 hours") && !mail.text.hasSuffix("\n"))
        #expect(mail.html.contains("a&amp;b&lt;c&gt;@x.test") && !mail.html.contains("<c>"))
        #expect(mail.html.contains("href=\"https://id.test/reset?k=1&amp;l=&quot;2&quot;\""))
    }

    @Test("a file of the deployer takes the place of ours, the others stay")
    func replaced() throws {
        let folder = try TemporaryFolder([
            "password-reset.text.mustache":
                "{{! unsere Worte }}Grüezi {{username}}: {{link}}{{#hours}} ({{hours}} h){{/hours}}\n",
            "password-reset.subject.mustache": "Für {{username}}\n", "README.md": "not ours",
        ])
        let templates = try MailTemplates(folder: folder.url.path)
        let mail = templates.render(.passwordReset, Self.values)
        #expect(mail.subject == "Für a&b<c>@x.test")
        #expect(mail.text == "Grüezi a&b<c>@x.test: https://id.test/reset?k=1&l=\"2\" (2 h)")
        #expect(mail.html.contains("somebody, probably you"))
        let hostile = templates.render(.passwordReset, ["username": "a\r\nBcc: c@d.test"])
        #expect(hostile.subject == "Für a Bcc: c@d.test")
    }

    @Test("a file that is no use is a mistake that names it, with the reason")
    func broken() throws {
        for (name, text, reason) in [
            ("password-reset.text.mustache", "{{link}} {{usrname}}", "{{usrname}} is not among what this mail can say"),
            ("password-reset.html.mustache", "{{{link}}}", "{{{link}} is not among"),
            ("password-reset.html.mustache", "{{&link}}", "{{&link}} is not among"),
            ("password-reset.html.mustache", "{{> other}}", "{{> other}} is not among"),
            ("password-reset.text.mustache", "Hello", "{{link}} does not occur in it"),
            ("password-reset.html.mustache", "<p>Hello</p>", "{{link}} does not occur in it"),
            ("password-reset.text.mustache", "a\n{{#link}}\n{{link}}", "line "),
            ("password-reset.text.mustache", "{{link", "line "),
            ("password-reset.subject.mustache", "one\ntwo\n", "a subject is one line"),
            ("password-reset.subject.mustache", "\n", "a subject is one line"),
            ("password-rest.text.mustache", "{{link}}", "no mail has a file of this name"),
        ] {
            let found = try mistakes([name: text])
            #expect(
                found.count == 1 && found.first?.hasPrefix("FOLDER/\(name): \(reason)") == true, "\(text): \(found)")
        }
        #expect(try mistakes(["test.text.mustache": "{{#server}}", "password-reset.text.mustache": "x"]).count == 2)
        #expect(throws: SettingsMistakes.self) { try MailTemplates(folder: "/nowhere/at/all") }
    }
}
