import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("What comes over one connection", .timeLimit(.minutes(2)))
struct ConnectionTests {
    @Test("requests that are sent in one go are answered in their order, and a malformed one after them")
    func inOneGo() async throws {
        try await withStore { store in
            let server = try await store.start()
            let connection = try RawConnection(port: server.port)
            // The sign-in takes a password hash, so whoever does not wait for it overtakes it.
            let body = #"{"alias":"nobody@a.test","password":"the quiet harbour 7"}"#
            try connection.send(
                "POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    + "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    + "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    + "GET /health HTTP/1.1\r\nHost: one\r\nHost: two\r\n\r\n"
                    + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let answers = try await connection.rest()
            #expect(Self.codes(of: answers) == ["invalid_credentials", "", "not_found", "invalid_host"], "\(answers)")
            // A body after HEAD would be taken for the beginning of the next answer.
            #expect(answers.contains("\r\n\r\nHTTP/1.1 404 "), "\(answers)")
        }
    }

    @Test("what is left of a body that nobody waited for is not taken for a request")
    func restOfBody() async throws {
        try await withStore { store in
            let server = try await store.start()
            let hidden = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for (head, code) in [
                // Refused for its size before it has come, for its path, for its method, for its credential.
                ("POST /v1/auth", "body_too_large"), ("POST /nowhere", "not_found"),
                ("POST /health", "method_not_allowed"), ("DELETE /v1/users", "authentication_required"),
            ] {
                let connection = try RawConnection(port: server.port)
                try connection.send("\(head) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
                try await Task.sleep(for: .milliseconds(50))
                try connection.send(hidden)
                let answers = try await connection.rest()
                #expect(Self.codes(of: answers) == [code], "\(head): \(answers)")
                #expect(answers.lowercased().contains("connection: close\r\n"), "\(head): \(answers)")
            }
        }
    }

    @Test("no more connections are served at once than --maximum-connections")
    func maximum() async throws {
        try await withStore { store in
            let server = try await store.start(["--maximum-connections", "2"])
            let held = try (0..<2).map { _ in try RawConnection(port: server.port) }
            for connection in held { try connection.send("GET /health HTTP/1.1\r\nHo") }
            try await Task.sleep(for: .milliseconds(300))
            let third = try RawConnection(port: server.port)
            try third.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let answer = Task { try await third.rest() }
            let isAnswered = Shared(false)
            let watching = Task {
                _ = try await answer.value
                isAnswered.change { $0 = true }
            }
            try await Task.sleep(for: .milliseconds(500))
            #expect(!isAnswered.value)
            // It waits and is not refused: its turn comes when another connection ends.
            for connection in held { connection.close() }
            #expect(try await answer.value.hasPrefix("HTTP/1.1 200 "))
            try await watching.value
        }
    }

    /// The `Error-Code` of each answer, empty when it has none.
    private static func codes(of answers: String) -> [String] {
        answers.components(separatedBy: "HTTP/1.1 ").dropFirst().map { answer in
            answer.lowercased().components(separatedBy: "\r\n").first { $0.hasPrefix("error-code: ") }
                .map { String($0.dropFirst("error-code: ".count)) } ?? ""
        }
    }
}
