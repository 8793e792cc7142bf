import GatehouseDNS
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage
import Synchronization
import Testing

@testable import GatehouseCore

/// A proxy whose DNS says what a test wants it to.
struct DomainDesk: Sendable {
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
