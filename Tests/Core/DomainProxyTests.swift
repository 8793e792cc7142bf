import GatehouseDNS
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage
import Synchronization
import Testing

@testable import GatehouseCore

@Suite("Domains that join by themselves")
struct DomainProxyTests {
    @Test("a record in DNS makes the account that claimed the domain its owner, with a secret that is shown once")
    func byAccount() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@home.test")
        let claim = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here)
        #expect(claim.record.hasPrefix("opencap-domain-verification=ey"))
        #expect(claim.record.utf8.count <= 255)
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM domains") == 0)
        desk.dns.say([claim.record])
        let verified = try await desk.proxy.verify(desk.domain, by: alice, from: Fixture.here)
        #expect(verified.owner == "alice@home.test")
        let secret = try #require(verified.secret)
        #expect(try await desk.fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
        #expect(try await desk.fixture.features.hosted.domain(ofHost: "a.test")?.name == "a.test")
        // A second time, as after an answer that was lost.
        let again = try await desk.proxy.verify(desk.domain, by: alice, from: Fixture.here)
        #expect(again.owner == "alice@home.test" && again.secret == nil)
        #expect(
            try await desk.actions("a.test") == ["create: a.test; owner: alice@home.test; proved by its record in DNS"])
    }

    @Test("a newcomer's claim becomes an alias of the domain that signs in with its password and owns the domain")
    func byNewcomer() async throws {
        let desk = try await Desk()
        let claim = try await desk.proxy.claim(desk.domain, by: try desk.newcomer("alice"), from: Fixture.here)
        #expect(try await desk.fixture.outcome("alice$a.test") == "invalid_credentials")
        desk.dns.say(["v=spf1 -all", claim.record])
        #expect(try await desk.verify(try desk.newcomer("alice", "a wrong one 77")) == "invalid_credentials")
        #expect(try await desk.verify(try desk.newcomer("alice")) == "alice$a.test")
        #expect(try await desk.fixture.outcome("alice$a.test") == "200")
        let id = try #require(try await desk.fixture.accounts.find(try AccountName("alice$a.test"))?.id)
        #expect(try await desk.fixture.domains.isOwned("a.test", by: id))
        // Again, with the password that is the account's now.
        #expect(try await desk.verify(try desk.newcomer("alice")) == "alice$a.test")
        #expect(try await desk.verify(try desk.newcomer("alice", "a wrong one 77")) == "invalid_credentials")
        #expect(try await desk.verify(try desk.newcomer("mallory")) == "invalid_credentials")
    }

    @Test("without the record, octet by octet, the domain serves nothing, and the refusal says what was found")
    func notFound() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@home.test")
        let record = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here).record
        let others = [
            record.dropLast() + "", record + "A", record.uppercased(), " " + record, record + "\n",
            String(record.dropFirst("opencap-domain-verification=".count)),
        ]
        for other in others {
            desk.dns.say([other])
            #expect(try await desk.verify(alice) == "domain_not_verified")
        }
        desk.dns.say(["opencap-domain-verification=other", "secret-of-the-intranet"])
        let problem = await #expect(throws: Problem.self) {
            try await desk.proxy.verify(desk.domain, by: alice, from: Fixture.here)
        }
        #expect(problem?.title.contains("\"opencap-domain-verification=other\"") == true)
        #expect(problem?.title.contains("intranet") == false)
        for error in [DNSError.nameUnknown, .noData, .timedOut, .serverFailed, .refused, .malformed] {
            desk.dns.fail(error)
            let problem = await #expect(throws: Problem.self) {
                try await desk.proxy.verify(desk.domain, by: alice, from: Fixture.here)
            }
            #expect(problem?.code == "domain_not_verified")
            #expect(problem?.title.contains("\(error)") == true)
        }
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM domains") == 0)
    }

    @Test(
        "public suffixes, our own host, what is below it, and children and host names of hosted domains are refused",
        arguments: [
            ("co.uk", "invalid_domain"), ("github.io", "invalid_domain"), ("home.test", "invalid_domain"),
            ("x.home.test", "invalid_domain"), ("c.b.test", "invalid_domain"), ("d.c.b.test", "invalid_domain"),
            ("cap.other.test", "domain_taken"), ("b.test", "domain_taken"), ("xb.test", "201"), ("xhome.test", "201"),
        ])
    func unclaimable(name: String, outcome: String) async throws {
        let desk = try await Desk()
        _ = try await desk.fixture.domains.add(try DomainName("b.test"), hosts: [try DomainName("cap.other.test")])
        let alice = try await desk.account("alice@elsewhere.test")
        #expect(try await desk.claim(alice, try DomainName(name)) == outcome)
    }

    @Test("below one registered domain twenty domains join by themselves, also when more were claimed before")
    func manyBelowOne() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@elsewhere.test")
        let claimed = try DomainName("claimed.shop.test")
        let record = try await desk.proxy.claim(claimed, by: alice, from: Fixture.here).record
        try await desk.hostVerified(20, below: "shop.test")
        desk.dns.say([record])
        #expect(try await desk.verify(alice, claimed) == "invalid_domain")
        #expect(try await desk.claim(alice, try DomainName("d20.shop.test")) == "invalid_domain")
        #expect(try await desk.claim(alice, try DomainName("d20.other.test")) == "201")
        // What an operator added counts for nothing.
        _ = try await desk.fixture.domains.remove(try DomainName("d0.shop.test"))
        try await desk.fixture.aDomain("x.shop.test")
        #expect(try await desk.verify(alice, claimed) == "alice@elsewhere.test")
        #expect(try await desk.claim(alice, try DomainName("d20.shop.test")) == "invalid_domain")
    }

    @Test("a network has five open claims at most, and room again when they are over")
    func fiveClaims() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@elsewhere.test")
        let names = try (1...7).map { try DomainName("d\($0).test") }
        for name in names[..<5] { #expect(try await desk.claim(alice, name) == "201") }
        #expect(try await desk.claim(alice, names[5]) == "too_many_claims")
        #expect(try await desk.claim(try desk.newcomer("bob", in: names[5]), names[5]) == "too_many_claims")
        // One that is open is given again, and other networks have their own.
        #expect(try await desk.claim(alice, names[0]) == "201")
        #expect(try await desk.claim(alice, names[6], from: Fixture.there) == "201")
        desk.fixture.time.advance(days: 7)
        #expect(try await desk.claim(alice, names[5]) == "201")
    }

    @Test("sixteen claims at once from one network make five")
    func claimsAtOnce() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@elsewhere.test")
        let outcomes = try await sixteen { index in try await desk.claim(alice, try DomainName("d\(index).test")) }
        #expect(outcomes == ["201": 5, "too_many_claims": 11])
    }

    @Test("of sixteen who verify one claim at once one is told the secret, and there is one owner")
    func verifiedAtOnce() async throws {
        let desk = try await Desk()
        let claim = try await desk.proxy.claim(desk.domain, by: try desk.newcomer("alice"), from: Fixture.here)
        desk.dns.say([claim.record])
        let outcomes = try await sixteen { _ in
            do {
                let verified = try await desk.proxy.verify(
                    desk.domain, by: try desk.newcomer("alice"), from: Fixture.here)
                return verified.secret == nil ? "again" : "secret"
            } catch let problem as Problem {
                return problem.code
            }
        }
        #expect(outcomes == ["secret": 1, "again": 15])
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM accounts") == 1)
    }

    @Test("sixteen times the same claim at once is one")
    func sameClaimAtOnce() async throws {
        let desk = try await Desk()
        let outcomes = try await sixteen { _ in
            try await desk.proxy.claim(desk.domain, by: try desk.newcomer("alice"), from: Fixture.here).record
        }
        #expect(outcomes.count == 1)
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM domain_claims") == 1)
    }

    @Test("nobody claims a verified domain by the username of one of its aliases, or shuts its owner out so")
    func usernameOfAnAlias() async throws {
        let desk = try await Desk()
        let claim = try await desk.proxy.claim(desk.domain, by: try desk.newcomer("alice"), from: Fixture.here)
        desk.dns.say([claim.record])
        #expect(try await desk.verify(try desk.newcomer("alice")) == "alice$a.test")
        #expect(try await desk.claim(try desk.newcomer("alice", "a wrong one 77")) == "alias_taken")
        #expect(try await desk.claim(try desk.newcomer("mallory", "a wrong one 77")) == "201")
        #expect(try await desk.verify(try desk.newcomer("alice")) == "alice$a.test")
    }

    @Test("a claim ends after seven days, and whoever claimed gets another record then")
    func claimsEnd() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@elsewhere.test")
        let first = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here)
        #expect(try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here).record == first.record)
        desk.dns.say([first.record])
        desk.fixture.time.advance(days: 7)
        #expect(try await desk.verify(alice) == "unknown_claim")
        let second = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here)
        #expect(second.record != first.record)
        #expect(try await desk.verify(alice) == "domain_not_verified")
        let now = desk.fixture.time.now + .days(7)
        try await desk.fixture.database.transaction { sql in try desk.proxy.tidy(at: now, in: sql) }
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM domain_claims") == 0)
    }

    @Test("a username of an open claim is its password's, and guessing it counts as failed sign-ins")
    func guessing() async throws {
        let desk = try await Desk()
        #expect(try await desk.claim(try desk.newcomer("alice")) == "201")
        #expect(try await desk.claim(try desk.newcomer("alice")) == "201")
        for _ in 0..<10 {
            #expect(try await desk.claim(try desk.newcomer("alice", "a wrong one 77")) == "claim_exists")
        }
        #expect(try await desk.claim(try desk.newcomer("alice", "a wrong one 77")) == "too_many_attempts")
        #expect(try await desk.claim(try desk.newcomer("bob")) == "201")
        #expect(try await desk.claim(try desk.newcomer("carol", "short")) == "weak_password")
    }

    @Test("nobody verifies with a record that another claim put there, or as an alias that would end with the domain")
    func othersRecord() async throws {
        let desk = try await Desk()
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        let record = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here).record
        #expect(try await desk.claim(mallory) == "201")
        desk.dns.say([record])
        #expect(try await desk.verify(mallory) == "domain_not_verified")
        #expect(try await desk.verify(alice) == "alice@x.test")
        try await desk.fixture.anAccount(alias: "bob$a.test")
        #expect(try await desk.claim(try await desk.account("bob$a.test")) == "domain_taken")
    }

    // MARK: Taking over

    @Test(
        "a domain is taken over only after its record was gone at seven daily checks and its owner told seven days ago")
    func takeOver() async throws {
        let desk = try await Desk(hasMail: true)
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
        let desk = try await Desk(hasMail: true)
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
        let desk = try await Desk(hasMail: true)
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
        let desk = try await Desk(hasMail: true)
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
        let desk = try await Desk(hasMail: true)
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
        let desk = try await Desk(hasMail: true)
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
        let desk = try await Desk()
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
        let desk = try await Desk()
        let alice = try await desk.account("alice@x.test")
        let record = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here).record
        try await desk.fixture.aDomain("a.test")
        desk.dns.say([record])
        desk.fixture.time.advance(days: 6)
        #expect(try await desk.proxy.checkDue().missing == [])
        #expect(try await desk.verify(alice) == "domain_taken")
        #expect(try await desk.claim(alice) == "domain_taken")
    }

    @Test("a domain that is the claimant's already is not claimed again")
    func ownAlready() async throws {
        let desk = try await Desk()
        let alice = try await desk.account("alice@x.test")
        _ = try await desk.verified(by: alice)
        #expect(try await desk.claim(alice) == "domain_taken")
        #expect(try await desk.claim(try await desk.account("bob@x.test")) == "201")
    }

    @Test("each domain is looked at once a day, by one of several processes")
    func onceADay() async throws {
        let desk = try await Desk()
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

    @Test("a name server that says nothing holds up the look at its own domain, and at no other")
    func silentServer() async throws {
        let looked = Mutex<Set<String>>([])
        let desk = try await Desk(lookUp: { domain async throws(DNSError) in
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

    @Test("a look that the store does not take is repeated within the hour, and its neighbours count")
    func storeRefuses() async throws {
        let desk = try await Desk()
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

    @Test("one's own domains and claims are listed by name, nobody else's")
    func lists() async throws {
        let desk = try await Desk()
        let (alice, bob) = (try await desk.account("alice@x.test"), try await desk.account("bob@x.test"))
        #expect(try await desk.list(alice).isEmpty)
        let own = try await desk.verified(by: alice)
        try await desk.fixture.aDomain("z.test", owner: "alice@x.test")
        let claim = try await desk.proxy.claim(try DomainName("c.test"), by: alice, from: Fixture.here)
        #expect(
            try await desk.list(alice) == [
                .init(domain: "a.test", state: .verified, record: own, endsAt: nil),
                .init(domain: "c.test", state: nil, record: claim.record, endsAt: claim.expiresAt),
                .init(domain: "z.test", state: .added, record: nil, endsAt: nil),
            ])
        #expect(try await desk.list(bob).isEmpty)
    }

    @Test("look-ups in DNS are limited for each network, and nobody makes one without a claim")
    func checkLimit() async throws {
        let desk = try await Desk(checksPerMinute: 2)
        let alice = try await desk.account("alice@x.test")
        #expect(try await desk.verify(alice) == "unknown_claim")
        #expect(try await desk.verify(try desk.newcomer("bob")) == "invalid_credentials")
        #expect(desk.dns.questions == 0)
        #expect(try await desk.claim(alice) == "201")
        #expect(try await desk.verify(alice) == "domain_not_verified")
        #expect(try await desk.verify(alice) == "domain_not_verified")
        #expect(try await desk.verify(alice) == "too_many_checks")
        #expect(desk.dns.questions == 2)
        desk.fixture.time.advance(minutes: 1)
        let outcomes = try await sixteen { _ in try await desk.verify(alice) }
        #expect(outcomes == ["domain_not_verified": 2, "too_many_checks": 14])
    }
}

/// A proxy whose DNS says what a test wants it to.
private struct Desk: Sendable {
    /// What DNS says of every name.
    final class DNS: Sendable {
        private let state = Mutex((answer: Result<[DNSText], DNSError>.failure(.nameUnknown), questions: 0))

        var questions: Int { state.withLock { $0.questions } }
        func say(_ texts: [String]) {
            let texts = texts.map { DNSText(octets: Array($0.utf8), timeToLive: 60) }
            state.withLock { $0.answer = .success(texts) }
        }
        func fail(_ error: DNSError) { state.withLock { $0.answer = .failure(error) } }
        @Sendable func lookUp(_: String) async throws(DNSError) -> [DNSText] {
            let answer = state.withLock { state in
                state.questions += 1
                return state.answer
            }
            return try answer.get()
        }
    }

    let fixture: Fixture
    let outbox: Outbox
    let dns = DNS()
    let proxy: DomainProxy
    let domain: DomainName

    /// - Parameter lookUp: instead of `dns`, which has one answer for all names.
    init(hasMail: Bool = false, checksPerMinute: Int = 1_000_000, lookUp: DomainProxy.LookUp? = nil) async throws {
        fixture = try await Fixture()
        domain = try DomainName("a.test")
        outbox = Outbox(isOn: hasMail, masterKey: fixture.masterKey)
        proxy = DomainProxy(
            database: fixture.database, accounts: fixture.accounts, signIn: fixture.features.signIn,
            masterKey: fixture.masterKey, outbox: outbox, claimable: ClaimableDomains(ownHost: "home.test"),
            lookUp: lookUp ?? dns.lookUp, claimsPerNetwork: 5,
            checkLimit: NetworkLimit(perMinute: checksPerMinute, refusal: .tooManyChecks), clock: fixture.time.clock)
    }

    /// An account, made when there is none of this name.
    func account(_ name: String) async throws -> Claimant {
        let isAlias = name.contains("$")
        if try await fixture.accounts.find(try AccountName(name)) == nil {
            try await fixture.anAccount(email: isAlias ? nil : name, alias: isAlias ? name : nil)
        }
        let id = try await fixture.accounts.id(of: try AccountName(name))
        return .account(try #require(try await fixture.database.read { sql in try Account.load(id, in: sql) }))
    }

    func newcomer(
        _ username: String, _ password: String = Fixture.password, in domain: DomainName? = nil
    ) throws -> Claimant {
        .newcomer(try Alias(username: username, domain: domain ?? self.domain), password: password)
    }

    /// `201`, or the code of the refusal.
    func claim(_ claimant: Claimant, _ domain: DomainName? = nil, from network: Network = Fixture.here) async throws
        -> String
    {
        do {
            _ = try await proxy.claim(domain ?? self.domain, by: claimant, from: network)
            return "201"
        } catch let problem as Problem {
            return problem.code
        }
    }

    /// The owner, or the code of the refusal.
    func verify(_ claimant: Claimant, _ domain: DomainName? = nil) async throws -> String {
        do {
            return try await proxy.verify(domain ?? self.domain, by: claimant, from: Fixture.here).owner
        } catch let problem as Problem {
            return problem.code
        }
    }

    /// - Returns: the record, which is in DNS.
    func verified(by claimant: Claimant) async throws -> String {
        let record = try await proxy.claim(domain, by: claimant, from: Fixture.here).record
        dns.say([record])
        _ = try await proxy.verify(domain, by: claimant, from: Fixture.here)
        return record
    }

    /// Domains that proved themselves: `d0.test` and so on, `d0.test` to be looked at first.
    func hostVerified(_ count: Int, below parent: String = "test") async throws {
        let now = fixture.time.now
        try await fixture.database.transaction { sql in
            for number in 0..<count {
                try sql(
                    """
                    INSERT INTO domains (name, created_at, verified_record, checked_at)
                    VALUES (\("d\(number).\(parent)"), \(now), 'a record', \(now + Int64(number)))
                    """)
            }
        }
    }

    /// The record of a claim that is as old as can be.
    func renewedClaim(_ claimant: Claimant) async throws -> String {
        try await proxy.claim(domain, by: claimant, from: Fixture.there).record
    }

    func dayWithCheck() async throws {
        fixture.time.advance(days: 1)
        _ = try await proxy.checkDue()
    }

    func list(_ claimant: Claimant, tells: Bool = true) async throws -> [DomainProxy.Standing] {
        guard case .account(let account) = claimant else { return [] }
        return try await proxy.list(of: account, tells: tells)
    }

    func actions(_ domain: String) async throws -> [String] {
        let rows = try await fixture.database.rows(
            "SELECT action FROM audit_events WHERE object_kind = 'domain' AND object_id = \(domain) ORDER BY at, id")
        return try rows.map { row throws in try row.text("action") }
    }

    /// The mails that wait, which are then gone.
    func mails() async throws -> [[String: String]] {
        let now = fixture.time.now
        return try await fixture.database.transaction { sql in
            try outbox.take(100, at: now, lease: .days(100), in: sql).compactMap(\.mail).map { mail in
                ["to": mail.recipient, "record": mail.values["record"] ?? ""]
            }
        }
    }
}
