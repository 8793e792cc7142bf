import GatehouseJSON
import GatehouseTransfer
import HTTPTypes
import Testing

/// What an operator does with the command line counts for the server that runs beside it.
@Suite("The command line beside a running server", .timeLimit(.minutes(2)))
struct SecondProcessTests {
    static let alice = "alice$a.test"

    @Test("an account disabled by a second process is refused at the next request")
    func disabled() async throws {
        try await withAlice { store, server, token in
            try await store.gatehouse("user", "disable", Self.alice)
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token")
            #expect(try await server.signIn(Self.alice).outcome == "401 invalid_credentials")

            try await store.gatehouse("user", "enable", Self.alice)
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token", "the session has ended")
            let newToken = try await server.token(Self.alice)
            #expect(try await server.setAddress(bearer: newToken).status == 200)
        }
    }

    @Test("a disabled account's alias is not looked up")
    func disabledAlias() async throws {
        try await withAlice { store, server, token in
            #expect(try await server.setAddress(bearer: token).status == 200)
            let before = try await server.lookUp(Self.alice)
            #expect(before.json?.array?.count == 1)
            try await store.gatehouse("user", "disable", Self.alice)
            #expect(try await server.lookUp(Self.alice).outcome == "404 unknown_alias")
            #expect(try await server.lookUp(Self.alice + "&address_type=100").outcome == "404 unknown_alias")
            let cached = try await server.send(.get, "/v1/addresses?alias=\(Self.alice)") {
                $0.headers.append(("If-None-Match", before.header("ETag") ?? ""))
            }
            #expect(cached.outcome == "404 unknown_alias")
            try await store.gatehouse("user", "enable", Self.alice)
            #expect(try await server.lookUp(Self.alice).json == before.json)
        }
    }

    @Test("a password set by a second process ends the sessions, and the old one is refused")
    func newPassword() async throws {
        try await withAlice { store, server, token in
            try await store.gatehouse(
                "user", "set-password", Self.alice, "--password-file", "-", input: "another harbour 8\n")
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token")
            #expect(try await server.signIn(Self.alice).outcome == "401 invalid_credentials")
            let newToken = try await server.token(Self.alice, "another harbour 8")
            #expect(try await server.setAddress(bearer: newToken).status == 200)
        }
    }

    @Test("an account deleted by a second process is refused at the next request, also when it was made again")
    func deleted() async throws {
        try await withAlice { store, server, token in
            #expect(try await server.setAddress(bearer: token).status == 200)
            try await store.gatehouse("user", "delete", Self.alice)
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token")
            #expect(try await server.lookUp(Self.alice).outcome == "404 unknown_alias")
            #expect(try await server.signIn(Self.alice).outcome == "401 invalid_credentials")
            try await store.addAccount(Self.alice)
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token")
            #expect(try await server.lookUp(Self.alice).json == [])
        }
    }

    @Test("a role taken away by a second process is gone at the next request")
    func demoted() async throws {
        try await withAlice { store, server, _ in
            try await store.addAdmin()
            try await store.gatehouse(
                "user", "add", "second@a.test", "--admin", "--password-file", "-", input: TestStore.password)
            let token = try await server.token("second@a.test")
            let bob = try await server.send(
                .post, "/v1/users", bearer: token, json: ["alias": "bob$a.test", "password": "the quiet harbour 7"])
            #expect(bob.status == 200)
            try await store.gatehouse("user", "set-role", "second@a.test")
            let deletion = try await server.send(.delete, "/v1/users?alias=bob$a.test", bearer: token)
            #expect(deletion.outcome == "403 insufficient_role")
            try await store.gatehouse("user", "set-role", "second@a.test", "admin")
            #expect(try await server.send(.delete, "/v1/users?alias=bob$a.test", bearer: token).status == 200)
        }
    }

    /// What an operator does to an account, and what then becomes of its tokens.
    static let events: [(event: [String], input: String?)] = [
        (["disable", alice], nil), (["delete", alice], nil),
        (["set-password", alice, "--password-file", "-"], "another harbour 8\n"),
    ]

    @Test("what a second process does to an account counts at every door at the next request", arguments: events)
    func everyDoor(event: [String], input: String?) async throws {
        try await withAlice { store, server, token in
            try await store.addAdmin()
            let admin = try await server.token("admin@a.test")
            let grant = try await server.logIn(Self.alice, refreshToken: true)
            let refreshToken = try #require(grant.json?["refresh_token"]?.string)
            func introspection() async throws -> JSONValue? {
                try await server.send(.post, "/api/introspect", bearer: admin) { request in
                    request.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
                    request.body = Array("token=\(token)".utf8)
                }.json?["active"]
            }
            #expect(try await server.setAddress(bearer: token).status == 200)
            #expect(try await server.send(.get, "/api/sessions", bearer: token).status == 200)
            #expect(try await server.renew(token).status == 200)
            #expect(try await introspection() == true)
            let ended = try await store.command(["user"] + event, input: input)
            #expect(ended.code == 0, "\(ended)")
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token")
            #expect(try await server.send(.get, "/api/sessions", bearer: token).outcome == "401 invalid_token")
            #expect(try await server.renew(token).outcome == "401 invalid_token")
            #expect(try await server.renew(refreshToken).outcome == "401 invalid_token")
            #expect(try await introspection() == false)
        }
    }

    @Test("a domain's secret counts until it is rotated, and the domain until it is removed")
    func domain() async throws {
        try await withStore { store in
            let server = try await store.start()
            let secret = try await store.addDomain("a.test")
            func make(_ name: String, by secret: String) async throws -> String {
                try await server.send(
                    .post, "/v1/users", bearer: secret,
                    json: ["alias": .string("\(name)$a.test"), "password": .string(TestStore.password)]
                ).outcome
            }
            #expect(try await make("alice", by: secret) == "200")
            let rotated = try await store.gatehouse("domain", "rotate-secret", "a.test")
            #expect(rotated != secret && !rotated.contains("\n"))
            #expect(try await make("bob", by: secret) == "401 invalid_credentials")
            #expect(try await make("bob", by: rotated) == "200")
            try await store.gatehouse("domain", "remove", "a.test")
            #expect(try await make("carol", by: rotated) == "401 invalid_credentials")
            #expect(try await server.lookUp(Self.alice).outcome == "404 unknown_alias")
        }
    }

    private func withAlice(_ body: (TestStore, ServerProcess, _ token: String) async throws -> Void) async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount(Self.alice)
            let server = try await store.start()
            try await body(store, server, try await server.token(Self.alice))
        }
    }
}
