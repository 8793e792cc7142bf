import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseJSON
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("Mail, with a mail server of somebody else", .timeLimit(.minutes(5)))
struct MailTests {
    /// A store, and what protects the way to its mail server.
    private struct Place: Sendable {
        let store: TestStore
        let certificate: TestCertificate

        init(_ store: TestStore) throws {
            self.store = store
            certificate = try TestCertificate(in: store.folder, named: "mail", for: "IP:127.0.0.1")
        }

        func mailServer(
            port: UInt16 = 0, _ tls: MailServer.TLS = .startTLS, greetAfter: Double = 0
        ) async throws -> MailServer {
            try await MailServer(
                port: port, tls, certificate: certificate, user: ("gatehouse", "the right word"), greetAfter: greetAfter
            )
        }

        func flags(_ port: UInt16, scheme: String = "smtp", trusting other: TestCertificate? = nil) -> [String] {
            [
                "--mail-server", "\(scheme)://127.0.0.1:\(port)", "--mail-from", "Gatehouse <no-reply@id.test>",
                "--mail-user", "gatehouse", "--mail-ca-file", (other ?? certificate).file, "--public-url",
                "https://id.test",
            ]
        }

        static func environment(_ password: String = "the right word") -> [String: String] {
            ["GATEHOUSE_MAIL_PASSWORD": password]
        }

        /// A server with short pauses.
        func start(
            _ port: UInt16, password: String = "the right word", trusting other: TestCertificate? = nil,
            _ more: [String] = []
        ) async throws -> ServerProcess {
            try await store.start(
                flags(port, trusting: other) + ["--test-limits"] + more, environment: Self.environment(password))
        }

        /// Puts mails into the outbox, as a request does, but from here: another process on the store.
        func enqueue(_ recipients: String...) async throws { try await enqueue(recipients) }

        func enqueue(_ recipients: [String]) async throws {
            var settings = Settings()
            settings.database = store.database
            let database = try SQLiteDatabase(path: store.database)
            let masterKey = try await MasterKey.load(settings: settings, database: database).key
            let outbox = Outbox(isOn: true, masterKey: masterKey)
            let now = Int64(Date.now.timeIntervalSince1970 * 1_000_000)
            try await database.transaction { sql in
                for recipient in recipients {
                    let mail = OutgoingMail(
                        to: recipient, template: .passwordReset,
                        values: ["username": recipient, "link": "https://id.test/reset?k=secret-key", "hours": "2"])
                    try outbox.enqueue(mail, at: now, in: sql)
                }
            }
            await database.close()
        }

        var waiting: Int {
            get async throws {
                let database = try SQLiteDatabase(path: store.database)
                let count = try await database.rows("SELECT COUNT(*) FROM outbox").first?.integer(at: 0)
                await database.close()
                return Int(count ?? -1)
            }
        }
    }

    private func withPlace(_ body: (Place) async throws -> Void) async throws {
        try await withStore { store in try await body(Place(store)) }
    }

    @Test("a mail arrives through STARTTLS and AUTH, in two forms that others can read")
    func arrives() async throws {
        try await withPlace { place in
            let mailServer = try await place.mailServer()
            let server = try await place.start(mailServer.port)
            try await place.enqueue("alice@a.test")
            try await wait(for: "the mail") { !mailServer.mails.isEmpty }
            let mail = try #require(mailServer.mails.first)
            #expect(mail["user"]?.string == "gatehouse" && mail["isEncrypted"]?.bool == true)
            #expect(mail["from"]?.string == "no-reply@id.test" && mail["to"]?.string == "alice@a.test")
            let headers = try #require(mail["headers"])
            #expect(headers["from"]?.string == "Gatehouse <no-reply@id.test>")
            #expect(headers["subject"]?.string == "Password reset")
            #expect(headers["auto-submitted"]?.string == "auto-generated")
            #expect(headers["message-id"]?.string?.hasSuffix("@id.test>") == true)
            #expect(mail["type"]?.string == "multipart/alternative" && mail["forms"] == ["text/plain", "text/html"])
            #expect(mail["defects"] == [] && mail["isASCII"]?.bool == true)
            #expect(mail["longestLine"]?.int64 ?? 999 <= 78)
            #expect(mail["text"]?.string?.contains("https://id.test/reset?k=secret-key\r\n") == true)
            #expect(mail["html"]?.string?.contains("href=\"https://id.test/reset?k=secret-key\"") == true)
            try await wait(for: "an empty outbox") { try await place.waiting == 0 }
            #expect(server.log.contains("mail sent") && !server.log.contains("alice"))
            #expect(!server.log.contains("secret-key") && !server.log.contains("the right word"))
        }
    }

