import Testing

@testable import GatehouseClient

@Suite("Sessions, passwords and tokens of an account")
struct SessionTests {
    /// Signs in to session `s-2`, and answers everything else with `answer`.
    private func client(
        _ answer: @escaping @Sendable (TransportRequest) -> TransportResponse
    ) throws -> (Gatehouse, ScriptedTransport) {
        let transport = ScriptedTransport { request in
            // {"exp":4000000000,"sid":"s-2"}
            request.url.hasSuffix("/v1/auth")
                ? .json(#"{"jwt":"e30.eyJleHAiOjQwMDAwMDAwMDAsInNpZCI6InMtMiJ9.e30"}"#) : answer(request)
        }
        return (try Gatehouse.scripted(transport), transport)
    }

    @Test("all pages of the list are read, and one's own session is known among them")
    func list() async throws {
        let (gatehouse, transport) = try client { request in
            request.url.hasSuffix("after=a%2Fb")
                ? .json(#"{"items":[{"id":"s-2","created":"1970-01-01T00:00:01Z","expires":"1970-01-01T00:00:02Z"}]}"#)
                : .json(
                    #"""
                    {"items":[{"id":"s-1","created":"1970-01-01T00:00:03.5Z","expires":"1970-01-02T00:00:00Z","last_used":"1970-01-01T01:00:00+01:00","more":1}],"next":"a/b"}
                    """#)
        }
        #expect(
            try await gatehouse.sessions() == [
                Session(id: "s-1", createdAt: 3, lastUsedAt: 0, expiresAt: 86_400, isCurrent: false),
                Session(id: "s-2", createdAt: 1, lastUsedAt: nil, expiresAt: 2, isCurrent: true),
            ])
        #expect(transport.calls == ["POST /v1/auth", "GET /api/sessions", "GET /api/sessions?after=a%2Fb"])
    }

    @Test(
        "a list that makes no sense is an unexpected answer",
        arguments: ["{}", "[]", #"{"items":[{}]}"#, #"{"items":[{"id":"a","created":"yesterday","expires":"never"}]}"#])
    func badList(body: String) async throws {
        let (gatehouse, _) = try client { _ in .json(body) }
        let error = await failure { () throws(GatehouseError) in try await gatehouse.sessions() }
        guard case .unexpectedAnswer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a session is ended by its id, also when the answer to the first attempt was lost")
    func end() async throws {
        let attempts = Counter()
        let transport = ScriptedTransport { request throws(TransportFailure) in
            if request.url.hasSuffix("/v1/auth") { return .signedIn(until: 4_000_000_000) }
            guard attempts.next() > 1 else { throw TransportFailure(.connectionLost, "cut", mayHaveArrived: true) }
            return .refusal(404, code: "unknown_session")
        }
        try await Gatehouse.scripted(transport).endSession("s/1")
        #expect(transport.calls.suffix(2) == ["DELETE /api/sessions/s%2F1", "DELETE /api/sessions/s%2F1"])
    }

    @Test("after a change of the password the client goes on with the new one")
    func password() async throws {
        let (gatehouse, transport) = try client { _ in TransportResponse(status: 204) }
        try await gatehouse.changePassword(from: "old", to: "new")
        #expect(transport.calls == ["POST /v1/auth", "POST /api/password", "POST /v1/auth"])
        try await gatehouse.signOut()
        try await gatehouse.deleteAddress(type: .nano)
        let signIns = transport.requests.filter { $0.url.hasSuffix("/v1/auth") }
        #expect(signIns.count == 3)
        for signIn in signIns.dropFirst() {
            #expect(signIn.body == Array(#"{"alias":"alice$example.org","password":"new"}"#.utf8))
        }
    }

    @Test("a password that the server does not change is not used")
    func refusedPassword() async throws {
        let (gatehouse, transport) = try client { _ in .refusal(400, code: "weak_password") }
        let error = await failure { () throws(GatehouseError) in
            try await gatehouse.changePassword(from: "old", to: "new")
        }
        #expect(error?.code == "weak_password" && transport.calls.count == 2)
    }

    @Test("what the server says about a token is read; tokens travel in forms")
    func introspection() async throws {
        let (gatehouse, transport) = try client { request in
            switch request.url.split(separator: "/").last {
            case "introspect":
                .json(#"{"active":true,"sub":"a-1","username":"bob","scope":"admin staff","exp":5,"aud":["x"]}"#)
            default: .json("{}")
            }
        }
        #expect(
            try await gatehouse.introspect("a+b/c=&")
                == TokenStatus(
                    isActive: true, subject: "a-1", username: "bob", scopes: ["admin", "staff"], expiresAt: 5))
        try await gatehouse.revoke("t&x=1")
        let sent = transport.requests.suffix(2)
        #expect(
            sent.map { String(decoding: $0.body ?? [], as: UTF8.self) }
                == ["token=a%2Bb%2Fc%3D%26", "token=t%26x%3D1"])
        #expect(sent.allSatisfy { $0.header("Content-Type") == "application/x-www-form-urlencoded" })
        // Possession suffices.
        #expect(sent.first?.header("Authorization") != nil && sent.last?.header("Authorization") == nil)
    }

    @Test("a token that is not good has no more to say")
    func inactive() async throws {
        let (gatehouse, _) = try client { _ in .json(#"{"active":false}"#) }
        #expect(
            try await gatehouse.introspect("x")
                == TokenStatus(isActive: false, subject: nil, username: nil, scopes: [], expiresAt: nil))
    }
}
