import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("Several requests on one connection", .timeLimit(.minutes(1)))
struct PipelineTests {
    private static let guess = #"{"alias":"nobody@a.test","password":"hunter2hunter2"}"#

    /// A sign-in that takes as long as a hash, so that what comes behind it is there before its answer.
    private static func signIn(_ headers: String = "") -> String {
        "POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(guess.utf8.count)\r\n\(headers)\r\n\(guess)"
    }

    private static func statuses(_ answers: String) -> [String] {
        answers.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
    }

    @Test(
        "nothing behind a refused request is answered",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 2\r\n\r\n{}",
        ])
    func refusal(refused: String) async throws {
        try await withStore { store in
            let server = try await store.start()
            let connection = try RawConnection(port: server.port)
            try connection.send(Self.signIn() + refused + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let answers = try await connection.rest()
            #expect(Self.statuses(answers) == ["401", "400"], "\(answers)")
        }
    }

    @Test(
        "an answer that is owed is not lost to what follows",
        arguments: ["x", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"])
    func owed(following: String) async throws {
        try await withStore { store in
            let server = try await store.start()
            let connection = try RawConnection(port: server.port)
            try connection.send(Self.signIn("Connection: close\r\n") + following)
            let answers = try await connection.rest()
            #expect(Self.statuses(answers) == ["401"], "\(answers)")
        }
    }

    @Test("a client that waits with its body is told to go on")
    func expectation() async throws {
        try await withStore { store in
            let server = try await store.start()
            let connection = try RawConnection(port: server.port)
            let whole = Self.signIn("Expect: 100-continue\r\nConnection: close\r\n")
            try connection.send(String(whole.dropLast(Self.guess.count)))
            try await Task.sleep(for: .seconds(3))
            try connection.send(Self.guess)
            let answers = try await connection.rest()
            #expect(Self.statuses(answers) == ["100", "401"], "\(answers)")
        }
    }

    @Test("the log says which route refused, not whom the request was about")
    func routes() async throws {
        try await withStore { store in
            let server = try await store.start(["--log-level", "trace"])
            for path in ["/subject/hunter2", "/user/hunter2@a.test", "/link/hunter2/jwt", "/subject/hunter2/other"] {
                #expect([401, 404].contains(try await server.send(.get, path).status))
            }
            #expect(try await server.stop() == 0)
            #expect(server.log.contains("/subject/{sssid}"))
            #expect(!server.log.contains("hunter2"), "\(server.log)")
        }
    }

    @Test("nothing of a broken body comes into the log")
    func log() async throws {
        try await withStore { store in
            let server = try await store.start(["--log-level", "debug"])
            let connection = try RawConnection(port: server.port)
            try connection.send(
                "POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
            try await Task.sleep(for: .milliseconds(200))
            try connection.send("zz\r\n")
            // What comes after the fault is what the parser has at hand when it reports the next one.
            try await Task.sleep(for: .milliseconds(200))
            try connection.send(Self.guess)
            let answers = try await connection.rest()
            #expect(Self.statuses(answers) == ["400"], "\(answers)")
            #expect(try await server.stop() == 0)
            let hexadecimal = "hunter2".utf8.map { String($0, radix: 16) }.joined()
            for text in ["hunter2", hexadecimal, "unexpected error"] {
                #expect(!server.log.contains(text), "\(server.log)")
            }
        }
    }
}