    @Test(
        "a link that was asked for at /iforgot arrives with the origin of the settings, works once, and ends all sessions"
    )
    func forgotten() async throws {
        try await withPlace { place in
            let mailServer = try await place.mailServer()
            try await place.store.addAccount("alice@a.test")
            let server = try await place.start(mailServer.port)
            let token = try await server.token("alice@a.test")
            let answer = try await server.post(
                "/iforgot", ["username": "alice@a.test"],
                [
                    ("Host", "evil.test"), ("X-Forwarded-Host", "evil.test"), ("Forwarded", "host=evil.test"),
                    ("Origin", "http://evil.test"), ("Referer", "https://evil.test/iforgot"),
                ])
            #expect(answer.status == 200)
            try await wait(for: "the mail") { mailServer.mails.count == 1 }
            let mail = try #require(mailServer.mails.first)
            #expect(mail["user"]?.string == "gatehouse" && mail["isEncrypted"]?.bool == true)
            #expect(mail["to"]?.string == "alice@a.test")
            let (text, html) = (mail["text"]?.string ?? "", mail["html"]?.string ?? "")
            let key = try #require(text.firstMatch(of: #/https:\/\/id\.test\/reset\?k=([\w-]{22,})\r\n/#)?.1)
            #expect(html.contains("https://id.test/reset?k=\(key)\"") && !"\(mail)".contains("evil.test"))

            let form = ["key": String(key), "pass1": "another quiet harbour 8", "pass2": "another quiet harbour 8"]
            #expect(try await server.post("/reset", form).outcome == "200")
            #expect(try await server.post("/reset", form).outcome == "200 invalid_reset_key")
            #expect(try await server.send(.get, "/api/sessions", bearer: token).status == 401)
            #expect(try await server.signIn("alice@a.test").status == 401)
            #expect(try await server.signIn("alice@a.test", "another quiet harbour 8").status == 200)
            #expect(!server.log.contains(key) && !server.log.contains("alice"))
        }
    }

    @Test("a wrong password, another's certificate, and a server without STARTTLS get no mail, and it is kept")
    func kept() async throws {
        try await withPlace { place in
            let other = try TestCertificate(in: place.store.folder, named: "other", for: "IP:127.0.0.1")
            let (secure, plain) = (try await place.mailServer(), try await place.mailServer(MailServer.TLS.none))
            for (mailServer, password, trusted, reason) in [
                (secure, "the wrong word", nil, "sign-in: "), (secure, "the right word", other, "starttls: "),
                (plain, "the right word", nil, "starttls: "),
            ] {
                let server = try await place.start(mailServer.port, password: password, trusting: trusted)
                if try await place.waiting == 0 { try await place.enqueue("alice@a.test") }
                try await wait(for: "two attempts") {
                    server.log.components(separatedBy: "mail not sent yet").count > 2
                }
                #expect(server.log.contains(reason), "\(server.log)")
                #expect(!server.log.contains("alice") && !server.log.contains(password))
                #expect(try await server.stop() == 0)
                #expect(try await place.waiting == 1)
            }
            #expect(secure.attempts.isEmpty && plain.attempts.isEmpty && plain.signIns.isEmpty)
            // The same mail goes out when all is right again.
            _ = try await place.start(secure.port)
            try await wait(for: "the mail") { secure.mails.count == 1 }
        }
    }

