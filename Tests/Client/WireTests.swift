import Foundation
import GatehouseClient
import GatehouseTestSupport
import Testing

/// The SDK over libcurl against a server of the tests: what goes out, octet for octet, and what comes of the answer.
@Suite("On the wire", .timeLimit(.minutes(1)))
struct WireTests {
    private static let signedIn = ScriptedServer.Answer.json(
        String(decoding: TransportResponse.signedIn(until: 4_000_000_000).body, as: UTF8.self))

    /// A server that signs everybody in and answers everything else in the same way.
    private func server(_ answer: ScriptedServer.Answer) throws -> ScriptedServer {
        try ScriptedServer { $0.target == "/v1/auth" ? Self.signedIn : answer }
    }

    private func client(_ server: ScriptedServer) throws(GatehouseError) -> Gatehouse {
        try Gatehouse(server: server.url, credential: alice)
    }

    /// Method, target and body of the last request.
    private func last(_ server: ScriptedServer) throws -> String {
        let request = try #require(server.requests.last)
        return "\(request.method) \(request.target) \(request.bodyText)"
    }

    @Test("signing in")
    func signIn() async throws {
        let server = try server(.close)
        let token = try await client(server).signIn(name: "alice$example.org", password: "correct \"horse\" ü")
        #expect(token.expiresAt == 4_000_000_000)
        #expect(token.text == (try ClientTests.token(until: 4_000_000_000)))
        #expect(try last(server) == #"POST /v1/auth {"alias":"alice$example.org","password":"correct \"horse\" ü"}"#)
        let request = try #require(server.requests.last)
        #expect(request.header("Content-Type") == "application/json")
        #expect(request.header("Authorization") == nil)
    }

