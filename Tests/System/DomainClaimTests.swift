import GatehouseJSON
import GatehouseTestSupport
import HTTPTypes
import Synchronization
import Testing

@Suite("Domains that join by themselves, seen from outside")
struct DomainClaimTests {
    private static let newcomer: JSONValue = ["username": "alice", "password": .string(TestStore.password)]

    private static func claim(_ domain: String) -> JSONValue {
        ["domain": .string(domain), "username": "alice", "password": .string(TestStore.password)]
    }

    private static func record(of answer: JSONValue?) throws -> String {
        try #require(answer?["record"]?["value"]?.string)
    }

    @Test("knot says the record: the domain is its claimant's, at once")
    func knot() async throws {
        let dns = try await NameServer(["a.test": "@ TXT \"v=spf1 -all\"", "b.test": ""])
        try await withStore { store in
            try await store.addAccount("bob@x.test")
            let server = try await store.start(["--domain-proxy", "--dns-servers", dns.address])
            let claimed = try await server.send(.post, "/v1/domains", json: Self.claim("a.test"))
            #expect(claimed.outcome == "201")
            let record = try Self.record(of: claimed.json)
            let early = try await server.send(.post, "/v1/domains/a.test/verify", json: Self.newcomer)
            #expect(early.outcome == "409 domain_not_verified")
            #expect(early.json?["message"]?.string?.contains("1 TXT record") == true)

            // As one text of two strings, beside another.
            let half = record.count / 2
            let text = "@ TXT \"\(record.prefix(half))\" \"\(record.dropFirst(half))\""
            try await dns.change("a.test", to: "@ TXT \"v=spf1 -all\"\n\(text)")
            let verified = try await server.send(.post, "/v1/domains/a.test/verify", json: Self.newcomer)
            #expect(verified.outcome == "200")
            #expect(verified.json?["owner"]?.string == "alice$a.test")
            let secret = try #require(verified.json?["secret"]?.string)
            let made = try await server.send(
                .post, "/v1/users", bearer: secret,
                json: ["alias": "carol$a.test", "password": .string(TestStore.password)])
            #expect(made.outcome == "200")
            let alice = try await server.token("alice$a.test")
            let again = try await server.send(.post, "/v1/domains/a.test/verify", bearer: alice)
            #expect(again.outcome == "200" && again.json?["secret"] == nil)

            // With an account's token, and a domain that has no text at all before.
            let bob = try await server.token("bob@x.test")
            let second = try await server.send(.post, "/v1/domains", bearer: bob, json: ["domain": "b.test"])
            let nothing = try await server.send(.post, "/v1/domains/b.test/verify", bearer: bob)
            #expect(nothing.outcome == "409 domain_not_verified")
            #expect(nothing.json?["message"]?.string?.contains("no such record") == true)
            try await dns.change("b.test", to: "@ TXT \"\(try Self.record(of: second.json))\"")
            let owned = try await server.send(.post, "/v1/domains/b.test/verify", bearer: bob)
            #expect(owned.json?["owner"]?.string == "bob@x.test")
            let list = try await server.send(.get, "/v1/domains", bearer: bob)
            #expect(list.json?["items"]?.array?.compactMap { $0["state"]?.string } == ["verified"])
            #expect(try await store.gatehouse("domain", "list").contains("bob@x.test"))
        }
        withExtendedLifetime(dns) {}
    }

    @Test("a slow, silent or lying name server costs five seconds and changes nothing")
    func timedNameServers() async throws {
        let box = Box()
        let scripts: [@Sendable (DNSQuery) -> [[UInt8]]] = [
            { _ in [] },
            { [$0.reply(flags: 0x8182)] },
            { [$0.reply(flags: 0x8185)] },
            { query in
                [query.reply(answers: [DNSQuery.record(DNSQuery.name("b.test"), type: 16, DNSQuery.text(box.text))])]
            },
            { query in [query.reply(answers: [DNSQuery.record(type: 99, DNSQuery.text(box.text))])] },
            { query in [query.reply(answers: [DNSQuery.record(type: 16, class: 3, DNSQuery.text(box.text))])] },
            { query in
                let question = DNSQuery.name("b.test") + [0, 16, 0, 1]
                return [query.reply(question: question, answers: [DNSQuery.record(type: 16, DNSQuery.text(box.text))])]
            },
            { query in
                [query.reply(id: query.id &+ 1, answers: [DNSQuery.record(type: 16, DNSQuery.text(box.text))])]
            },
            { query in [Array(query.octets.prefix(12)) + [UInt8](repeating: 0xff, count: 400)] },
            { _ in [[0]] },
        ]
        for (index, script) in scripts.enumerated() {
            let dns = try LyingNameServer(script)
            try await withStore { store in
                let server = try await store.start(["--domain-proxy", "--dns-servers", dns.address, "--test-limits"])
                let claimed = try await server.send(.post, "/v1/domains", json: Self.claim("a.test"))
                box.set(try Self.record(of: claimed.json))
                let start = ContinuousClock.now
                let answer = try await server.send(.post, "/v1/domains/a.test/verify", json: Self.newcomer)
                let time = start.duration(to: .now)
                #expect(answer.outcome == "409 domain_not_verified", "script \(index)")
                #expect(time < .seconds(7), "script \(index)")
                #expect(try await server.signIn("alice$a.test").outcome == "401 invalid_credentials")
            }
            #expect(dns.questions > 0, "script \(index)")
        }
    }

    @Test("without --domain-proxy nobody claims a domain")
    func off() async throws {
        try await withStore { store in
            let server = try await store.start()
            for target in ["/v1/domains", "/v1/domains/a.test/verify"] {
                let answer = try await server.send(.post, target, json: Self.claim("a.test"))
                #expect(answer.outcome == "404 not_found")
            }
        }
    }
}

/// The record that the lying servers know.
private final class Box: Sendable {
    private let record = Mutex("")

    var text: String { record.withLock { $0 } }
    func set(_ text: String) { record.withLock { $0 = text } }
}
