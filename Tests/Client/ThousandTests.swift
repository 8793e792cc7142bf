import Testing

@testable import GatehouseClient

@Suite("Many at once, and odd characters")
struct ThousandTests {
    @Test("a thousand tasks that start without a token sign in once")
    func oneRenewal() async throws {
        let transport = ScriptedTransport { request in
            if request.url.hasSuffix("/v1/auth") {
                // So that all who come meanwhile have to wait.
                for _ in 0..<1000 { await Task.yield() }
                return .signedIn(until: 2_000_000_900)
            }
            return .json("{}")
        }
        let gatehouse = try Gatehouse(
            server: "https://id.test", credential: .password(name: "alice$a.test", password: "secret"),
            transport: transport, clock: WallClock(now: { 2_000_000_000 }, sleep: { _ in }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<1000 { group.addTask { try await gatehouse.deleteAddress(type: .nano) } }
            try await group.waitForAll()
        }
        #expect(transport.requests.count { $0.url.hasSuffix("/v1/auth") } == 1)
        #expect(transport.requests.count == 1001)
    }

    static let texts: [(text: String, encoded: String)] = [
        ("alice$a.test", "alice%24a.test"), ("AZaz09-._~", "AZaz09-._~"), ("a b+c&d=e%", "a%20b%2Bc%26d%3De%25"),
        ("\u{E9}\u{1F511}", "%C3%A9%F0%9F%94%91"), ("\r\n\0", "%0D%0A%00"), ("", ""), ("#?/", "%23%3F%2F"),
    ]

    @Test("a value in a query is encoded but for unreserved characters", arguments: texts)
    func percent(text: String, encoded: String) { #expect(Percent.encode(text) == encoded) }
}
