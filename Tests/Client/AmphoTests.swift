import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseClient

@Suite("A sign-in at Ampho", .timeLimit(.minutes(1)))
struct AmphoTests {
    private let clock = TestClock()

    private func server(ahead: Double = 0, sendsDate: Bool = true) -> AmphoServer {
        AmphoServer(sendsDate: sendsDate) { [clock] in clock.wall.now() + ahead }
    }

    private func client(
        _ transport: ScriptedTransport, credential: Credential? = alice,
        store: any CredentialStore = MemoryCredentialStore(), retries: RetryPolicy = RetryPolicy(jitter: { 1 })
    ) throws -> Gatehouse {
        try Gatehouse(
            server: "https://id.example.org", credential: credential, signingInAt: .ampho(), store: store,
            transport: transport, retries: retries, clock: clock.wall)
    }

    private func use(_ gatehouse: Gatehouse) async throws { try await gatehouse.deleteAddress(type: .nano) }

    @Test("needs the password once: it is renewed with the refresh token of the answer before")
    func renews() async throws {
        let server = server()
        let transport = server.transport()
        let gatehouse = try client(transport)
        for _ in 0..<4 {
            try await use(gatehouse)
            clock.advance(by: 880)
        }
        #expect(server.counts == ["login 200": 1, "renew 200": 3, "300 200": 4])
        #expect(
            transport.requests[0].body.map { String(decoding: $0, as: UTF8.self) }
                == #"{"login":"alice$example.org","password":"correct horse battery","refresh_token":true}"#)
        #expect(transport.bearers.compactMap { $0 }.filter { $0.hasPrefix("refresh") }.count == 3)
        #expect(Set(server.keys).count == 3 && server.keys.allSatisfy { (16...64).contains($0.utf8.count) })
        #expect(transport.requests.filter { $0.url.hasSuffix("/renew") }.allSatisfy { $0.body == nil })
    }

    @Test("a prefix and an audience go where they belong")
    func prefix() async throws {
        let transport = ScriptedTransport { _ in .signedIn(until: Int64(TestClock.start) + 900, refreshToken: "r") }
        let gatehouse = try Gatehouse(
            server: "https://id.example.org", credential: alice,
            signingInAt: .ampho(prefix: "/auth/1", audience: "https://b.test"), transport: transport, clock: clock.wall)
        _ = try await gatehouse.accessToken()
        clock.advance(by: 900)
        _ = try await gatehouse.accessToken()
        #expect(transport.calls == ["POST /auth/1/login", "POST /auth/1/renew"])
        let body = String(decoding: try #require(transport.requests[0].body), as: UTF8.self)
        #expect(body.hasSuffix(#""audience":"https://b.test"}"#))
    }

    @Test("a thousand tasks at its expiry cause one renewal")
    func thousand() async throws {
        let server = server()
        let gatehouse = try client(
            server.transport { request, response in
                // So that all who come meanwhile have to wait.
                if request.url.hasSuffix("/renew") { for _ in 0..<1000 { await Task.yield() } }
                return response
            })
        try await use(gatehouse)
        clock.advance(by: 900)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<1000 { group.addTask { try await use(gatehouse) } }
            try await group.waitForAll()
        }
        #expect(server.counts == ["login 200": 1, "renew 200": 1, "300 200": 1001])
    }

