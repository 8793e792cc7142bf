import Foundation
import GatehouseCryptography
import GatehouseStorage
import GatehouseTestSupport
import GatehouseTransfer
import Logging
import Synchronization
import Testing

@testable import GatehouseCore

@Suite("The outbox", .timeLimit(.minutes(1)))
struct OutboxTests {
    private static let mail = OutgoingMail(
        to: "alice@a.test", template: .passwordReset,
        values: ["username": "alice@a.test", "link": "https://id.test/reset?k=secret", "hours": "2"])
    private static let pace = MailPace.asShipped

    private func fixture(port: Int = 9, _ database: (any Database)? = nil) async throws -> Fixture {
        let server = SMTPServer(host: "127.0.0.1", port: port, security: .none, helloName: "id.test")
        return try await Fixture(
            database,
            delivery: MailDelivery(
                server: server, from: try MailAddress("no-reply@id.test"), templates: try MailTemplates(folder: nil)))
    }

    private func enqueue(_ fixture: Fixture, _ mail: OutgoingMail = Self.mail) async throws {
        let (outbox, now) = (fixture.features.outbox, fixture.time.now)
        try await fixture.database.transaction { sql in try outbox.enqueue(mail, at: now, in: sql) }
    }

    private func take(_ fixture: Fixture) async throws -> [Outbox.Taken] {
        let (outbox, now) = (fixture.features.outbox, fixture.time.now)
        return try await fixture.database.transaction { sql in
            try outbox.take(100, at: now, lease: Self.pace.lease, in: sql)
        }
    }

    private func sender(_ fixture: Fixture, _ handler: any LogHandler = SwiftLogNoOpLogHandler()) -> MailSender {
        MailSender(
            outbox: fixture.features.outbox, delivery: fixture.features.delivery, database: fixture.database,
            pace: Self.pace, clock: fixture.time.clock, logger: Logger(label: "test") { _ in handler })
    }

    @Test("what a mail says stands nowhere in the store in clear")
    func isSealed() async throws {
        let fixture = try await fixture()
        try await enqueue(fixture)
        let row = try #require(try await fixture.database.rows("SELECT * FROM outbox").first)
        let stored = try ["id", "sealed"].map { name throws in try row.text(name) }.joined()
        let opened = Base64URL.decode(try row.text("sealed")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for word in ["alice", "secret", "password-reset", "id.test"] {
            #expect(!stored.contains(word) && !opened.contains(word))
        }
        #expect(try await take(fixture).first?.mail == Self.mail)
    }

    @Test("a sealed mail opens in no other row")
    func rowsAreNotExchanged() async throws {
        let fixture = try await fixture()
        try await enqueue(fixture)
        try await fixture.database.transaction { sql in try sql("UPDATE outbox SET id = \("other")") }
        let taken = try await take(fixture)
        #expect(taken.count == 1 && taken.first?.mail == nil)
    }

    @Test("a mail belongs to its transaction")
    func rollsBack() async throws {
        struct Stop: Error {}
        let fixture = try await fixture()
        let (outbox, now) = (fixture.features.outbox, fixture.time.now)
        await #expect(throws: Stop.self) {
            try await fixture.database.transaction { sql in
                try outbox.enqueue(Self.mail, at: now, in: sql)
                throw Stop()
            }
        }
        #expect(try await take(fixture).isEmpty)
    }

    @Test("without a mail server nothing is enqueued")
    func off() async throws {
        let fixture = try await Fixture()
        #expect(!fixture.features.outbox.isOn)
        try await enqueue(fixture)
        #expect(try await fixture.count("SELECT COUNT(*) FROM outbox") == 0)
    }

    @Test("of sixteen who take the same mail one gets it, and nobody else until the lease ends")
    func taking() async throws {
        let fixture = try await fixture()
        try await enqueue(fixture)
        let outcomes = try await sixteen { _ in try await take(fixture).isEmpty ? "nothing" : "mail" }
        #expect(outcomes == ["mail": 1, "nothing": 15])
        fixture.time.advance(seconds: 119)
        #expect(try await take(fixture).isEmpty)
        fixture.time.advance(seconds: 1)
        #expect(try await take(fixture).first?.attempts == 2)
    }

    @Test("who held a lease that has ended can neither delete nor give back what another has")
    func lostLease() async throws {
        let fixture = try await fixture()
        let outbox = fixture.features.outbox
        try await enqueue(fixture)
        let first = try #require(try await take(fixture).first)
        fixture.time.advance(seconds: 120)
        let second = try #require(try await take(fixture).first)
        try await fixture.database.transaction { sql in
            try outbox.remove(first, in: sql)
            try outbox.giveBack(first, until: 0, counts: true, in: sql)
        }
        #expect(try await take(fixture).isEmpty)
        #expect(try await fixture.count("SELECT COUNT(*) FROM outbox") == 1)
        try await fixture.database.transaction { sql in try outbox.remove(second, in: sql) }
        #expect(try await fixture.count("SELECT COUNT(*) FROM outbox") == 0)
    }

