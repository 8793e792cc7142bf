import GatehouseDNS
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage
import Testing

@testable import GatehouseCore

@Suite("Domains that join by themselves")
struct DomainProxyTests {
    @Test("a record in DNS makes the account that claimed the domain its owner, with a secret that is shown once")
    func byAccount() async throws {
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
        _ = try await desk.fixture.domains.add(try DomainName("b.test"), hosts: [try DomainName("cap.other.test")])
        let alice = try await desk.account("alice@elsewhere.test")
        #expect(try await desk.claim(alice, try DomainName(name)) == outcome)
    }

    @Test("below one registered domain twenty domains join by themselves, also when more were claimed before")
    func manyBelowOne() async throws {
        let desk = try await DomainDesk()
        let alice = try await desk.account("alice@elsewhere.test")
        let claimed = try DomainName("claimed.shop.test")
        let record = try await desk.proxy.claim(claimed, by: alice, from: Fixture.here).record
        try await desk.hostVerified(20, below: "shop.test")
        desk.dns.say([record])
        #expect(try await desk.verify(alice, claimed) == "invalid_domain")
        #expect(try await desk.claim(alice, try DomainName("d20.shop.test")) == "invalid_domain")
        for other in ["d20.other.test", "shop.test"] {
            #expect(try await desk.claim(alice, try DomainName(other)) == "201")
        }
        // What an operator added counts for nothing.
        _ = try await desk.fixture.domains.remove(try DomainName("d0.shop.test"))
        try await desk.fixture.aDomain("x.shop.test")
        #expect(try await desk.verify(alice, claimed) == "alice@elsewhere.test")
        #expect(try await desk.claim(alice, try DomainName("d20.shop.test")) == "invalid_domain")
    }

    @Test("a network has five open claims at most, and room again when they are over")
    func fiveClaims() async throws {
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
        let alice = try await desk.account("alice@elsewhere.test")
        let outcomes = try await sixteen { index in try await desk.claim(alice, try DomainName("d\(index).test")) }
        #expect(outcomes == ["201": 5, "too_many_claims": 11])
    }

    @Test("of sixteen who verify one claim at once one is told the secret, and there is one owner")
    func verifiedAtOnce() async throws {
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
        let outcomes = try await sixteen { _ in
            try await desk.proxy.claim(desk.domain, by: try desk.newcomer("alice"), from: Fixture.here).record
        }
        #expect(outcomes.count == 1)
        #expect(try await desk.fixture.count("SELECT COUNT(*) FROM domain_claims") == 1)
    }

    @Test("nobody claims a verified domain by the username of one of its aliases, or shuts its owner out so")
    func usernameOfAnAlias() async throws {
        let desk = try await DomainDesk()
        let claim = try await desk.proxy.claim(desk.domain, by: try desk.newcomer("alice"), from: Fixture.here)
        desk.dns.say([claim.record])
        #expect(try await desk.verify(try desk.newcomer("alice")) == "alice$a.test")
        #expect(try await desk.claim(try desk.newcomer("alice", "a wrong one 77")) == "alias_taken")
        #expect(try await desk.claim(try desk.newcomer("mallory", "a wrong one 77")) == "201")
        #expect(try await desk.verify(try desk.newcomer("alice")) == "alice$a.test")
    }

    @Test("a claim ends after seven days, and whoever claimed gets another record then")
    func claimsEnd() async throws {
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk()
        let (alice, mallory) = (try await desk.account("alice@x.test"), try await desk.account("mallory@x.test"))
        let record = try await desk.proxy.claim(desk.domain, by: alice, from: Fixture.here).record
        #expect(try await desk.claim(mallory) == "201")
        desk.dns.say([record])
        #expect(try await desk.verify(mallory) == "domain_not_verified")
        #expect(try await desk.verify(alice) == "alice@x.test")
        try await desk.fixture.anAccount(alias: "bob$a.test")
        #expect(try await desk.claim(try await desk.account("bob$a.test")) == "domain_taken")
    }

    @Test("a domain that is the claimant's already is not claimed again")
    func ownAlready() async throws {
        let desk = try await DomainDesk()
        let alice = try await desk.account("alice@x.test")
        _ = try await desk.verified(by: alice)
        #expect(try await desk.claim(alice) == "domain_taken")
        #expect(try await desk.claim(try await desk.account("bob@x.test")) == "201")
    }

    @Test("one's own domains and claims are listed by name, nobody else's")
    func lists() async throws {
        let desk = try await DomainDesk()
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
        let desk = try await DomainDesk(checksPerMinute: 2)
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
