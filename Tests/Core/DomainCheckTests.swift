import GatehouseDNS
import GatehouseStorage
import Synchronization
import Testing

@testable import GatehouseCore

@Suite("The records of domains that joined by themselves")
struct DomainCheckTests {
    @Test(
        "a domain is taken over only after its record was gone at seven daily checks and its owner told seven days ago")
    func takeOver() async throws {
        let desk = try await DomainDesk(hasMail: true)
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        let own = try await desk.verified(by: alice)
        try await desk.fixture.anAccount(alias: "bob$a.test")
        let other = try await desk.proxy.claim(desk.domain, by: mallory, from: Fixture.here).record
        desk.dns.say([own, other])
        #expect(try await desk.verify(mallory) == "domain_taken")
        for day in 0...7 {
            desk.dns.say([try await desk.renewedClaim(mallory)])
            #expect(try await desk.verify(mallory) == "domain_taken", "day \(day)")
            desk.fixture.time.advance(days: 1)
            _ = try await desk.proxy.checkDue()
            if day == 0 {
                #expect(try await desk.mails() == [["to": "alice@x.test", "record": own]])
            }
            #expect(try await desk.fixture.outcome("bob$a.test") == "200")
        }
        desk.fixture.time.advance(days: 1)
        desk.dns.say([try await desk.renewedClaim(mallory)])
        let bob = try await desk.fixture.signIn("bob$a.test")
        #expect(try await desk.verify(mallory) == "mallory@x.test")
        #expect(try await desk.mails().isEmpty)
        // Nothing is handed on.
        #expect(try await desk.fixture.refusal(of: bob) == "invalid_token")
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM accounts WHERE domain = 'a.test'") == 0)
        #expect(try await desk.verify(alice) == "unknown_claim")
    }

