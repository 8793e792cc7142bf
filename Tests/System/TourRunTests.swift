import Foundation
import Testing

/// The tours as `make demo` runs them, on a server that keeps its promises and on servers that do not.
@Suite("The tours against the server", .timeLimit(.minutes(2)))
struct TourRunTests {
    @Test("pass", arguments: ["opencap", "ampho"])
    func passes(tour: String) async throws {
        let ended = try await run(tour)
        #expect(ended.code == 0, "\(ended)")
        #expect(!ended.output.contains("FAIL") && !ended.output.contains("clean-up"), "\(ended)")
    }

    @Test("tell a server that takes a refresh token twice")
    func reuse() async throws {
        let ended = try await run("ampho", fault: "refresh-reuse-unchecked")
        #expect(ended.code == 1, "\(ended)")
        let failed = ended.output.split(separator: "\n").filter { $0.hasPrefix("FAIL") }
        #expect(failed.count == 1, "\(ended)")
        #expect(failed.first?.contains("a-refresh-token-that-was-rotated-long-since-ends-its-session") == true)
    }

    private func run(_ tour: String, fault: String? = nil) async throws -> Program.Ended {
        try await withStore { store in
            let secret = try await store.addDomain("a.test")
            let server = try await store.start(["--test-limits"] + (fault.map { ["--fault", $0] } ?? []))
            return try await Program.conformance.run(
                ["tour", "--only", tour, "--target", server.url, "--variable", "domain=a.test"],
                environment: ["GATEHOUSE_CONFORMANCE_DOMAIN_SECRET": secret])
        }
    }
}
