import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("What a transfer writes", .timeLimit(.minutes(1)))
struct RequestTests {
    let transport = CurlTransport()

    /// The one request that the server saw.
    private func wire(_ request: TransferRequest, answer: String = ok()) async throws -> String {
        let server = try RawServer(answering: answer)
        var request = request
        request.url = server.url + request.url
        _ = try await transport.send(request)
        return try #require(server.requests.first).replacing("127.0.0.1:\(server.port)", with: "SERVER")
    }

    @Test("a GET has a request line, Host, and nothing that was not asked for")
    func plainGet() async throws {
        let bytes = try await wire(TransferRequest(method: .get, url: "/a?b=c%20d"))
        #expect(bytes == "GET /a?b=c%20d HTTP/1.1\r\nHost: SERVER\r\n\r\n")
    }

    @Test("headers go out as given: order, case, repetition, empty values, Host")
    func headers() async throws {
        let request = TransferRequest(
            method: .get, url: "/",
            headers: [
                ("X-Two", "1"), ("host", "other.example"), ("x-two", "2: three;"), ("X-Empty", ""), ("X-Blank", " "),
                ("Accept", "text/plain"), ("X-Word", "grün"),
            ])
        let bytes = try await wire(request)
        #expect(
            bytes == """
                GET / HTTP/1.1\r\nHost: other.example\r\nX-Two: 1\r\nx-two: 2: three;\r\nX-Empty:\r\nX-Blank:\r
                Accept: text/plain\r\nX-Word: grün\r\n\r\n
                """)
    }

    @Test(
        "a body goes out with its length, whatever the method",
        arguments: [HTTPRequest.Method.get, .post, .put, .delete, .patch, .options])
    func body(method: HTTPRequest.Method) async throws {
        var request = TransferRequest(method: method, url: "/x", headers: [("Content-Type", "text/plain")])
        request.body = Array("some\u{0}words".utf8)
        #expect(
            try await wire(request)
                == "\(method) /x HTTP/1.1\r\nHost: SERVER\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nsome\u{0}words"
        )
    }

    @Test(
        "no body: POST, PUT and PATCH say so, the others say nothing",
        arguments: [HTTPRequest.Method.get, .post, .put, .delete, .patch, .options])
    func noBody(method: HTTPRequest.Method) async throws {
        let length = [.post, .put, .patch].contains(method) ? "Content-Length: 0\r\n" : ""
        let bytes = try await wire(TransferRequest(method: method, url: "/"))
        #expect(bytes == "\(method) / HTTP/1.1\r\nHost: SERVER\r\n\(length)\r\n")
    }

    @Test("an empty body is said too")
    func emptyBody() async throws {
        let bytes = try await wire(TransferRequest(method: .delete, url: "/", body: []))
        #expect(bytes == "DELETE / HTTP/1.1\r\nHost: SERVER\r\nContent-Length: 0\r\n\r\n")
    }

    @Test("HEAD takes the length of the answer for what it is: a promise without a body")
    func head() async throws {
        let server = try RawServer(answering: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in 0..<2 {
            let response = try await transport.send(TransferRequest(method: .head, url: server.url + "/"))
            #expect(response.header("content-length") == "500")
            #expect(response.body == [])
        }
        #expect(server.requests.last == "HEAD / HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n\r\n")
        #expect(server.connections == 1)
    }

    @Test("a large body goes out whole and does not wait for 100 Continue")
    func largeBody() async throws {
        let body = String(repeating: "0123456789", count: 300_000)
        let bytes = try await wire(TransferRequest(method: .post, url: "/", body: Array(body.utf8)))
        #expect(bytes == "POST / HTTP/1.1\r\nHost: SERVER\r\nContent-Length: 3000000\r\n\r\n\(body)")
    }

    @Test(
        "the target goes out byte for byte",
        arguments: ["/a/../b/./c", "/%2e%2e/%zz//", "/?", "/x?y?z#"])
    func pathAsIs(target: String) async throws {
        let bytes = try await wire(TransferRequest(method: .get, url: target))
        // A fragment is never sent (RFC 9110 §7.1).
        #expect(bytes.hasPrefix("GET \(target.prefix { $0 != "#" }) HTTP/1.1\r\n"))
    }

    @Test("a raw target replaces the one of the URL", arguments: ["*", "http://x.example/a", "/a b#ü", "nonsense"])
    func rawTarget(target: String) async throws {
        var request = TransferRequest(method: .options, url: "/path")
        request.rawTarget = target
        #expect(try await wire(request) == "OPTIONS \(target) HTTP/1.1\r\nHost: SERVER\r\n\r\n")
    }

    @Test("connectTo leads elsewhere and leaves Host alone")
    func connectTo() async throws {
        let server = try RawServer(answering: ok())
        var request = TransferRequest(method: .get, url: "http://name.invalid/")
        request.connectTo = "127.0.0.1:\(server.port)"
        #expect(try await transport.send(request).status == 200)
        #expect(server.requests == ["GET / HTTP/1.1\r\nHost: name.invalid\r\n\r\n"])
    }

    @Test("connectTo is never served by a connection to another place")
    func connectToElsewhere() async throws {
        let first = try RawServer(answering: ok("first"))
        let second = try RawServer(answering: ok("second"))
        var answers: [String] = []
        for server in [first, second, first] {
            var request = TransferRequest(method: .get, url: "http://name.invalid/")
            request.connectTo = "127.0.0.1:\(server.port)"
            answers.append(String(decoding: try await transport.send(request).body, as: UTF8.self))
        }
        #expect(answers == ["first", "second", "first"])
    }

    static let refused: [(String, @Sendable (inout TransferRequest) -> Void)] = [
        ("CR in a value", { $0.headers = [("A", "b\rc")] }), ("LF in a value", { $0.headers = [("A", "b\nc")] }),
        ("CRLF in a value", { $0.headers = [("A", "b\r\nInjected: c")] }),
        ("NUL in a value", { $0.headers = [("A", "b\u{0}c")] }), ("LF in a name", { $0.headers = [("A\nB", "c")] }),
        ("NUL in a name", { $0.headers = [("A\u{0}", "c")] }), ("colon in a name", { $0.headers = [("A:B", "c")] }),
        ("space in a name", { $0.headers = [("A ", "c")] }), ("semicolon in a name", { $0.headers = [("A;", "")] }),
        ("no name", { $0.headers = [("", "c")] }), ("two Hosts", { $0.headers = [("Host", "a"), ("HOST", "b")] }),
        ("chunks", { $0.headers = [("Transfer-Encoding", "chunked")] }),
        ("HEAD with a body", { request in (request.method, request.body) = (.head, []) }),
        ("a false length", { $0.headers = [("content-length", "7")] }),
        ("LF in the URL", { $0.url += "/\n" }), ("CRLF in the URL", { $0.url += "/\r\nA: b" }),
        ("NUL in the URL", { $0.url += "/\u{0}" }), ("CRLF in the target", { $0.rawTarget = "/ HTTP/1.1\r\nA: b" }),
        ("NUL in the target", { $0.rawTarget = "/\u{0}" }), ("NUL in a file", { $0.caFile = "/a\u{0}" }),
        ("LF in a place", { $0.connectTo = "a:1\n" }), ("no URL", { $0.url = "" }),
        ("credentials", { $0.url = $0.url.replacing("http://", with: "http://me:secret@") }),
        ("another scheme", { $0.url = "file:///etc/hostname" }), ("ftp", { $0.url = "ftp://127.0.0.1/" }),
    ]

    @Test("what would break the message, or leave http, is refused before a connection", arguments: refused)
    func refuses(what: String, change: @Sendable (inout TransferRequest) -> Void) async throws {
        let server = try RawServer(answering: ok())
        var request = TransferRequest(method: .get, url: server.url)
        change(&request)
        let error = await failure { () throws(TransferError) in try await transport.send(request) }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.mayHaveArrived == false)
        #expect(server.connections == 0)
    }
}
