import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import Synchronization
import Testing

@testable import GatehouseRunner

@Suite("Running scenarios")
struct RunnerTests {
    private let fixture = """
        steps:
          - send: POST /v1/users
            json: { alias: "{{self.alias}}" }
          - send: POST /v1/auth
            capture: { token: json.jwt }
        provides:
          username: "u{{unique}}"
          alias: "{{self.username}}$b.test"
          token: "{{token}}"
        cleanup:
          - send: DELETE /v1/users
            bearer: "{{token}}"
        """

    private static let token = "eyJhIjoxfQ.eyJiIjoxfQ.c2lnbmF0dXJl"

    private static func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        switch request.target {
        case "/v1/auth": .json(#"{"jwt":"\#(token)"}"#)
        case "/fails": .refusal(500, "internal_error")
        default: .json("{}")
        }
    }

    @Test(
        "fixtures are made in order, with names of their own, and undone in reverse, after the scenario's own clean-up")
    func order() async throws {
        let run = try await TestSuites.run(
            [
                "fixtures/alias.yaml": fixture,
                "a/b.yaml": TestSuites.scenario(
                    "  - send: GET /one?{{alice.username}}.{{bob.username}}\n    bearer: \"{{alice.token}}\"",
                    more: "uses: [{ fixture: alias, as: alice }, { fixture: alias, as: bob }]\n"
                        + "cleanup: [{ send: GET /undo }]\n"),
            ], answer: Self.answer)
        #expect(run.result.outcome == .passed)
        #expect(run.result.warnings == [])
        let lines = run.requests.map { "\($0.method) \($0.target.prefix { $0 != "?" })" }
        #expect(
            lines == [
                "POST /v1/users", "POST /v1/auth", "POST /v1/users", "POST /v1/auth", "GET /one", "GET /undo",
                "DELETE /v1/users", "DELETE /v1/users",
            ])
        #expect(run.requests[4].header("Authorization") == "Bearer \(Self.token)")
        let names = run.requests[4].target.dropFirst("/one?".count).split(separator: ".")
        #expect(names.count == 2 && names[0] != names[1])
        #expect(names.allSatisfy { $0.wholeMatch(of: /u[a-z][a-z0-9]{9}/) != nil })
        #expect(run.requests[0].bodyText == #"{"alias":"\#(names[0])$b.test"}"#)
    }

    @Test("clean-up runs after a failing step, and after a failing fixture")
    func cleansUpAfterFailure() async throws {
        let uses = "uses: [{ fixture: alias, as: alice }]\ncleanup: [{ send: GET /undo }]\n"
        let failing = try await TestSuites.run(
            [
                "fixtures/alias.yaml": fixture,
                "a/b.yaml": TestSuites.scenario("  - send: GET /fails\n  - send: GET /never", more: uses),
            ], answer: Self.answer)
        #expect(failing.mismatches == ["status: expected any 2xx, actual 500"])
        #expect(failing.requests.map(\.target).suffix(3) == ["/fails", "/undo", "/v1/users"])
        #expect(failing.result.failure?.step == "step 1: GET /fails")

        let broken = try await TestSuites.run([
            "fixtures/alias.yaml": fixture, "a/b.yaml": TestSuites.scenario("  - send: GET /never", more: uses),
        ]) { $0.target == "/v1/auth" ? .refusal(401, "invalid_credentials") : .json("{}") }
        #expect(broken.result.failure?.step == "fixture alice, step 2: POST /v1/auth")
        // The fixture's own clean-up needs a token that nobody got, so it is left out without a warning.
        #expect(broken.requests.map(\.target) == ["/v1/users", "/v1/auth", "/undo"])
        #expect(broken.result.warnings == [])
    }

    @Test("a clean-up that fails is a warning, and the others still run")
    func cleanUpWarnings() async throws {
        let run = try await TestSuites.run(
            steps: "  - send: GET /", more: "cleanup:\n  - send: GET /fails\n  - send: GET /undo\n",
            answer: Self.answer)
        #expect(run.result.outcome == .passed)
        #expect(
            run.result.warnings == [
                "suite/area/promise.yaml:6: clean-up, step 1: GET /fails: status: expected any 2xx, got 500"
            ])
        #expect(run.requests.map(\.target) == ["/", "/fails", "/undo"])
    }

    @Test("when the run is stopped, running scenarios clean up, none starts, and all have results")
    func stopping() async throws {
        let server = try ScriptedServer { $0.target == "/hangs" ? .silence : .json("{}") }
        let suite = try TestSuites.suite([
            "a/1.yaml": TestSuites.scenario("  - send: GET /hangs", more: "cleanup: [{ send: GET /undo-send }]\n"),
            "a/2.yaml": TestSuites.scenario(
                "  - wait: { seconds: 500 }", more: "cleanup: [{ wait: { seconds: 0.01 } }, { send: GET /undo-wait }]\n"
            ),
            "a/3.yaml": TestSuites.scenario(
                "  - raw: { text: \"GET /hangs HTTP/1.1\\r\\n\\r\\n\", timeout-s: 500 }",
                more: "cleanup: [{ send: GET /undo-raw }]\n"),
            "a/4.yaml": TestSuites.scenario("  - send: GET /four", more: "cleanup: [{ send: GET /undo-four }]\n"),
        ])
        let transport = CurlTransport()
        var runner = Runner(target: try #require(Target(server.url)), transport: transport)
        runner.jobs = 3
        let stoppable = runner
        let task = Task { await stoppable.run(suite.scenarios, of: suite) }
        while server.requests.count(where: { $0.target == "/hangs" }) < 2 {
            try await Task.sleep(for: .milliseconds(5))
        }
        task.cancel()
        let results = await task.value
        #expect(
            results.map(\.outcome) == [
                .skipped(reason: "stopped before its end"), .skipped(reason: "stopped before its end"),
                .skipped(reason: "stopped before its end"), .skipped(reason: "the run was stopped"),
            ])
        let undone = Set(server.requests.map(\.target).filter { $0.hasPrefix("/undo") })
        #expect(results.flatMap(\.warnings) == [])
        #expect(undone == ["/undo-send", "/undo-wait", "/undo-raw"])
    }

    @Test("scenarios run beside each other, no more than asked for, and those tagged alone at the end by themselves")
    func concurrency() async throws {
        let running = Mutex((now: 0, most: 0, aloneSawOthers: false, order: [String]()))
        var files: [String: String] = [:]
        for number in 1...6 { files["a/\(number).yaml"] = TestSuites.scenario("  - send: GET /\(number)") }
        for number in 1...2 {
            files["a/0-alone\(number).yaml"] = TestSuites.scenario(
                "  - send: GET /alone\(number)", more: "tags: [alone]\n")
        }
        let run = try await TestSuites.run(files, jobs: 3) { request in
            running.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
                $0.order.append(request.target)
                if request.target.hasPrefix("/alone"), $0.now > 1 { $0.aloneSawOthers = true }
            }
            // Answers only once three have been here together, so that the number does not hang on speed.
            let start = ContinuousClock.now
            while running.withLock({ $0.most }) < 3, ContinuousClock.now - start < .seconds(10) {
                Thread.sleep(forTimeInterval: 0.005)
            }
            Thread.sleep(forTimeInterval: 0.01)
            running.withLock { $0.now -= 1 }
            return .json("{}")
        }
        let seen = running.withLock { $0 }
        #expect(ResultCounts(run.results).passed == 8)
        #expect(seen.most == 3)
        #expect(!seen.aloneSawOthers)
        #expect(seen.order.suffix(2) == ["/alone1", "/alone2"])
        #expect(run.results.map(\.id) == run.results.map(\.id).sorted())
    }

    @Test("fail-fast starts nothing after a failure; what did not run says so")
    func failFast() async throws {
        let run = try await TestSuites.run(
            [
                "a/1.yaml": TestSuites.scenario("  - send: GET /fails"),
                "a/2.yaml": TestSuites.scenario("  - send: GET /two"),
                "a/3.yaml": TestSuites.scenario("  - send: GET /three", more: "tags: [alone]\n"),
            ], jobs: 1, stopsAtFailure: true, answer: Self.answer)
        #expect(run.requests.map(\.target) == ["/fails"])
        #expect(
            run.results.dropFirst().map(\.outcome)
                == Array(repeating: .skipped(reason: "a scenario failed before"), count: 2))
    }

    @Test("a scenario whose variables the caller did not give is skipped with the reason, before anything is sent")
    func needs() async throws {
        let run = try await TestSuites.run(
            steps: "  - send: GET /{{domain}}", more: "needs: [signing_key]\n", variables: ["domain": ""]
        ) { _ in .json("{}") }
        #expect(run.result.outcome == .skipped(reason: "needs the variables signing_key, domain"))
        #expect(run.requests.isEmpty)
    }

    @Test("a target on which nothing listens is known before the start")
    func unreachable() async throws {
        let port = try ScriptedServer.unusedPort()
        let target = try #require(Target("http://127.0.0.1:\(port)"))
        #expect(await target.unreachableReason() == "Connection refused")
        let server = try ScriptedServer { _ in .close }
        #expect(await Target(server.url)?.unreachableReason() == nil)
    }

    @Test(
        "a target is a URL of http or https without user, query and fragment",
        arguments: [
            ("http://a.test", "a.test", 80, "http://a.test"), ("https://a.test/", "a.test", 443, "https://a.test"),
            ("HTTP://a.test:8080/base/", "a.test", 8080, "http://a.test:8080/base"),
            ("http://[::1]:9096", "::1", 9096, "http://[::1]:9096"),
        ])
    func targets(text: String, host: String, port: UInt16, url: String) throws {
        let target = try #require(Target(text))
        #expect(target.host == host && target.port == port && target.url == url)
    }

    @Test(
        "what is no target is refused",
        arguments: [
            "", "a.test", "ftp://a.test", "http://", "http://u@a.test", "http://a.test?x", "http://a:x", "http://a:0",
        ])
    func noTargets(text: String) { #expect(Target(text) == nil) }
}
