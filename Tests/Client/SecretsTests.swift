import GatehouseClient
import HTTPSignatures
import Testing

@Suite("What is printed")
struct SecretsTests {
    @Test("holds no password, secret or token, whatever is printed or dumped")
    func noSecrets() async throws {
        let transport = ScriptedTransport { request in
            request.url.hasSuffix("/v1/auth") ? .signedIn(until: 1_900_000_000) : .json(#"{"hidden":"hunter2"}"#)
        }
        let credential = Credential.password(name: "alice$example.org", password: "hunter2")
        let gatehouse = try Gatehouse.scripted(credential: credential, transport)
        try await gatehouse.setAddress("1", type: .nano)
        let token = try await gatehouse.signIn(name: "alice$example.org", password: "hunter2")
        let request = try #require(transport.requests.first)
        let answer = try await transport.send(request)
        let policy = SigningPolicy.cavage(
            try SignatureKey(id: "k", secret: "hunter2", allowsWeak: true), answers: try AnswerPolicy(keys: []))
        let signing = try Gatehouse.scripted(credential: .signature(policy), transport)
        let body = RequestBody.octets(Array("hunter2".utf8))
        let signed = try await signing.signed("POST", "/", headers: [("X-A", "hunter2")], body: body)
        let things: [any Sendable] = [
            policy, Credential.signature(policy), signing, body, signed, signed.request,
            credential, gatehouse, token, AliasRight.domainSecret("hunter2"), AliasRight.createUserPassword("hunter2"),
            request, answer,
            transport.requests, Optional(credential) as any Sendable, ["a": token],
        ]
        for thing in things {
            var dumped = ""
            dump(thing, to: &dumped)
            for text in ["\(thing)", String(reflecting: thing), dumped] {
                #expect(!text.contains("hunter2"))
                #expect(!text.contains(token.text))
                #expect(!text.contains("Bearer") && !text.contains("keyId"))
            }
        }
    }

    @Test("names what it is about")
    func names() throws {
        #expect("\(alice)" == "Credential(alice$example.org)")
        #expect("\(try Gatehouse(server: "https://ID.example.org/"))" == "Gatehouse(https://id.example.org)")
        #expect("\(AliasRight.domainSecret("x"))" == "domainSecret")
    }

    @Test("errors have the server's sentence and its code, and no more of it than a person reads")
    func errors() async throws {
        func described(_ response: TransportResponse) async throws -> GatehouseError? {
            let gatehouse = try Gatehouse.scripted(ScriptedTransport { _ in response })
            return await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a$b.test") }
        }
        let own = try await described(.refusal(404, code: "unknown_alias", message: "This alias is not known."))
        #expect("\(try #require(own))" == "This alias is not known. (unknown_alias)")
        #expect(own?.status == 404 && own?.code == "unknown_alias" && own?.message == "This alias is not known.")
        let problem = try await described(.json(#"{"title":"There is nothing here.","code":"not_found"}"#, status: 404))
        #expect("\(try #require(problem))" == "There is nothing here. (404)")
        let page = try await described(TransportResponse(status: 502, body: Array("<html>".utf8)))
        #expect("\(try #require(page))" == "The server answered 502. (502)")
        let long = try await described(.refusal(400, code: "x", message: String(repeating: "y", count: 5000)))
        #expect(long?.message.count == 1000)
    }
}