    @Test("a mail server that is down for a while loses nothing, and changes and delays no answer")
    func timedOutage() async throws {
        try await withPlace { place in
            // One that refuses connections, and one that takes them and says nothing.
            let silent = try await place.mailServer(greetAfter: 600)
            let port = try ScriptedServer.unusedPort()
            for name in ["alice@a.test", "bob@a.test"] { try await place.store.addAccount(name) }
            var answers: [[UInt8]] = []
            for port in [silent.port, port] {
                let server = try await place.start(port)
                for name in ["alice@a.test", "bob@a.test", "nobody@a.test"] {
                    let start = ContinuousClock.now
                    let answer = try await server.post("/iforgot", ["username": name])
                    #expect(answer.status == 200 && ContinuousClock.now - start < .seconds(2))
                    answers.append(answer.body)
                }
                try await wait(for: "an attempt") {
                    port == silent.port ? silent.connections >= 2 : server.log.contains("mail not sent yet")
                }
                let start = ContinuousClock.now
                #expect(try await server.send(.get, "/health").status == 200)
                #expect(ContinuousClock.now - start < .seconds(2))
                #expect(try await server.stop() == 0)
            }
            #expect(Set(answers).count == 1, "as if there were no mail")
            _ = try await place.start(port)
            let mailServer = try await place.mailServer(port: port)
            try await wait(for: "the mails") { mailServer.mails.count == 4 }
            try await wait(for: "an empty outbox") { try await place.waiting == 0 }
            #expect(Set(mailServer.attempts) == ["alice@a.test", "bob@a.test"])
            // What answers with mail is what answers without.
            let answer = try await place.start(mailServer.port).post("/iforgot", ["username": "alice@a.test"])
            #expect([answer.body] == Array(Set(answers)))
        }
    }

    @Test(
        "a mail server that is down for a minute, with the pauses of every day",
        .enabled(if: ProcessInfo.processInfo.environment["GATEHOUSE_SLOW_TESTS"] != nil, "GATEHOUSE_SLOW_TESTS"))
    func downForAMinute() async throws {
        try await withPlace { place in
            let port = try ScriptedServer.unusedPort()
            try await place.store.addAccount("alice@a.test")
            let server = try await place.store.start(place.flags(port), environment: Place.environment())
            #expect(try await server.post("/iforgot", ["username": "alice@a.test"]).status == 200)
            try await Task.sleep(for: .seconds(60))
            // At once, after 5 and after 15 seconds; the next comes after a minute more.
            #expect(server.log.components(separatedBy: "mail not sent yet").count - 1 == 3)
            let mailServer = try await place.mailServer(port: port)
            try await wait(for: "the mail", atMost: .seconds(120)) { mailServer.mails.count == 1 }
        }
    }

    @Test("a mail that was enqueued arrives although the server was killed, before it began to send and while it did")
    func killed() async throws {
        try await withPlace { place in
            let port = try ScriptedServer.unusedPort()
            try await place.store.addAccount("alice@a.test")
            var server = try await place.start(port)
            #expect(try await server.post("/iforgot", ["username": "alice@a.test"]).status == 200)
            try await server.kill()
            let mailServer = try await place.mailServer(port: port)
            server = try await place.start(port)
            try await wait(for: "the mail") { mailServer.mails.count == 1 }
            // Killed before it has noted that, it would send the mail again.
            try await wait(for: "an empty outbox") { try await place.waiting == 0 }
            try await server.kill()
            mailServer.stop()

            // This one takes the mail, and is killed while the mail server makes it wait.
            let slow = try await place.mailServer(port: port, greetAfter: 600)
            server = try await place.start(port)
            try await place.enqueue("bob@a.test")
            try await wait(for: "a connection") { slow.connections == 1 }
            try await server.kill()
            slow.stop()
            let next = try await place.mailServer(port: port)
            server = try await place.start(port)
            // Nobody knows that the lease is of a process that is no more, so it has to end.
            try await wait(for: "the mail", atMost: .seconds(150)) { next.mails.count == 1 }
            #expect(next.attempts == ["bob@a.test"])
        }
    }

