import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

/// Reports of failing scenarios, compared with the files in `Golden/`.
///
/// After a change that is meant, run the tests with `GATEHOUSE_WRITE_GOLDEN=1` and read what the files have become.
@Suite("Reports")
struct GoldenReportTests {
    @Test("the terminal report shows every failure with place, expectation, answer, exchange and command")
    func terminal() async throws {
        let report = try await report()
        var terminal = TerminalReport(total: report.results.count, style: .plain)
        let text = report.results.map { terminal.add($0) }.joined() + terminal.end(report)
        try compare(text, with: "terminal.txt")
    }

    @Test("quiet leaves failures and the last line")
    func quiet() async throws {
        let report = try await report()
        var terminal = TerminalReport(total: report.results.count, style: .plain, isQuiet: true)
        let text = report.results.map { terminal.add($0) }.joined() + terminal.end(report)
        #expect(!text.contains("ok    ") && !text.contains("skip  ") && text.contains("FAIL  "))
        #expect(text.hasSuffix("\n1 passed, 4 failed, 1 skipped\n"))
    }

    @Test("on a terminal a count is written over, and ends before the table")
    func progress() async throws {
        var terminal = TerminalReport(total: 2, style: .terminal)
        let passed = ScenarioResult(
            id: "s/a/b", title: "t", sources: [], level: .must, profile: "p", area: "s/a", file: "f",
            duration: .zero, outcome: .passed, warnings: [])
        #expect(terminal.add(passed) == "\r\u{1B}[K1 of 2")
        #expect(terminal.add(passed) == "\r\u{1B}[K")
    }

    @Test("the JUnit report is valid XML that names every scenario")
    func junit() async throws {
        let text = JUnitReport.text(try await report())
        try compare(text, with: "junit.xml")
    }

    @Test("the JSON report says all that the others say")
    func json() async throws {
        try compare(JSONReport.text(try await report()), with: "report.json")
    }

    // MARK: The run

    /// A run in which something of everything goes wrong, without the parts that differ from run to run.
    private func report() async throws -> RunReport {
        let run = try await TestSuites.run(
            [
                "fixtures/alias.yaml": """
                steps:
                  - send: POST /v1/users
                    bearer: "{{domain_secret}}"
                    json: { alias: "{{self.alias}}", password: "{{self.password}}" }
                  - send: POST /v1/auth
                    json: { alias: "{{self.alias}}", password: "{{self.password}}" }
                    capture: { token: json.jwt }
                provides:
                  alias: "alice$b.test"
                  password: "correct horse battery"
                  token: "{{token}}"
                cleanup:
                  - send: DELETE /v1/users
                    bearer: "{{token}}"
                """,
                "addresses/passes.yaml": scenario("  - send: GET /v1/addresses?alias={{alice.alias}}", uses: true),
                "addresses/wrong-answer.yaml": scenario(
                    """
                      - send: PUT /v1/addresses
                        note: the checksum is wrong
                        bearer: "{{alice.token}}"
                        json: { address_type: 100, address: "it's <bad> & \\"worse\\"" }
                        expect:
                          status: 400
                          code: invalid_address
                          headers: { Vary: null, ETag: '~^"[^"]+"$' }
                          json-includes: { message: "~address" }
                    """, uses: true),
                "addresses/no-answer.yaml": scenario("  - send: GET /closes"),
                "http/two-hosts.yaml": scenario(
                    #"""
                      - raw: { text: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" }
                        expect: { status: 400, code: invalid_host, closes-within-s: 5 }
                    """#),
                "races/one-winner.yaml": scenario(
                    "  - parallel: { times: 4, send: POST /v1/users, json: {}, expect-counts: { 200: 1, 409: 3 } }",
                    more: "cleanup: [{ send: GET /closes }]\n"),
                "tokens/forged.yaml": scenario(
                    "  - forge: { token: a.b.c, claims: { sub: x }, sign-with: target-key }\n    capture: { forged: token }"
                ),
            ], variables: ["domain_secret": "s3cr3t-of-b.test"]
        ) { request in
            switch (request.method, request.target) {
            case ("POST", "/v1/auth"): .json(#"{"jwt":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"}"#)
            case ("PUT", _): .json(#"{"message":"fine\u0007"}"#, headers: [("Vary", "Origin"), ("Vary", "Accept")])
            case (_, "/closes"): .close
            case (_, "/"): .bytes(Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".utf8))
            default: .json("{}")
            }
        }
        let address = String(run.url.dropFirst("http://".count))
        func stable(_ text: String) -> String {
            text.replacing(address, with: "127.0.0.1:9096")
                .replacing("127.0.0.1 " + address.split(separator: ":")[1], with: "127.0.0.1 9096")
        }
        let results = run.results.map { result in
            var result = result
            result.duration = .milliseconds(12)
            result.warnings = result.warnings.map(stable)
            if case .failed(var failure) = result.outcome {
                failure.exchange = failure.exchange.map(stable)
                failure.command = failure.command.map(stable)
                failure.mismatches = failure.mismatches.map { mismatch in
                    // The transfer's own words are its own affair.
                    let actual = mismatch.subject == "answer" ? "(no answer)" : mismatch.actual
                    if mismatch.subject == "answer" {
                        failure.exchange = failure.exchange?.replacing(mismatch.actual, with: actual)
                    }
                    return Failure.Mismatch(
                        subject: mismatch.subject, expected: mismatch.expected, actual: stable(actual),
                        position: mismatch.position)
                }
                result.outcome = .failed(failure)
            }
            if !result.warnings.isEmpty {
                result.warnings = result.warnings.map { $0.replacing(/got .*/, with: "got (no answer)") }
            }
            return result
        }
        return RunReport(
            title: "suite", target: "http://127.0.0.1:9096", results: results, duration: .milliseconds(1_234))
    }

    private func scenario(_ steps: String, uses: Bool = false, more: String = "") -> String {
        TestSuites.scenario(steps, more: (uses ? "uses: [{ fixture: alias, as: alice }]\n" : "") + more)
    }

    private func compare(_ text: String, with name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
        if ProcessInfo.processInfo.environment["GATEHOUSE_WRITE_GOLDEN"] != nil {
            try Data(text.utf8).write(to: file)
        }
        let golden = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        #expect(text == golden)
    }
}