    @Test("pauses grow from five seconds to an hour, a fifth more or less")
    func pauses() {
        for (attempts, seconds) in [(1, 5), (2, 15), (3, 60), (4, 300), (5, 900), (6, 1800), (7, 3600), (60, 3600)] {
            let whole = Int64(seconds) * 1_000_000
            #expect(Self.pace.pause(after: attempts, random: 0) == whole * 8 / 10)
            #expect(Self.pace.pause(after: attempts, random: 0.5) == whole)
            #expect(Self.pace.pause(after: attempts, random: 1) == whole * 12 / 10)
        }
        #expect(Self.pace.lease > Int64(MailDelivery.timeout / .microseconds(1)), "sending ends before the lease does")
    }

    @Test(
        "a mail is tried again when its pause is over, as long as it is of use, and the log tells no address",
        arguments: [(MailTemplate.test, Int64(72)), (.passwordReset, 2)])
    func givesUp(template: MailTemplate, hours: Int64) async throws {
        let log = LogText()
        let fixture = try await fixture(port: Int(try RawServer.unusedPort()))
        try await enqueue(
            fixture,
            OutgoingMail(
                to: "alice@a.test", template: template, values: Self.mail.values.merging(["server": "id.test"]) { $1 }))
        let sender = sender(fixture, log)
        var attempts = 0
        while try await fixture.count("SELECT COUNT(*) FROM outbox") == 1 {
            try await sender.sendDue(wasRung: false)
            attempts += 1
            if attempts == 2 {
                #expect(try await fixture.count("SELECT attempts FROM outbox") == 1, "five seconds are not over")
            }
            fixture.time.advance(seconds: attempts < 3 ? 3 : 60 * hours)
            try #require(attempts < 200)
        }
        let minutes = (fixture.time.now - TestClock.start) / 60_000_000
        #expect((60 * hours...60 * hours + 72).contains(minutes) && attempts > (hours > 2 ? 50 : 6))
        #expect(log.text.contains("mail not sent yet") && log.text.contains("mail given up: too old"))
        #expect(!log.text.contains("alice") && !log.text.contains("secret"))
    }

    @Test("a mail that waited for too long without an attempt does not go out any more")
    func tooOld() async throws {
        let mailServer = try RawServer(answering: "")
        let fixture = try await fixture(port: Int(mailServer.port))
        try await enqueue(fixture)
        fixture.time.advance(seconds: 7200)
        try await sender(fixture).sendDue(wasRung: false)
        #expect(mailServer.connections == 0)
        #expect(try await fixture.count("SELECT COUNT(*) FROM outbox") == 0)
    }

    @Test("a mail that cannot be opened is kept and told of")
    func unreadable() async throws {
        let log = LogText()
        let fixture = try await fixture()
        try await enqueue(fixture)
        try await fixture.database.transaction { sql in try sql("UPDATE outbox SET sealed = \("AAAA")") }
        try await sender(fixture, log).sendDue(wasRung: false)
        #expect(log.text.contains("cannot be opened"))
        #expect(try await fixture.count("SELECT COUNT(*) FROM outbox") == 1)
    }

    @Test("the status looks once in ten seconds, whatever the number of those who ask")
    func status() async throws {
        let time = TestClock()
        let looks = Mutex(0)
        let isUp = Mutex(true)
        let status = PartStatus(clock: time.clock) {
            looks.withLock { $0 += 1 }
            try? await Task.sleep(for: .milliseconds(50))
            return isUp.withLock { $0 }
        }
        #expect(try await sixteen { _ in await status.current() } == ["ok": 16])
        isUp.withLock { $0 = false }
        time.advance(seconds: 9)
        #expect(await status.current() == "ok")
        #expect(looks.withLock { $0 } == 1)
        time.advance(seconds: 1)
        #expect(try await sixteen { _ in await status.current() } == ["unavailable": 16])
        #expect(looks.withLock { $0 } == 2)
        #expect(await PartStatus(clock: time.clock, look: nil).current() == "off")
    }
}

/// What a logger was told, in one text.
private struct LogText: LogHandler {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }
    private let lines = Lines()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    var text: String { lines.all.withLock { $0.joined(separator: "\n") } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.all.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") } }
}
