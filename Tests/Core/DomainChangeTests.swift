import GatehouseOpenCAP
import GatehouseTransfer
import HTTPTypes
import Testing

@testable import GatehouseCore

@Suite("Domains that are changed", .timeLimit(.minutes(1)))
struct DomainChangeTests {
    private static let a = "a.test"

    private func hosts(_ names: String...) throws -> [DomainName] {
        try names.map { name throws in try DomainName(name) }
    }

    @Test("what was chosen for a domain counts at the next request on its hosts")
    func counts() async throws {
        try await withServer { server in
            try await server.fixture.aDomain()
            let a = try DomainName(Self.a)
            func allowed(_ host: String) async throws -> String? {
                try await server.send(.get, "/health", [("Host", host), ("Origin", "https://app.test")])
                    .header("Access-Control-Allow-Origin")
            }
            #expect(try await allowed("a.test") == nil)
            let origin = try #require(WebOrigin("https://App.test:443/"))
            try await server.fixture.domains.change(
                a, settings: DomainSettings(allowedOrigins: [origin]), by: .commandLine)
            #expect(try await allowed("a.test") == "https://app.test")
            #expect(try await allowed("id.a.test") == nil)
            try await server.fixture.domains.change(
                a, hosts: .these(added: try hosts("id.a.test"), removed: []), by: .commandLine)
            #expect(try await allowed("id.a.test:9096") == "https://app.test")
            try await server.fixture.domains.change(
                a, hosts: .these(added: [], removed: try hosts("id.a.test")), by: .commandLine)
            #expect(try await allowed("id.a.test") == nil)
            #expect(try await allowed("a.test") == "https://app.test")
        }
    }

    @Test("of sixteen domains that take one host name at once one has it")
    func hostRace() async throws {
        let fixture = try await Fixture()
        for number in 0..<16 { try await fixture.aDomain("d\(number).test") }
        let wanted = try hosts("cap.test")
        let results = try await sixteen { number in
            do {
                try await fixture.domains.change(
                    try DomainName("d\(number).test"), hosts: .exactly(wanted),
                    settings: DomainSettings(signUp: .open), by: .commandLine)
                return "taken"
            } catch DomainError.hostTaken("cap.test", _) { return "refused" }
        }
        #expect(results == ["taken": 1, "refused": 15])
        // All or nothing.
        let list = try await fixture.domains.list()
        #expect(list.count { $0.hosts == ["cap.test"] && $0.hosted.signUp == .open } == 1)
        #expect(list.count { $0.hosts.isEmpty && $0.hosted.signUp == .secret } == 15)
    }

    @Test("a new owner has the domain at once, and the one before has it no more")
    func ownerChanges() async throws {
        let fixture = try await Fixture()
        try await fixture.anAccount(email: "one@mail.test")
        try await fixture.anAccount(email: "two@mail.test")
        try await fixture.aDomain(owner: "one@mail.test")
        let (one, two) = (try await fixture.signIn("one@mail.test"), try await fixture.signIn("two@mail.test"))
        func roles(_ token: String) async throws -> Set<Role> { try await fixture.tokens.check(token).account.roles }
        #expect(try await roles(one) == [.owner])
        #expect(try await roles(two) == [])
        try await fixture.domains.change(
            try DomainName(Self.a), owner: .some(try AccountName("two@mail.test")), by: .commandLine)
        #expect(try await roles(one) == [])
        #expect(try await roles(two) == [.owner])
        try await fixture.domains.change(try DomainName(Self.a), owner: .some(nil), by: .commandLine)
        #expect(try await roles(two) == [])
    }

    @Test("lists of domains go on where a part ended, and those of an owner hold no others")
    func pages() async throws {
        let fixture = try await Fixture()
        let owner = try await fixture.anAccount(email: "one@mail.test")
        var expected: [String] = []
        for number in 0..<7 {
            // Several of one moment.
            if number.isMultiple(of: 3) { fixture.time.advance(seconds: 1) }
            let name = "d\(number).test"
            try await fixture.aDomain(name, owner: number == 5 ? nil : "one@mail.test")
            if number != 5 { expected.append(name) }
        }
        var (found, after): ([String], String?) = ([], nil)
        repeat {
            var query = ["limit": "2"]
            query["after"] = after
            let page = try await fixture.domains.list(
                ownedBy: owner, try PageRequest(query) { (try? DomainName($0)) != nil })
            found += page.items.map(\.name)
            after = page.next
        } while after != nil
        #expect(found == expected)
        let all = try await fixture.domains.list(ownedBy: nil, try PageRequest([:]))
        #expect(all.items.count == 7 && all.next == nil)
    }

    @Test(
        "an origin is written as browsers send it",
        arguments: [
            ("https://a.test", "https://a.test"), ("https://A.Test/", "https://a.test"),
            ("https://a.test:443", "https://a.test"), ("http://a.test:80", "http://a.test"),
            ("http://a.test:443", "http://a.test:443"), ("https://[::1]:8443", "https://[::1]:8443"),
            ("https://a.test.", "https://a.test"), ("*", nil), ("null", nil), ("a.test", nil), ("https://", nil),
            ("https://a.test/x", nil), ("https://a.test?x", nil), ("https://u@a.test", nil), ("ftp://a.test", nil),
            ("https://a.test b.test", nil), ("https://a.test//", nil), ("https://\u{212a}.test", nil), ("", nil),
        ] as [(String, String?)])
    func origins(text: String, expected: String?) { #expect(WebOrigin(text)?.text == expected) }
}
