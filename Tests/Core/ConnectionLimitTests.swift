import Foundation
import GatehouseTestSupport
import NIOCore
import Testing

@testable import GatehouseCore

/// No test waits for less than a time to pass, so none fails because the machine is busy; a connection that is never cut off
/// runs into the time limit.
@Suite("Limits on the time of a connection", .timeLimit(.minutes(1)))
struct ConnectionLimitTests {
    /// Nothing ends a connection but what the test changes.
    private static func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        limits.headerTime = .hours(1)
        limits.bodyTime = .hours(1)
        limits.idleTime = .hours(1)
        limits.lingerTime = .milliseconds(50)
        change(&limits)
        return limits
    }

    private static let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private static let whole =
        "POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"

    /// Sends the beginning, then an octet from time to time, until the server closes.
    ///
    /// - Returns: what the server said, and how long it took.
    private func drip(_ beginning: String, _ octet: String, to server: RunningServer) async throws -> (
        answer: String, time: Duration
    ) {
        let connection = try RawConnection(port: server.port)
        let start = ContinuousClock.now
        try connection.send(beginning)
        let dripping = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(20))
                try connection.send(octet)
            }
        }
        defer { dripping.cancel() }
        let answer = try await connection.rest()
        return (answer, start.duration(to: .now))
    }

    @Test("ten seconds for a head, thirty for a body, sixty without a request")
    func asShipped() {
        let limits = ConnectionLimits()
        #expect(limits.headerTime == .seconds(10))
        #expect(limits.bodyTime == .seconds(30))
        #expect(limits.idleTime == .seconds(60))
    }

    @Test("a head that is not whole in time is cut off, also while it still grows")
    func header() async throws {
        try await withServer(limits: Self.limits { $0.headerTime = .milliseconds(300) }) { server in
            let (answer, time) = try await drip("GET /health HTTP/1.1\r\nX-Slow: ", "x", to: server)
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
            #expect(answer.lowercased().contains("error-code: request_timeout\r\n"), "\(answer)")
            #expect(time >= .milliseconds(300))
            // The second head of a connection has no more time than the first.
            let second = try await drip(Self.request + "GET /he", "a", to: server).answer
            #expect(second.hasPrefix("HTTP/1.1 200 ") && second.contains("HTTP/1.1 408 "), "\(second)")
        }
    }

    @Test("a body that is not whole in time is cut off, also while it still grows")
    func body() async throws {
        try await withServer(limits: Self.limits { $0.bodyTime = .milliseconds(300) }) { server in
            let (answer, time) = try await drip(
                "POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n{", " ", to: server)
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
            #expect(answer.lowercased().contains("error-code: request_timeout\r\n"), "\(answer)")
            #expect(time >= .milliseconds(300))
        }
    }

    @Test("a connection without a request is closed, before its first and after its last")
    func idle() async throws {
        try await withServer(limits: Self.limits { $0.idleTime = .milliseconds(300) }) { server in
            let start = ContinuousClock.now
            #expect(try await RawConnection(port: server.port).rest() == "")
            #expect(start.duration(to: .now) >= .milliseconds(300))
            let used = try RawConnection(port: server.port)
            try used.send(Self.request)
            let answer = try await used.rest()
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && !answer.contains("408"), "\(answer)")
        }
    }

    @Test("the time for a head and the time for a body bound nothing else")
    func nothingElse() async throws {
        let limits = Self.limits {
            $0.headerTime = .milliseconds(100)
            $0.bodyTime = .milliseconds(100)
        }
        try await withServer(limits: limits) { server in
            let connection = try RawConnection(port: server.port)
            for _ in 0..<3 {
                try await Task.sleep(for: .milliseconds(300))
                try connection.send(Self.request)
            }
            try await Task.sleep(for: .milliseconds(300))
            try connection.send(Self.whole)
            let answer = try await connection.rest()
            #expect(answer.components(separatedBy: "HTTP/1.1 200 ").count == 4, "\(answer)")
            #expect(answer.contains("HTTP/1.1 400 ") && !answer.contains("HTTP/1.1 408 "), "\(answer)")
        }
    }
}