    @Test("looking all addresses up")
    func addresses() async throws {
        let server = try server(
            .json(
                #"""
                [{"address_type":100,"address":"1A","extensions":{"nickname":"Al","avatar":"https://a.test/a.png","x":[1.50]}},
                {"address_type":300,"address":"nano_1","extensions":{}},{"address_type":1e2,"address":"1B"},
                {"address_type":999,"address":"new","extensions":null,"more":true}]
                """#))
        let found = try await Gatehouse(server: server.url).addresses(of: "al&ice$ex ample.org")
        #expect(found.map(\.type) == [.bitcoinP2PKH, .nano, .bitcoinP2PKH, AddressType(rawValue: 999)])
        #expect(found.map(\.address) == ["1A", "nano_1", "1B", "new"])
        #expect(found[0].extensions.nickname == "Al")
        #expect(found[0].extensions.avatar == "https://a.test/a.png")
        #expect(found[0].extensions.json == #"{"nickname":"Al","avatar":"https://a.test/a.png","x":[1.50]}"#)
        #expect(found[1] == PaymentAddress(type: .nano, address: "nano_1"))
        #expect(found[2].extensions == .none && found[3].extensions == .none)
        #expect(try last(server) == "GET /v1/addresses?alias=al%26ice%24ex%20ample.org ")
    }

    @Test("looking one address up")
    func address() async throws {
        let server = try server(.json(#"{"address_type":300,"address":"nano_1","extensions":{}}"#))
        #expect(try await client(server).address(of: "a$b.test", type: .nano)?.address == "nano_1")
        #expect(try last(server) == "GET /v1/addresses?alias=a%24b.test&address_type=300 ")
        #expect(server.requests.count == 1, "no sign-in for what everybody may read")
    }

    @Test("an alias without an address of a type has none; an unknown alias is refused")
    func notSet() async throws {
        let notSet = try server(.refusal(404, "address_not_set"))
        #expect(try await client(notSet).address(of: "a$b.test", type: .nano) == nil)
        let unknown = try server(.refusal(404, "unknown_alias"))
        let error = await failure { () throws(GatehouseError) in
            try await client(unknown).address(of: "a$b.test", type: .nano)
        }
        #expect(error?.code == "unknown_alias")
        #expect(notSet.requests.count == 1 && unknown.requests.count == 1)
    }

    @Test(
        "an answer that is no address is never taken for one",
        arguments: [
            "{}", "null", "[]", "7", #"{"address_type":300}"#, #"{"address_type":"300","address":"nano_1"}"#,
            #"{"address":"nano_1"}"#,
            #"{"address_type":300,"address":7}"#, #"{"address_type":300.5,"address":"nano_1"}"#,
            #"{"address_type":300,"address":"nano_1","extensions":[]}"#,
            #"{"address_type":100,"address":"another type"}"#,
            #"{"address_type":300,"address":"nano_1","address":"nano_2"}"#, #"{"address_type":300,"address":"nano_1""#,
            "",
        ])
    func noAddress(body: String) async throws {
        let server = try server(.json(body))
        let error = await failure { () throws(GatehouseError) in
            try await client(server).address(of: "a$b.test", type: .nano)
        }
        #expect(server.requests.count == 1)
        guard case .unexpectedAnswer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("setting an address, with extensions kept, cleared and set")
    func setAddress() async throws {
        let server = try server(.json("{}"))
        let client = try client(server)
        try await client.setAddress("1A", type: .bitcoinP2PKH)
        #expect(try last(server) == #"PUT /v1/addresses {"address_type":100,"address":"1A"}"#)
        try await client.setAddress("1A", type: .bitcoinP2PKH, extensions: Extensions.none)
        #expect(try last(server) == #"PUT /v1/addresses {"address_type":100,"address":"1A","extensions":{}}"#)
        try await client.setAddress("1A", type: .nano, extensions: Extensions(json: #" {"nickname": "Al"} "#))
        #expect(
            try last(server) == #"PUT /v1/addresses {"address_type":300,"address":"1A","extensions":{"nickname":"Al"}}"#
        )
        let token = try ClientTests.token(until: 4_000_000_000)
        #expect(server.requests.dropFirst().allSatisfy { $0.header("Authorization") == "Bearer \(token)" })
    }

    @Test("deleting an address")
    func deleteAddress() async throws {
        let server = try server(.json("{}"))
        try await client(server).deleteAddress(type: .cashAddr)
        #expect(try last(server) == "DELETE /v1/addresses/202 ")
    }

    @Test("making an alias with the domain's secret, in the header or in the body, or with one's own token")
    func createAlias() async throws {
        let server = try server(.json("{}"))
        let client = try client(server)
        try await client.createAlias("bob$b.test", password: "p", by: .domainSecret("s+/="))
        #expect(try last(server) == #"POST /v1/users {"alias":"bob$b.test","password":"p"}"#)
        #expect(server.requests.last?.header("Authorization") == "Bearer s+/=")
        try await client.createAlias("bob$b.test", password: "p", by: .createUserPassword("s"))
        #expect(try last(server) == #"POST /v1/users {"alias":"bob$b.test","password":"p","create_user_password":"s"}"#)
        #expect(server.requests.last?.header("Authorization") == nil)
        #expect(server.requests.count == 2, "no sign-in without need")
        try await client.createAlias("bob$b.test", password: "p")
        #expect(try last(server) == #"POST /v1/users {"alias":"bob$b.test","password":"p"}"#)
        #expect(
            server.requests.last?.header("Authorization") == "Bearer \(try ClientTests.token(until: 4_000_000_000))")
    }

    @Test("deleting one's own alias and another")
    func deleteAlias() async throws {
        let server = try server(.json("{}"))
        try await client(server).deleteAlias()
        #expect(try last(server) == "DELETE /v1/users ")
        try await client(server).deleteAlias("bob$b.test")
        #expect(try last(server) == "DELETE /v1/users?alias=bob%24b.test ")
    }

    @Test("asking for the health")
    func health() async throws {
        let server = try server(.json("{}"))
        #expect(try await client(server).isAlive())
        #expect(try last(server) == "GET /health ")
        #expect(try await client(server).isReady())
        #expect(try last(server) == "GET /health/ready ")
        let failing = try self.server(.refusal(503, "store_unavailable"))
        #expect(try await !client(failing).isReady())
        #expect(failing.requests.count == 1)
    }

    @Test("a secret that would end its header line is never sent")
    func lineBreak() async throws {
        let server = try server(.json("{}"))
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse(server: server.url)
                .createAlias("a$b.test", password: "p", by: .domainSecret("hunter2\r\nX: y"))
        }
        guard case .unreachable(let failure) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.kind == .invalidRequest && !failure.mayHaveArrived)
        #expect(!"\(failure)".contains("hunter2"))
        #expect(server.requests.isEmpty)
    }

    // MARK: Failures

    @Test("a redirect is refused, not followed, so no token travels elsewhere")
    func redirect() async throws {
        let other = try server(.json("{}"))
        let server = try server(.http(307, headers: [("Location", other.url + "/v1/users")]))
        let error = await failure { () throws(GatehouseError) in try await client(server).deleteAlias() }
        #expect(error?.status == 307)
        #expect(other.requests.isEmpty)
    }

    @Test("a connection that breaks is tried anew for a look-up, and not for a new alias")
    func cut() async throws {
        let counter = Counter()
        let server = try ScriptedServer { _ in counter.next() == 1 ? .close : .json("[]") }
        let retries = RetryPolicy(longestWait: .milliseconds(1))
        #expect(try await Gatehouse(server: server.url, retries: retries).addresses(of: "a$b.test") == [])
        #expect(server.requests.count == 2)
        let closing = try ScriptedServer { _ in .close }
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse(server: closing.url, retries: retries)
                .createAlias("a$b.test", password: "p", by: .domainSecret("s"))
        }
        guard case .unreachable(let failure) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.kind == .connectionLost && failure.mayHaveArrived)
        #expect(closing.requests.count == 1)
    }

    @Test("a server that says nothing is given up after the timeout, once")
    func silence() async throws {
        let server = try ScriptedServer { _ in .silence }
        let client = try Gatehouse(server: server.url, transport: LibcurlTransport(timeout: .milliseconds(100)))
        let error = await failure { () throws(GatehouseError) in try await client.addresses(of: "a$b.test") }
        guard case .unreachable(let failure) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.kind == .timedOut)
        #expect(server.requests.count == 1)
    }

    @Test("nobody listens: unreachable, and nothing arrived")
    func unreachable() async throws {
        let url = "http://127.0.0.1:\(try ScriptedServer.unusedPort())"
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse(server: url, retries: .none).addresses(of: "a$b.test")
        }
        guard case .unreachable(let failure) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.kind == .unreachable && !failure.mayHaveArrived)
    }

    @Test("an answer without end is not read to its end")
    func large() async throws {
        let server = try server(.json("[" + String(repeating: " ", count: 17 * 1024 * 1024) + "]"))
        let error = await failure { () throws(GatehouseError) in try await client(server).addresses(of: "a$b.test") }
        guard case .unreachable(let failure) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.kind == .malformedAnswer)
        #expect(server.requests.count == 1)
    }

    @Test("cancelling the task ends its request")
    func cancel() async throws {
        let server = try ScriptedServer { _ in .silence }
        let client = try Gatehouse(server: server.url)
        let task = Task { await failure { () throws(GatehouseError) in try await client.addresses(of: "a$b.test") } }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test("100 calls of 20 tasks are answered, and signed in for once")
    func many() async throws {
        let server = try ScriptedServer { request in
            switch request.target {
            case "/v1/auth": Self.signedIn
            case let target where target.hasPrefix("/v1/addresses?alias="):
                .json(#"[{"address_type":100,"address":"\#(target.split(separator: "=")[1])","extensions":{}}]"#)
            default: .json("{}")
            }
        }
        let client = try client(server)
        let right = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<20 {
                group.addTask {
                    var right = 0
                    for number in 0..<5 {
                        let found = try await client.addresses(of: "a\(task)-\(number)")
                        right += found.first?.address == "a\(task)-\(number)" ? 1 : 0
                        try await client.setAddress("1", type: .bitcoinP2PKH)
                    }
                    return right
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(right == 100)
        #expect(server.requests.count { $0.target == "/v1/auth" } == 1)
    }
}