    @Test("a thousand tasks whose token the server has stopped taking cause one renewal and are sent once more")
    func thousandLate() async throws {
        let server = server()
        // What the client believes is ten minutes longer than what the server grants.
        let gatehouse = try client(
            server.transport { _, response in
                var response = response
                response.headers = []
                response.body = Array(
                    String(decoding: response.body, as: UTF8.self).replacing("\"expires\":18", with: "\"expires\":28")
                        .utf8)
                return response
            })
        try await use(gatehouse)
        clock.advance(by: 901)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<1000 { group.addTask { try await use(gatehouse) } }
            try await group.waitForAll()
        }
        #expect(server.count("renew 200") == 1 && server.count("login 200") == 1 && server.count("300 200") == 1001)
        #expect(server.count("300 401") <= 1000)
    }

    @Test(
        "is used for two hours beside a clock that is ten minutes off, without one refusal or one renewal too many",
        arguments: [-600.0, 600], [true, false])
    func wrongClock(ahead: Double, sendsDate: Bool) async throws {
        let server = server(ahead: ahead, sendsDate: sendsDate)
        let folder = try Folder([:])
        let store = FileCredentialStore(path: folder.path("credential"))
        let transport = server.transport()
        var gatehouse = try client(transport, store: store)
        for minute in 0..<120 {
            try await use(gatehouse)
            clock.advance(by: 60)
            // As a command that begins anew each time, with what is in the file and nothing else.
            if minute.isMultiple(of: 3) { gatehouse = try client(transport, credential: nil, store: store) }
        }
        #expect(server.counts == ["login 200": 1, "renew 200": 7, "300 200": 120])
    }

    @Test("a renewal whose answer is lost on the wire is sent again with the same key, and costs nothing")
    func lostAnswer() async throws {
        let server = server()
        let lost = Counter()
        let transport = server.transport { request, response throws(TransportFailure) in
            guard request.url.hasSuffix("/renew"), lost.next() <= 2 else { return response }
            throw TransportFailure(.connectionLost, "cut", mayHaveArrived: true)
        }
        let gatehouse = try client(transport, credential: nil)
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        clock.advance(by: 900)
        try await use(gatehouse)
        clock.advance(by: 900)
        try await use(gatehouse)
        #expect(server.counts == ["login 200": 1, "renew 200": 4, "300 200": 2])
        #expect(
            server.keys[0] == server.keys[1] && server.keys[1] == server.keys[2] && server.keys[2] != server.keys[3])
    }

    @Test("a renewal of which no answer ever came is taken up by the next process, with the same key")
    func crash() async throws {
        let server = server()
        let folder = try Folder([:])
        let store = FileCredentialStore(path: folder.path("credential"))
        let cut = server.transport { request, response throws(TransportFailure) in
            guard request.url.hasSuffix("/renew") else { return response }
            throw TransportFailure(.timedOut, "cut", mayHaveArrived: true)
        }
        let first = try client(cut, credential: nil, store: store)
        try await first.signIn(name: "alice$example.org", password: AmphoServer.password)
        clock.advance(by: 900)
        for _ in 0..<2 {
            let error = await failure { () throws(GatehouseError) in try await first.deleteAddress(type: .nano) }
            #expect(error == .unreachable(TransportFailure(.timedOut, "cut", mayHaveArrived: true)))
        }
        let second = try client(server.transport(), credential: nil, store: store)
        try await use(second)
        clock.advance(by: 900)
        // It looks at what is kept before it renews with what it remembers.
        try await use(try client(server.transport(), credential: nil, store: store))
        #expect(server.counts == ["login 200": 1, "renew 200": 4, "300 200": 2])
        #expect(Set(server.keys.prefix(3)).count == 1 && server.keys[3] != server.keys[0])
    }

    @Test("a session that is over asks for signing in again, and its tokens are forgotten")
    func over() async throws {
        let server = server()
        let store = MemoryCredentialStore()
        let gatehouse = try client(server.transport(), credential: nil, store: store)
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        server.endSessions()
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAddress(type: .nano) }
        guard case .signInRequired(let refusal?) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(refusal.code == "invalid_token")
        #expect(try store.load() == nil)
        let later = await failure { () throws(GatehouseError) in try await gatehouse.deleteAddress(type: .nano) }
        #expect(later == .signInRequired(nil))
        #expect(server.count("renew 401") == 1)
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        try await use(gatehouse)
    }

    @Test("a session that is over is begun again when the password is at hand")
    func overWithPassword() async throws {
        let server = server()
        let gatehouse = try client(server.transport())
        try await use(gatehouse)
        server.endSessions()
        try await use(gatehouse)
        #expect(server.counts == ["login 200": 2, "renew 401": 1, "300 401": 1, "300 200": 2])
    }

    @Test(
        "a renewal that fails for another reason forgets nothing",
        arguments: [
            TransportResponse(status: 401), .refusal(503, code: "overloaded"), .refusal(429, code: "too_many_requests"),
            TransportResponse(status: 502), .json("{}"), .json("[1"), .json(#"{"token":"a","starts":9,"expires":1}"#),
        ])
    func otherFailures(answer: TransportResponse) async throws {
        let server = server()
        let store = MemoryCredentialStore()
        let failures = Counter()
        let transport = server.transport { request, response in
            request.url.hasSuffix("/renew") && failures.next() == 1 ? answer : response
        }
        let gatehouse = try client(transport, credential: nil, store: store)
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        clock.advance(by: 900)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAddress(type: .nano) }
        if case .signInRequired = error { Issue.record("asks for signing in") }
        #expect(try store.load() != nil)
        try await use(gatehouse)
        #expect(server.count("login 200") == 1)
    }

    @Test("a token of a server that gives no refresh token is renewed as long as it is good, then by signing in")
    func withoutRefreshToken() async throws {
        let counter = Counter()
        let transport = ScriptedTransport { [clock] request in
            request.url.hasSuffix("/300")
                ? .json("{}") : .json(Self.grant(counter.next(), from: Int64(clock.wall.now())))
        }
        let gatehouse = try client(transport)
        for seconds in [0.0, 880, 900] {
            clock.advance(by: seconds)
            try await use(gatehouse)
        }
        let signIns = zip(transport.calls, transport.bearers).filter { $0.0.hasPrefix("POST") }
        #expect(signIns.map(\.0) == ["login", "renew", "login"].map { "POST /api/security/\($0)" })
        #expect(signIns.map(\.1) == [nil, "t1", nil])
        #expect(transport.requests.allSatisfy { $0.header("Idempotency-Key") == nil })
    }

    private static func grant(_ number: Int, from start: Int64) -> String {
        #"{"token":"t\#(number)","ttl":900,"leeway":60,"starts":\#(start),"expires":\#(start + 900)}"#
    }

    @Test("two clients of a store that cannot keep others out send one key, and nobody is thrown out")
    func withoutLock() async throws {
        let server = server()
        let store = MemoryCredentialStore()
        let (asked, go) = (Counter(), Gate())
        let transport = server.transport { request, response in
            guard request.url.hasSuffix("/renew") else { return response }
            if asked.next() == 2 { go.open() }
            await go.wait()
            return response
        }
        let clients = try (0..<2).map { _ in try client(transport, credential: nil, store: store) }
        try await clients[0].signIn(name: "alice$example.org", password: AmphoServer.password)
        clock.advance(by: 900)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { try await use(client) } }
            try await group.waitForAll()
        }
        #expect(server.keys.count == 2 && Set(server.keys).count == 1)
        clock.advance(by: 900)
        go.open()
        try await use(clients[0])
        #expect(server.counts == ["login 200": 1, "renew 200": 3, "300 200": 3])
    }

    @Test("clients that share a file renew once", arguments: [2, 16])
    func sharedFile(count: Int) async throws {
        let server = server()
        let folder = try Folder([:])
        let transport = server.transport { request, response in
            if request.url.hasSuffix("/renew") { try? await Task.sleep(for: .milliseconds(100)) }
            return response
        }
        let clients = try (0..<count).map { _ in
            try client(transport, credential: nil, store: FileCredentialStore(path: folder.path("credential")))
        }
        try await clients[0].signIn(name: "alice$example.org", password: AmphoServer.password)
        for client in clients { try await use(client) }
        clock.advance(by: 900)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients { for _ in 0..<8 { group.addTask { try await use(client) } } }
            try await group.waitForAll()
        }
        #expect(server.counts == ["login 200": 1, "renew 200": 1, "300 200": 9 * count])
    }

    @Test("what another account, another door or another server kept is not used")
    func otherOwner() async throws {
        let server = server()
        let store = MemoryCredentialStore()
        try await client(server.transport(), store: store).signIn(name: "bob", password: AmphoServer.password)
        try await use(try client(server.transport(), store: store))
        #expect(server.count("login 200") == 2)
        let elsewhere = ScriptedTransport(answers: [])
        let other = try Gatehouse(
            server: "https://other.test", store: store, transport: elsewhere, clock: clock.wall)
        let error = await failure { () throws(GatehouseError) in try await other.deleteAddress(type: .nano) }
        #expect(error == .signInRequired(nil))
        try await other.signOut()
        #expect(try store.load()?.name == "alice$example.org")
    }

    @Test("signing out ends the session and forgets it, also when the server cannot be told")
    func signOut() async throws {
        let server = server()
        let store = MemoryCredentialStore()
        let gatehouse = try client(server.transport(), credential: nil, store: store)
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        try await gatehouse.signOut()
        #expect(server.sessionCount == 0)
        #expect(try store.load() == nil)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAddress(type: .nano) }
        #expect(error == .signInRequired(nil))
        try await gatehouse.signOut()

        let cut = server.transport { request, response throws(TransportFailure) in
            guard request.url.hasSuffix("/revoke") else { return response }
            throw TransportFailure(.unreachable, "gone", mayHaveArrived: false)
        }
        let second = try client(cut, credential: nil, store: store)
        try await second.signIn(name: "alice$example.org", password: AmphoServer.password)
        let failed = await failure { () throws(GatehouseError) in try await second.signOut() }
        #expect(failed == .unreachable(TransportFailure(.unreachable, "gone", mayHaveArrived: false)))
        #expect(try store.load() == nil)
    }
}
