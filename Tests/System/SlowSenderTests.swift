import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("Senders that take their time", .timeLimit(.minutes(2)))
struct SlowSenderTests {
    @Test("others are served while a sender is slow")
    func others() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            let server = try await store.start()
            let token = try await server.token("alice$a.test")
            // Slow senders are cut off after 10 seconds at the soonest. On a busy machine so much time may pass in a round,
            // and then it shows nothing.
            for round in 1... {
                let duration = try await Self.serve(server, token)
                if duration < .seconds(8) { break }
                try #require(round < 5, "\(duration)")
            }
        }
    }

    /// Asks while two hundred senders are slow.
    private static func serve(_ server: ServerProcess, _ token: String) async throws -> Duration {
        let slow = try (0..<200).map { number in
            let connection = try RawConnection(port: server.port)
            // In the middle of a head, and in the middle of a body.
            try connection.send(
                number.isMultiple(of: 2)
                    ? "GET /health HTTP/1.1\r\nHo"
                    : "POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"alias\":")
            return connection
        }
        let start = ContinuousClock.now
        for _ in 0..<10 {
            #expect(try await server.setAddress(bearer: token).status == 200)
            #expect(try await server.lookUp("alice$a.test").status == 200)
        }
        let duration = start.duration(to: .now)
        for connection in slow { connection.close() }
        return duration
    }

    @Test("a slow body is cut off")
    func slowBody() async throws {
        try await withStore { store in
            let server = try await store.start()
            let connection = try RawConnection(port: server.port)
            let start = ContinuousClock.now
            try connection.send("POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            // Sending a little from time to time buys no time.
            let dripping = Task {
                for _ in 0..<12 {
                    try await Task.sleep(for: .seconds(2.5))
                    try connection.send(" ")
                }
            }
            let answer = try await connection.rest()
            let duration = start.duration(to: .now)
            dripping.cancel()
            #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
            #expect(answer.lowercased().contains("error-code: request_timeout\r\n"), "\(answer)")
            #expect(duration > .seconds(29) && duration < .seconds(45), "\(duration)")
        }
    }
}