    @Test("SIGTERM waits a moment for a mail that is being sent, then gives it back at once")
    func timedStop() async throws {
        try await withPlace { place in
            let slow = try await place.mailServer(greetAfter: 600)
            var server = try await place.start(slow.port)
            try await place.enqueue("alice@a.test")
            try await wait(for: "a connection") { slow.connections == 1 }
            let start = ContinuousClock.now
            #expect(try await server.stop() == 0)
            #expect(ContinuousClock.now - start < .seconds(15))
            slow.stop()
            let mailServer = try await place.mailServer(port: slow.port)
            server = try await place.start(slow.port)
            try await wait(for: "the mail, before the lease could end", atMost: .seconds(20)) {
                mailServer.mails.count == 1
            }

            let hesitant = try await place.mailServer(greetAfter: 2)
            #expect(try await server.stop() == 0)
            server = try await place.start(hesitant.port)
            try await place.enqueue("bob@a.test")
            try await wait(for: "a connection") { hesitant.connections == 1 }
            #expect(try await server.stop() == 0)
            #expect(hesitant.mails.count == 1, "finished while the server stopped")
            #expect(try await place.waiting == 0)
        }
    }

    @Test("of two processes on one store each mail is sent by one")
    func once() async throws {
        try await withPlace { place in
            let mailServer = try await place.mailServer()
            let one = try await place.start(mailServer.port)
            let two = try await place.start(mailServer.port)
            let recipients = (0..<16).map { "user\($0)@a.test" }
            try await place.enqueue(recipients)
            try await wait(for: "the mails") { mailServer.mails.count >= 16 }
            try await wait(for: "an empty outbox") { try await place.waiting == 0 }
            #expect(mailServer.attempts.sorted() == recipients.sorted())
            let sent = [one, two].map { $0.log.components(separatedBy: "mail sent").count - 1 }
            #expect(sent.reduce(0, +) == 16)
        }
    }

    @Test("what the mail server refuses for good is given up, what it refuses for now is tried again")
    func refused() async throws {
        try await withPlace { place in
            let mailServer = try await place.mailServer()
            let server = try await place.start(mailServer.port)
            try await place.enqueue("gone@a.test", "odd@a.test", "busy@a.test", "alice@a.test")
            try await wait(for: "the end of three, and three attempts at the fourth") {
                let tries = mailServer.attempts.count { $0 == "busy@a.test" }
                return try await place.waiting == 1 && tries >= 3
            }
            #expect(mailServer.mails.map { $0["to"]?.string } == ["alice@a.test"])
            #expect(mailServer.attempts.count { $0 == "gone@a.test" } == 1)
            #expect(server.log.components(separatedBy: "mail given up: refused for good").count == 3)
            #expect(server.log.contains("(550)") && server.log.contains("(554)") && server.log.contains("(451)"))
            #expect(!server.log.contains("@a.test"), "no address in the log")
        }
    }

    @Test("a start without a mail server, or without a public URL, says that password reset by mail is off")
    func warnings() async throws {
        try await withPlace { place in
            let without = try await place.store.start()
            #expect(without.log.contains("password reset by mail is off: there is no --mail-server"))
            let flags = Array(place.flags(25).dropLast(2))
            let noURL = try await place.store.start(flags, environment: Place.environment())
            #expect(noURL.log.contains("password reset by mail is off: without --public-url"))
            let whole = try await place.start(25)
            #expect(!whole.log.contains("password reset by mail is off"))
        }
    }

