import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("What a transfer reads", .timeLimit(.minutes(1)))
struct AnswerTests {
    let transport = CurlTransport()

    private func answer(_ text: String, limit: Int = 1000) async throws(TransferError) -> TransferResponse {
        guard
            let server = try? RawServer(script: { connection, _ in
                _ = connection.request()
                connection.write(text)
            })
        else { throw TransferError(kind: .internalFailure, message: "no server") }
        var request = TransferRequest(method: .get, url: server.url)
        request.maximumBodySize = limit
        return try await transport.send(request)
    }

    @Test("status, headers in their order, repeated ones too, and the body")
    func whole() async throws {
        let response = try await answer(
            "HTTP/1.1 404 Not Here\r\nB: 1\r\na:  2 \r\nB: 3\r\nEmpty:\r\nContent-Length: 3\r\n\r\nabc")
        #expect(response.status == 404)
        #expect(response.headers.map(\.name) == ["B", "a", "B", "Empty", "Content-Length"])
        #expect(response.headers.map(\.value) == ["1", "2", "3", "", "3"])
        #expect(response.header("b") == "1")
        #expect(response.header("c") == nil)
        #expect(response.body == Array("abc".utf8))
        #expect(response.httpVersion == .http1)
        #expect(response.timing.total >= response.timing.firstByte)
    }

    @Test("interim answers and trailers leave no trace in the headers")
    func interim() async throws {
        let response = try await answer(
            """
            HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r
            3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n
            """)
        #expect(response.status == 200)
        #expect(response.headers.map(\.name) == ["A", "Transfer-Encoding"])
        #expect(response.body == Array("abcde".utf8))
    }

    @Test("a redirect is an answer like any other")
    func redirect() async throws {
        let other = try RawServer(answering: ok())
        let response = try await answer(
            "HTTP/1.1 302 Found\r\nLocation: \(other.url)/\r\nContent-Length: 0\r\n\r\n")
        #expect(response.status == 302)
        #expect(response.header("Location") == other.url + "/")
        #expect(other.connections == 0)
    }

    @Test("a cookie is not sent back")
    func cookies() async throws {
        let server = try RawServer(answering: "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
        for _ in 0..<2 { _ = try await transport.send(TransferRequest(method: .get, url: server.url)) }
        #expect(server.requests.count == 2)
        #expect(!server.requests[1].lowercased().contains("cookie"))
    }

    @Test("content codings are left alone")
    func codings() async throws {
        let response = try await answer(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")
        #expect(response.body == Array("abcd".utf8))
    }

    @Test(
        "a body may be as long as the limit and no byte longer",
        arguments: [
            "Content-Length: 11\r\n\r\n01234567890", "\r\n01234567890",
            "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
        ])
    func limit(rest: String) async throws {
        #expect(try await answer("HTTP/1.1 200 OK\r\n\(rest)", limit: 11).body.count == 11)
        let error = await failure { () throws(TransferError) in
            try await answer("HTTP/1.1 200 OK\r\n\(rest)", limit: 10)
        }
        #expect(error?.kind == .tooLarge)
        #expect(error?.mayHaveArrived == true)
    }

    @Test("an endless body ends at the limit, and so does the connection")
    func endless() async throws {
        let gate = Gate()
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\n\r\n")
            while connection.writeAll([UInt8](repeating: 0, count: 65_536)) {}
            gate.open()
        }
        let error = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .get, url: server.url))
        }
        #expect(error?.kind == .tooLarge)
        await gate.wait()
    }

    @Test("endless headers end too")
    func endlessHeaders() async throws {
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.write("HTTP/1.1 200 OK\r\n")
            while connection.writeAll(Array("A: \(String(repeating: "b", count: 1000))\r\n".utf8)) {}
        }
        let error = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .get, url: server.url))
        }
        #expect(error?.kind == .tooLarge)
    }

    @Test(
        "what is not HTTP is a protocol error",
        arguments: [
            "hello\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}P",
        ])
    func nonsense(text: String) async {
        let error = await failure { () throws(TransferError) in try await answer(text) }
        #expect(error?.kind == .protocolError)
    }

    @Test(
        "an answer that was cut off is a lost connection, not a short answer",
        arguments: [
            "", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ])
    func cut(text: String) async {
        let error = await failure { () throws(TransferError) in try await answer(text) }
        #expect(error?.kind == .connectionLost)
        #expect(error?.mayHaveArrived == true)
        #expect(error?.curlCode != 0)
    }

    @Test("a reset connection is a lost one")
    func reset() async throws {
        let server = try RawServer { connection, _ in
            _ = connection.request()
            connection.reset()
        }
        let error = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .get, url: server.url))
        }
        #expect(error?.kind == .connectionLost)
    }
}
