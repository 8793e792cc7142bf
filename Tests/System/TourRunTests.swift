import Foundation
import Testing

/// The tours as `make demo` runs them, on a server that keeps its promises and on servers that do not.
@Suite("The tours against the server", .timeLimit(.minutes(2)))
struct TourRunTests {
    @Test("pass", arguments: ["opencap", "cap", "ampho", "cavage", "idm"])
    func passes(tour: String) async throws {
        let ended = try await run(tour)
        #expect(ended.code == 0, "\(ended)")
        #expect(
            !ended.output.contains("FAIL") && !ended.output.contains("skip  ") && !ended.output.contains("clean-up"),
            "\(ended)")
    }

    @Test("tell a server that takes a refresh token twice")
    func reuse() async throws {
        let ended = try await run("ampho", fault: "refresh-reuse-unchecked")
        #expect(ended.code == 1, "\(ended)")
        let failed = ended.output.split(separator: "\n").filter { $0.hasPrefix("FAIL") }
        #expect(failed.count == 1, "\(ended)")
        #expect(failed.first?.contains("a-refresh-token-that-was-rotated-long-since-ends-its-session") == true)
    }

    @Test("tell a server that takes a signature twice")
    func replay() async throws {
        let ended = try await run("cavage", fault: "signature-replay-accepted")
        #expect(ended.code == 1, "\(ended)")
        let failed = ended.output.split(separator: "\n").filter { $0.hasPrefix("FAIL") }
        #expect(failed.count == 1 && failed.first?.contains("a-signed-post-counts-once") == true, "\(ended)")
    }

    private func run(_ tour: String, fault: String? = nil) async throws -> Program.Ended {
        try await withStore { store in
            let secret = try await store.addDomain("a.test")
            try await store.addDomain("b.test")
            try await store.addAdmin()
            try await store.gatehouse(
                "key", "add", "--account", "admin@a.test", "--id", "access_key_1", "--secret-file", "-", "--allow-weak",
                input: "123456789")
            let mail = try TestMail()
            let server = try await store.start(["--test-limits"] + mail.flags + (fault.map { ["--fault", $0] } ?? []))
            return try await Program.conformance.run(
                [
                    "tour", "--only", tour, "--target", server.url, "--mail-sink", mail.sink, "--variable",
                    "domain=a.test", "--variable", "other_domain=b.test",
                ],
                environment: [
                    "GATEHOUSE_CONFORMANCE_DOMAIN_SECRET": secret, "GATEHOUSE_CONFORMANCE_API_KEY_ID": "access_key_1",
                    "GATEHOUSE_CONFORMANCE_API_SECRET": "123456789",
                    "GATEHOUSE_CONFORMANCE_ADMIN": "admin@a.test",
                    "GATEHOUSE_CONFORMANCE_ADMIN_PASSWORD": TestStore.password,
                ])
        }
    }
}