    @Test("a record that came back between begins the seven days anew, and so does the owner's being told")
    func comesBack() async throws {
        let desk = try await DomainDesk(hasMail: true)
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        let own = try await desk.verified(by: alice)
        desk.dns.fail(.noData)
        for _ in 0..<6 { try await desk.dayWithCheck() }
        desk.dns.say(["v=spf1 -all", own])
        try await desk.dayWithCheck()
        desk.dns.fail(.nameUnknown)
        for _ in 0..<6 { try await desk.dayWithCheck() }
        desk.dns.say([try await desk.renewedClaim(mallory)])
        #expect(try await desk.verify(mallory) == "domain_taken")
        #expect(try await desk.mails().count == 2)
        #expect(
            try await desk.actions("a.test").suffix(3) == [
                "record is missing in DNS", "record is back in DNS", "record is missing in DNS",
            ])
    }

    @Test("an answer that cannot be had counts for nothing, and is asked for again within hours")
    func uncertain() async throws {
        let desk = try await DomainDesk(hasMail: true)
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        _ = try await desk.verified(by: alice)
        for error in [
            DNSError.timedOut, .serverFailed, .refused, .malformed, .timedOut, .timedOut, .timedOut, .timedOut,
        ] {
            desk.dns.fail(error)
            try await desk.dayWithCheck()
            let asked = desk.dns.questions
            desk.fixture.time.advance(minutes: 61)
            _ = try await desk.proxy.checkDue()
            #expect(desk.dns.questions == asked + 1)
        }
        #expect(try await desk.mails().isEmpty)
        desk.dns.say([try await desk.renewedClaim(mallory)])
        #expect(try await desk.verify(mallory) == "domain_taken")
        #expect(
            try await desk.fixture.count("SELECT COUNT(*) FROM domains WHERE record_missing_since IS NOT NULL") == 0)
    }

    @Test("an owner who puts the record back keeps the domain, also when nobody has looked since")
    func backInTime() async throws {
        let desk = try await DomainDesk(hasMail: true)
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        let own = try await desk.verified(by: alice)
        desk.dns.fail(.noData)
        for _ in 0..<9 { try await desk.dayWithCheck() }
        let other = try await desk.renewedClaim(mallory)
        desk.dns.say([other, own])
        #expect(try await desk.verify(mallory) == "domain_taken")
        desk.dns.say([other])
        #expect(try await desk.verify(mallory) == "domain_taken")
        #expect(try await desk.list(alice).first?.state == .verified)
    }

    @Test("days on which nobody looked do not count")
    func fewChecks() async throws {
        let desk = try await DomainDesk(hasMail: true)
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        _ = try await desk.verified(by: alice)
        desk.dns.fail(.noData)
        for _ in 0..<3 { try await desk.dayWithCheck() }
        desk.fixture.time.advance(days: 30)
        for _ in 0..<3 { try await desk.dayWithCheck() }
        desk.dns.say([try await desk.renewedClaim(mallory)])
        #expect(try await desk.verify(mallory) == "domain_taken")
        try await desk.dayWithCheck()
        #expect(try await desk.verify(mallory) == "mallory@x.test")
    }

    @Test("a new owner has been told nothing, and has the seven days")
    func newOwner() async throws {
        let desk = try await DomainDesk(hasMail: true)
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        _ = try await desk.account("carol@x.test")
        _ = try await desk.verified(by: alice)
        desk.dns.fail(.noData)
        for _ in 0..<9 { try await desk.dayWithCheck() }
        try await desk.fixture.domains.change(
            desk.domain, owner: .some(try AccountName("carol@x.test")), by: .commandLine)
        desk.dns.say([try await desk.renewedClaim(mallory)])
        #expect(try await desk.verify(mallory) == "domain_taken")
        _ = try await desk.mails()
        try await desk.dayWithCheck()
        #expect(try await desk.mails().map { $0["to"] } == ["carol@x.test"])
    }

    @Test("an owner without mail is told by the list of domains, and nobody takes over before")
    func toldByList() async throws {
        let desk = try await DomainDesk()
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        let own = try await desk.verified(by: alice)
        desk.dns.fail(.noData)
        for _ in 0..<9 { try await desk.dayWithCheck() }
        desk.dns.say([try await desk.renewedClaim(mallory)])
        #expect(try await desk.verify(mallory) == "domain_taken")
        // Not by asking whether there is a list.
        #expect(try await desk.list(alice, tells: false).first?.endsAt == nil)
        let told = try #require(try await desk.list(alice).first)
        #expect(told.state == .missing && told.record == own)
        #expect(told.endsAt == desk.fixture.time.now + .days(7))
        #expect(try await desk.verify(mallory) == "domain_taken")
        desk.dns.fail(.noData)
        for _ in 0..<7 { try await desk.dayWithCheck() }
        desk.dns.say([try await desk.renewedClaim(mallory)])
        #expect(try await desk.verify(mallory) == "mallory@x.test")
    }

    @Test("a domain that an operator added is never taken over")
    func operators() async throws {
        let desk = try await DomainDesk()
        let alice = try await desk.account("alice@x.test")
        let record = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here).record
        try await desk.fixture.aDomain("a.test")
        desk.dns.say([record])
        desk.fixture.time.advance(days: 6)
        #expect(try await desk.proxy.checkDue().missing == [])
        #expect(try await desk.verify(alice) == "domain_taken")
        #expect(try await desk.claim(alice) == "domain_taken")
    }

    @Test("each domain is looked at once a day, by one of several processes")
    func onceADay() async throws {
        let desk = try await DomainDesk()
        _ = try await desk.verified(by: try await desk.account("alice@x.test"))
        let before = desk.dns.questions
        desk.fixture.time.advance(minutes: 23 * 60)
        _ = try await desk.proxy.checkDue()
        #expect(desk.dns.questions == before)
        desk.fixture.time.advance(minutes: 60)
        _ = try await sixteen { _ in
            _ = try await desk.proxy.checkDue()
            return ""
        }
        #expect(desk.dns.questions == before + 1)
    }

    @Test("one name server that says nothing holds up the look at its own domain, and at no other")
    func silentServer() async throws {
        let looked = Mutex<Set<String>>([])
        let desk = try await DomainDesk(lookUp: { domain async throws(DNSError) in
            if domain == "d0.test" {
                let end = ContinuousClock.now + .seconds(10)
                while looked.withLock({ $0.count }) < 11, ContinuousClock.now < end {
                    try? await Task.sleep(for: .milliseconds(1))
                }
                guard looked.withLock({ $0.count }) == 11 else { throw .refused }
                throw .timedOut
            }
            looked.withLock { _ = $0.insert(domain) }
            throw .nameUnknown
        })
        try await desk.hostVerified(12)
        desk.fixture.time.advance(days: 2)
        let checked = try await desk.proxy.checkDue()
        #expect(checked.unanswered == ["d0.test": .timedOut])
    }

    @Test("a look that the store does not take is repeated after an hour, and its neighbours count")
    func storeRefuses() async throws {
        let desk = try await DomainDesk()
        desk.dns.fail(.nameUnknown)
        try await desk.hostVerified(12)
        try await desk.fixture.database.transaction { sql in
            try sql(
                """
                CREATE TRIGGER refusal BEFORE UPDATE OF record_missing_since ON domains WHEN NEW.name = 'd1.test'
                BEGIN SELECT RAISE(ABORT, 'not this one'); END
                """)
        }
        desk.fixture.time.advance(days: 2)
        let first = try await desk.proxy.checkDue()
        #expect(first.missing.count == 11 && Array(first.failed.keys) == ["d1.test"])
        try await desk.fixture.database.transaction { sql in try sql("DROP TRIGGER refusal") }
        #expect(try await desk.proxy.checkDue().missing == [])
        desk.fixture.time.advance(minutes: 60)
        #expect(try await desk.proxy.checkDue().missing == ["d1.test"])
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM domains WHERE record_missing_checks = 1") == 12)
    }
}
