import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Synchronization
import Testing

@Suite("Connections of a transport", .timeLimit(.minutes(1)))
struct ConnectionTests {
    let transport = CurlTransport()

    @Test("one connection serves requests that follow each other")
    func reuse() async throws {
        let server = try RawServer(answering: ok())
        var reused: [Bool] = []
        for method in [HTTPRequest.Method.get, .post, .delete, .put] {
            let response = try await transport.send(TransferRequest(method: method, url: server.url))
            reused.append(response.timing.isConnectionReused)
        }
        #expect(server.connections == 1)
        #expect(reused == [false, true, true, true])
    }

    @Test("nothing of a request is left for the next one on the same handle")
    func noLeftovers() async throws {
        let server = try RawServer(answering: ok())
        var first = TransferRequest(
            method: .patch, url: server.url + "/a", headers: [("Authorization", "Bearer secret")], body: [65])
        first.rawTarget = "/raw"
        _ = try await transport.send(first)
        _ = try await transport.send(TransferRequest(method: .get, url: server.url + "/b"))
        #expect(server.requests.last == "GET /b HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n\r\n")
    }

    @Test("200 requests at once are all answered, over no more connections than allowed", arguments: [1, 8, 64])
    func many(connections: Int) async throws {
        let transport = CurlTransport(maximumConnections: connections)
        let server = try RawServer { connection, _ in
            while let request = connection.request() {
                connection.write(ok(String(request.dropFirst(4).prefix { $0 != " " })))
            }
        }
        for _ in 0..<2 {
            let right = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let path = "/\(number)"
                        var request = TransferRequest(method: .get, url: server.url + path)
                        // Shorter than any other time: a request that is forgotten in line fails.
                        request.timeout = .seconds(8)
                        let response = try await transport.send(request)
                        return response.body == Array(path.utf8)
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(right == 200)
        }
        // The second round opens none: finished transfers keep their connections.
        #expect(server.connections <= connections)
    }

    @Test("a slow answer does not hold up another request")
    func slow() async throws {
        let release = DispatchSemaphore(value: 0)
        let server = try RawServer { connection, _ in
            while let request = connection.request() {
                if request.hasPrefix("GET /slow") { release.wait() }
                connection.write(ok())
            }
        }
        async let slow = transport.send(TransferRequest(method: .get, url: server.url + "/slow"))
        for _ in 0..<5 { _ = try await transport.send(TransferRequest(method: .get, url: server.url)) }
        release.signal()
        #expect(try await slow.status == 200)
    }

    @Test("a kept connection that dies: GET is sent again, POST and PATCH are not")
    func deadConnection() async throws {
        // Each connection answers once and goes away when the second request is there.
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.write(ok())
            _ = connection.request()
        }
        func ask(_ method: HTTPRequest.Method) async throws(TransferError) -> TransferResponse {
            try await transport.send(TransferRequest(method: method, url: server.url))
        }
        for method in [HTTPRequest.Method.post, .patch] {
            let before = server.requests.count
            _ = try await ask(.get)
            let error = await failure { () throws(TransferError) in try await ask(method) }
            #expect(error?.kind == .connectionLost)
            #expect(error?.mayHaveArrived == true)
            #expect(server.requests.dropFirst(before).map { $0.prefix { $0 != " " } } == ["GET", "\(method)"])
        }
        _ = try await ask(.get)
        #expect(try await ask(.put).status == 200)
        #expect(server.requests.suffix(2).allSatisfy { $0.hasPrefix("PUT") })
    }

    @Test("nobody listens: unreachable, and nothing arrived")
    func refused() async throws {
        let url = "http://127.0.0.1:\(try RawServer.unusedPort())"
        let error = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .post, url: url))
        }
        #expect(error?.kind == .unreachable)
        #expect(error?.curlCode == 7)
        #expect(error?.mayHaveArrived == false)
    }

    @Test("a name that nobody has is unreachable")
    func unknownName() async throws {
        let error = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .get, url: "http://nobody.invalid/"))
        }
        #expect(error?.kind == .unreachable)
    }

    @Test("a proxy of the environment is not used")
    func proxies() async {
        // In a process of its own: changing the environment while other threads read it is undefined.
        await #expect(processExitsWith: .success) {
            unsafe setenv("http_proxy", "http://127.0.0.1:\(try RawServer.unusedPort())", 1)
            let server = try RawServer(answering: ok())
            let response = try await CurlTransport().send(TransferRequest(method: .get, url: server.url))
            #expect(response.status == 200)
        }
    }

    // MARK: Timeouts

    @Test("a silent server runs into the timeout, and the connection is closed")
    func timeout() async throws {
        let closed = Gate()
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.waitForClose()
            closed.open()
        }
        var request = TransferRequest(method: .get, url: server.url)
        request.timeout = .milliseconds(100)
        let error = await failure { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.kind == .timedOut)
        #expect(error?.curlCode == 28)
        #expect(error?.mayHaveArrived == true)
        await closed.wait()
    }

    @Test("the timeout is for the whole transfer: an answer that trickles runs into it too")
    func trickle() async throws {
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while connection.writeAll([65]) { Thread.sleep(forTimeInterval: 0.01) }
        }
        var request = TransferRequest(method: .get, url: server.url)
        request.timeout = .milliseconds(200)
        let error = await failure { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.kind == .timedOut)
    }

    @Test("waiting for a free connection counts too, and nothing arrived")
    func timeoutInLine() async throws {
        let transport = CurlTransport(maximumConnections: 1)
        let taken = Gate()
        let server = try RawServer { connection, _ in
            _ = connection.request()
            taken.open()
            connection.waitForClose()
        }
        let first = Task { [transport] in try await transport.send(TransferRequest(method: .get, url: server.url)) }
        await taken.wait()
        var request = TransferRequest(method: .get, url: server.url)
        request.timeout = .milliseconds(100)
        let error = await failure { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.kind == .timedOut)
        #expect(error?.mayHaveArrived == false)
        #expect(server.connections == 1)
        first.cancel()
        _ = await first.result
    }

    @Test("a handshake that does not end runs into the connection's timeout")
    func connectTimeout() async throws {
        let server = try RawServer { connection, _ in connection.waitForClose() }
        var request = TransferRequest(method: .get, url: "https://127.0.0.1:\(server.port)/")
        request.connectTimeout = .milliseconds(100)
        let error = await failure { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.kind == .timedOut)
        #expect(error?.mayHaveArrived == false)
    }
}
