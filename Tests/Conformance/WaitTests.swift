import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

@Suite("The verb wait")
struct WaitTests {
    @Test("lets the time pass before the next step")
    func waits() async throws {
        let start = ContinuousClock.now
        let run = try await TestSuites.run(steps: "  - wait: { seconds: 0.2 }\n  - send: GET /") { _ in .http(200) }
        #expect(run.result.outcome == .passed)
        #expect(ContinuousClock.now - start >= .milliseconds(200))
    }
}
