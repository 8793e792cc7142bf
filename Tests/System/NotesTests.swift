import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("A server of somebody else that takes our tokens (Docs/Examples/Notes)", .timeLimit(.minutes(3)))
struct NotesTests {
    private static let alice = "alice@a.test"
    private static let admin = "admin@a.test"

    /// The example, running.
    private final class Notes: Sendable {
        let url: String
        private let program: RunningProgram
        private let transport = CurlTransport()

        /// - Parameter issuer: where its keys are.
        init(issuer: String, in folder: TemporaryFolder) async throws {
            let port = try ScriptedServer.unusedPort()
            url = "http://127.0.0.1:\(port)"
            program = try await Program.notes.start([issuer, "gatehouse", "\(port)"], in: folder)
            try await wait(for: "the notes") {
                (try? await self.transport.send(TransferRequest(method: .get, url: url)))?.status == 200
            }
        }

        deinit { program.send(SIGKILL) }

        func send(
            _ method: HTTPRequest.Method = .get, _ path: String = "/notes", token: String?, body: String? = nil
        ) async throws -> TransferResponse {
            var request = TransferRequest(method: method, url: url + path, body: body.map { Array($0.utf8) })
            if let token { request.headers.append(("Authorization", "Bearer \(token)")) }
            return try await transport.send(request)
        }

        func outcome(_ token: String?, _ path: String = "/notes") async throws -> String {
            try await send(.get, path, token: token).outcome
        }
    }

    private func token(_ name: String, for audience: JSONValue = "notes", from server: ServerProcess) async throws
        -> String
    {
        let answer = try await server.send(
            .post, "/api/security/login",
            json: ["login": .string(name), "password": .string(TestStore.password), "audience": audience])
        return try #require(answer.json?["token"]?.string)
    }

    @Test("people who signed in for it read their own notes, and nobody else is let in")
    func ownNotes() async throws {
        try await withStore { store in
            try await store.addAdmin(Self.admin)
            try await store.addAccount(Self.alice)
            let server = try await store.start()
            let notes = try await Notes(issuer: server.url, in: store.folder)
            let alice = try await token(Self.alice, from: server)
            let admin = try await token(Self.admin, from: server)
            #expect(try await notes.send(.post, token: alice, body: "Buy milk").status == 201)
            let hers = try await notes.send(token: alice)
            #expect(hers.status == 200 && String(decoding: hers.body, as: UTF8.self) == "Buy milk\n")
            let others = try await notes.send(token: admin)
            #expect(others.status == 200 && others.body.isEmpty)
            let stranger = try await notes.send(token: nil)
            #expect(stranger.outcome == "401 authentication_required")
            #expect(stranger.header("WWW-Authenticate") == "Bearer realm=\"notes\"")
            let ours = try #require(try await server.logIn(Self.alice).json?["token"]?.string)
            #expect(try await notes.outcome(ours) == "401 invalid_token", "for the issuer's own doors")
            #expect(
                try await notes.outcome(try await token(Self.alice, for: "mail", from: server)) == "401 invalid_token")
            #expect(try await notes.outcome(alice + "A") == "401 invalid_token")
            #expect(try await notes.outcome(alice, "/people") == "403 insufficient_scope")
            #expect(try await notes.outcome(admin, "/people") == "200")
            #expect(try await server.send(.get, "/api/sessions", bearer: alice).outcome == "401 invalid_token")
        }
    }

    @Test("a key that signs from now on is found at once, and one that was removed is refused from then on")
    func keysChange() async throws {
        try await withStore { store in
            try await store.addAccount(Self.alice)
            let server = try await store.start()
            let notes = try await Notes(issuer: server.url, in: store.folder)
            let old = try await token(Self.alice, from: server)
            #expect(try await notes.outcome(old) == "200")
            let list = try JSONValue(parsing: Array(try await store.gatehouse("signing-key", "list", "--json").utf8))
            let first = try #require(list[0]?["kid"]?.string)
            try await store.gatehouse("signing-key", "rotate", "--now")
            try await store.gatehouse("signing-key", "retire", first, "--now")
            #expect(try await notes.outcome(old) == "200", "the keys that were fetched are kept for a while")
            let new = try await token(Self.alice, from: server)
            #expect(try await notes.outcome(new) == "200")
            #expect(try await notes.outcome(old) == "401 invalid_token")
        }
    }

    @Test("it waits for an issuer that starts later, and goes on while the issuer is down")
    func issuerIsDown() async throws {
        try await withStore { store in
            try await store.addAccount(Self.alice)
            let port = try ScriptedServer.unusedPort()
            let first = try await store.start()
            let token = try await token(Self.alice, from: first)
            _ = try await first.stop()

            let notes = try await Notes(issuer: "http://127.0.0.1:\(port)", in: store.folder)
            let early = try await notes.send(token: token)
            #expect(early.outcome == "503 keys_unavailable")
            let pause = try #require(early.header("Retry-After").flatMap { Int($0) })
            let second = try await store.start(["--port", "\(port)"])
            try await Task.sleep(for: .seconds(pause))
            #expect(try await notes.outcome(token) == "200")
            try await second.kill()
            #expect(try await notes.outcome(token) == "200")
        }
    }
}
