import Foundation
import GatehouseClient
import Testing

/// The SDK at `/api/domains`: what goes out, and what comes of the answer.
@Suite("Domains of the SDK")
struct DomainTests {
    private static let first = #"""
        {"domain":"a.test","hosts":["id.a.test"],"owner":"carol@x.org","sign_up":"open","allowed_origins":["https://p.test"],
        "address_types":[100,300],"created":"2026-01-01T00:00:00Z","secret":"hush"}
        """#
    private static let second = #"""
        {"domain":"b.test","hosts":[],"owner":null,"sign_up":"by-lot","allowed_origins":[],"address_types":null,
        "created":"2026-01-01T00:00:00Z"}
        """#

    private func client(
        _ answer: @escaping @Sendable (String) -> TransportResponse
    ) throws -> (gatehouse: Gatehouse, transport: ScriptedTransport) {
        let transport = ScriptedTransport { request in
            request.url.hasSuffix("/v1/auth") ? .signedIn(until: 2_000_000_000) : answer(request.url)
        }
        let gatehouse = try Gatehouse(
            server: "https://id.example.org", credential: alice, transport: transport,
            retries: RetryPolicy(jitter: { 1 }), clock: TestClock().wall)
        return (gatehouse, transport)
    }

    private func last(_ transport: ScriptedTransport) throws -> String {
        let request = try #require(transport.requests.last)
        let target = request.url.replacing("https://id.example.org", with: "")
        return "\(request.method) \(target) \(String(decoding: request.body ?? [], as: UTF8.self))"
    }

    @Test("domains are listed to the end, with what a newer server may say")
    func list() async throws {
        let (gatehouse, transport) = try client { url in
            url.hasSuffix("?after=1.a.test")
                ? .json(#"{"items":[\#(Self.second)],"next":null}"#)
                : .json(#"{"items":[\#(Self.first)],"next":"1.a.test"}"#)
        }
        let domains = try await gatehouse.domains.list()
        #expect(domains.map(\.name) == ["a.test", "b.test"])
        #expect(domains[0].hosts == ["id.a.test"] && domains[0].owner == "carol@x.org")
        #expect(
            domains[0].settings
                == DomainSettings(
                    signUp: .open, allowedOrigins: ["https://p.test"], addressTypes: [.bitcoinP2PKH, .nano]))
        #expect(domains[1].settings == DomainSettings(signUp: SignUpPolicy(rawValue: "by-lot")))
        #expect(domains[1].owner == nil)
        #expect(try last(transport) == "GET /api/domains?after=1.a.test ")
    }

    @Test("a domain is made and its secret is shown to nobody who prints it")
    func create() async throws {
        let (gatehouse, transport) = try client { _ in .json(Self.first, status: 201) }
        let (domain, secret) = try await gatehouse.domains.create(
            "a.test", hosts: ["id.a.test"], owner: "carol@x.org", settings: DomainSettings(addressTypes: [.nano]))
        #expect(domain.name == "a.test" && secret.text == "hush")
        var shown = "\(secret)"
        dump(secret, to: &shown)
        #expect(!shown.contains("hush"))
        #expect(
            try last(transport)
                == #"POST /api/domains {"domain":"a.test","hosts":["id.a.test"],"owner":"carol@x.org","sign_up":"secret","allowed_origins":[],"address_types":[300]}"#
        )
    }

    @Test("a domain is changed, given another secret and removed")
    func change() async throws {
        let (gatehouse, transport) = try client { url in
            url.hasSuffix("/rotate-secret") ? .json(#"{"secret":"new"}"#) : TransportResponse(status: 204)
        }
        let domains = gatehouse.domains
        try await domains.change(
            "a.test/x", settings: DomainSettings(signUp: .operator, allowedOrigins: ["https://p.test"]))
        #expect(
            try last(transport)
                == #"PATCH /api/domains/a.test%2Fx {"sign_up":"operator","allowed_origins":["https://p.test"],"address_types":null}"#
        )
        try await domains.change("a.test", hosts: [])
        #expect(try last(transport) == #"PATCH /api/domains/a.test {"hosts":[]}"#)
        try await domains.change("a.test", owner: nil)
        #expect(try last(transport) == #"PATCH /api/domains/a.test {"owner":null}"#)
        #expect(try await domains.rotateSecret(of: "a.test").text == "new")
        #expect(try last(transport) == "POST /api/domains/a.test/rotate-secret ")
        try await domains.delete("a.test")
        #expect(try last(transport) == "DELETE /api/domains/a.test ")
    }

    @Test("an answer that is no domain is an error")
    func unexpected() async throws {
        for text in ["{}", #"{"domain":"a.test"}"#, "[]", #"{"items":[{}],"next":null}"#] {
            let (gatehouse, _) = try client { _ in .json(text) }
            let error = await failure { () throws(GatehouseError) in _ = try await gatehouse.domains.domain("a.test") }
            guard case .unexpectedAnswer = error else {
                Issue.record("\(text): \(String(describing: error))")
                continue
            }
        }
    }
}
