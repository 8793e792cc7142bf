import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("/status", .timeLimit(.minutes(2)))
struct StatusTests {
    /// How often a mail server is asked when ten people want to know the status, one after the other.
    private func looks(_ flags: [String]) async throws -> Int {
        let mailServer = try RawServer { connection, _ in connection.write("421 not now\r\n") }
        defer { mailServer.stop() }
        return try await withStore { store in
            let server = try await store.start(
                flags + [
                    "--mail-server", "smtp://127.0.0.1:\(mailServer.port)", "--mail-from", "id@a.test", "--mail-tls",
                    "none",
                ])
            for _ in 0..<10 {
                let answer = try await server.send(.get, "/status")
                #expect(answer.json == ["data": ["db": "ok", "mail": "unavailable"]])
            }
            return mailServer.connections
        }
    }

    @Test("one look at the mail server is for everybody who asks within ten seconds")
    func remembered() async throws {
        // Two when the ten seconds end in between.
        #expect((1...2).contains(try await looks([])))
        // As the original did.
        #expect(try await looks(["--fault", "status-not-remembered"]) == 10)
    }
}
