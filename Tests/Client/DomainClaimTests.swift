import GatehouseClient
import Testing

/// The SDK where domains join by themselves: what goes out, and what comes of the answer.
@Suite("Claims of domains")
struct DomainClaimTests {
    private static let record = #"{"name":"a.test","type":"TXT","value":"opencap-domain-verification=e30.e30.c2ln"}"#

    private func client(_ answer: TransportResponse) throws -> (gatehouse: Gatehouse, transport: ScriptedTransport) {
        let transport = ScriptedTransport { request in
            request.url.hasSuffix("/v1/auth") ? .signedIn(until: 2_000_000_000) : answer
        }
        let gatehouse = try Gatehouse(
            server: "https://id.example.org", credential: alice, transport: transport,
            retries: RetryPolicy(jitter: { 1 }), clock: TestClock().wall)
        return (gatehouse, transport)
    }

    private func last(_ transport: ScriptedTransport) throws -> String {
        let request = try #require(transport.requests.last)
        let target = request.url.replacing("https://id.example.org", with: "")
        let token = request.header("Authorization") == nil ? "" : " signed in"
        return "\(request.method) \(target) \(String(decoding: request.body ?? [], as: UTF8.self))\(token)"
    }

    @Test("a claim goes out with the token, or with a username and a password and without one")
    func claims() async throws {
        let answer = #"{"domain":"a.test","record":\#(Self.record),"expires":"2026-11-29T09:00:00Z"}"#
        let (gatehouse, transport) = try client(.json(answer, status: 201))
        let claim = try await gatehouse.claims.claim("a.test")
        #expect(claim.record.name == "a.test" && claim.expires == "2026-11-29T09:00:00Z")
        #expect(claim.record.value == "opencap-domain-verification=e30.e30.c2ln")
        #expect(try last(transport) == #"POST /v1/domains {"domain":"a.test"} signed in"#)
        #expect(try await gatehouse.claims.claim("a.test", username: "bob", password: "p") == claim)
        #expect(
            try last(transport) == #"POST /v1/domains {"domain":"a.test","username":"bob","password":"p"}"#)
    }

    @Test("a domain is verified by name, and its secret is not printed")
    func verifies() async throws {
        let (gatehouse, transport) = try client(.json(#"{"domain":"a.test","owner":"alice$a.test","secret":"s3cret"}"#))
        let verified = try await gatehouse.claims.verify("a.test")
        #expect(verified.owner == "alice$a.test" && verified.secret?.text == "s3cret")
        #expect(!"\(verified)".contains("s3cret"))
        #expect(try last(transport) == "POST /v1/domains/a.test/verify  signed in")
        _ = try await gatehouse.claims.verify("a/b", username: "bob", password: "p")
        #expect(try last(transport) == #"POST /v1/domains/a%2Fb/verify {"username":"bob","password":"p"}"#)
        let (again, _) = try client(.json(#"{"domain":"a.test","owner":"alice$a.test"}"#))
        #expect(try await again.claims.verify("a.test").secret == nil)
    }

    @Test("domains and claims are listed, and an answer that is no list is not taken for one")
    func lists() async throws {
        let items =
            #"[{"domain":"a.test","state":"missing","record":\#(Self.record),"ends":"2026-11-29T09:00:00Z"},"#
            + #"{"domain":"b.test","state":"added","record":null,"ends":null}]"#
        let (gatehouse, transport) = try client(.json(#"{"items":\#(items)}"#))
        let own = try await gatehouse.claims.list()
        #expect(own.map(\.domain) == ["a.test", "b.test"] && own.map(\.state) == [.missing, .added])
        #expect(own[0].record?.name == "a.test" && own[1].record == nil && own[1].ends == nil)
        #expect(try last(transport) == "GET /v1/domains  signed in")
        for answer in ["{}", #"{"items":[{"domain":"a.test","state":"lost"}]}"#, #"{"items":[{}]}"#] {
            let (wrong, _) = try client(.json(answer))
            let error = await failure { () throws(GatehouseError) in _ = try await wrong.claims.list() }
            #expect(error?.isUnexpectedAnswer == true)
        }
    }
}

extension GatehouseError {
    fileprivate var isUnexpectedAnswer: Bool { if case .unexpectedAnswer = self { true } else { false } }
}