    @Test("no secret of the settings comes into the log, whatever its level")
    func secrets() async throws {
        try await withPlace { place in
            let key = Base64URL.encode(SystemRandom.bytes(32))
            var environment = Place.environment()
            environment["GATEHOUSE_SIGNING_KEY"] = #"{"kty":"oct","k":"\#(key)"}"#
            let server = try await place.store.start(
                place.flags(25) + ["--log-level", "trace"], environment: environment)
            #expect(try await server.stop() == 0)
            #expect(server.log.contains("\"level\":\"debug\""))
            for secret in ["the right word", key] { #expect(!server.log.contains(secret)) }
        }
    }

    @Test("a template that is no use ends the start, before anything is made")
    func brokenTemplate() async throws {
        let folder = try TemporaryFolder(["t/password-reset.text.mustache": "Hello {{nobody}}"])
        let ended = try await Program.gatehouse.run([
            "serve", "--database", folder.path("store.db"), "--mail-server", "smtp://a.test", "--mail-from", "a@a.test",
            "--mail-templates", folder.path("t"),
        ])
        #expect(ended.code == 2)
        #expect(
            ended.errors.hasPrefix("gatehouse: --mail-templates: \(folder.path("t"))/password-reset.text.mustache: "),
            "\(ended)")
        #expect(try folder.names() == ["t"])
    }

    @Test("gatehouse mail test says each step, and what to look at when one fails")
    func testMail() async throws {
        try await withPlace { place in
            let mailServer = try await place.mailServer()
            func run(
                _ address: String?, _ password: String = "the right word", _ more: [String] = []
            ) async throws -> Program.Ended {
                try await Program.gatehouse.run(
                    ["mail", "test"] + (address.map { [$0] } ?? []) + place.flags(mailServer.port) + more,
                    environment: Place.environment(password))
            }
            let right = try await run("alice@a.test")
            #expect(right.code == 0 && right.errors.isEmpty, "\(right)")
            #expect(right.output.contains("ok      beginning TLS, checking the certificate"))
            #expect(right.output.contains("ok      signing in as gatehouse"))
            #expect(right.output.contains("ok      the mail itself  (250 2.0.0 taken)"))
            #expect(mailServer.mails.first?["headers"]?["subject"]?.string == "Test mail")
            #expect(try !place.store.folder.names().contains("store.db"), "the store is not touched")

            let wrong = try await run("alice@a.test", "the wrong word")
            #expect(wrong.code == 1 && wrong.output.contains("failed  signing in as gatehouse  (535"), "\(wrong)")
            #expect(wrong.errors.contains("Are --mail-user and its password right?"))
            #expect(!"\(wrong)".contains("the wrong word"))
            let gone = try await run("gone@a.test")
            #expect(gone.code == 1 && gone.output.contains("failed  recipient gone@a.test  (550"), "\(gone)")
            let other = try TestCertificate(in: place.store.folder, named: "other", for: "IP:127.0.0.1")
            let untrusted = try await run("alice@a.test", "the right word", ["--mail-ca-file", other.file])
            #expect(untrusted.code == 1 && untrusted.output.contains("failed  beginning TLS"), "\(untrusted)")
            let direct = try await place.mailServer(.tls)
            let atOnce = try await Program.gatehouse.run(
                ["mail", "test", "alice@a.test"] + place.flags(direct.port, scheme: "smtps", trusting: other),
                environment: Place.environment())
            #expect(atOnce.code == 1 && atOnce.errors.contains("--mail-ca-file names another authority"), "\(atOnce)")
            #expect(mailServer.mails.count == 1)

            for usage in [
                try await run(nil), try await run("nobody"), try await run("a@a.test", "x", ["b@a.test"]),
                try await run("a@a.test", "x", ["--mail-tls", "never"]),
                try await Program.gatehouse.run(["mail", "test", "a@a.test"]),
            ] {
                #expect(usage.code == 2 && usage.output.isEmpty && usage.errors.hasPrefix("gatehouse: "), "\(usage)")
            }
        }
    }
}
