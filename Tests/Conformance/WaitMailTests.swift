import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

@Suite("The verb wait-mail")
struct WaitMailTests {
    private static let mail = "Dear a,\r\n\r\nhttps://id.x/reset?k=3f9a-secret&x=1\r\n"

    @Test("finds the mail to somebody, checks it and captures from it")
    func captures() async throws {
        let run = try await run(
            """
              - wait-mail: { to: "{{nurse}}", within: 5 }
                expect: { subject: Hello, text: '~https://id\\.x/reset', headers: { Auto-Submitted: auto-generated } }
                capture: { reset_key: { text: 'k=([a-z0-9-]+)' }, greeting: { text: 'Dear \\w' } }
              - send: GET /{{reset_key}}/{{greeting}}
            """)
        #expect(run.result.outcome == .passed, "\(run.mismatches)")
        #expect(run.requests.map(\.target) == ["/3f9a-secret/Dear%20a"])
    }

    @Test("a mail is taken once: a second step waits for a second mail")
    func once() async throws {
        let run = try await run(
            """
              - wait-mail: { to: "{{nurse}}", within: 5 }
              - wait-mail: { to: "{{nurse}}", within: 0.2 }
            """)
        #expect(run.mismatches == ["mail: expected one to nurse@x.test within 0.20 s, actual none"])
    }

    @Test("waits for one that comes later")
    func later() async throws {
        let sink = try MailSink(at: "127.0.0.1:0")
        defer { sink.stop() }
        async let sent: Void = {
            try await Task.sleep(for: .milliseconds(300))
            try await MailClient.send("hi", to: "nurse@x.test", by: sink)
        }()
        let run = try await run("  - wait-mail: { to: nurse@x.test, within: 10 }", sink: sink)
        try await sent
        #expect(run.result.outcome == .passed, "\(run.mismatches)")
    }

    @Test("no mail can be expected, and one that comes then is a failure")
    func none() async throws {
        let quiet = try await run("  - wait-mail: { to: other@x.test, within: 0.2 }\n    expect: none")
        #expect(quiet.result.outcome == .passed)
        let loud = try await run("  - wait-mail: { to: nurse@x.test, within: 5 }\n    expect: none")
        #expect(loud.mismatches == ["mail: expected none to nurse@x.test within 5.00 s, actual one: Hello"])
    }

    @Test("what does not match is shown, without the key in its link")
    func mismatch() async throws {
        let run = try await run(
            """
              - wait-mail: { to: nurse@x.test, within: 5 }
                expect: { text: "~evil", html: "~x" }
            """)
        #expect(
            run.mismatches == [
                "mail's text: expected ~evil, actual Dear a,\n\nhttps://id.x/reset?k={{masked}}&x={{masked}}\n\n",
                "mail's html: expected ~x, actual absent",
            ])
    }

    @Test("what is captured from a mail is masked, whatever its name")
    func masked() async throws {
        let run = try await run(
            """
              - wait-mail: { to: nurse@x.test, within: 5 }
                capture: { found: { text: 'k=([a-z0-9-]+)' } }
              - send: GET /reset?k={{found}}
                expect: { status: 418 }
            """)
        let failure = try #require(run.result.failure)
        #expect(failure.exchange?.contains("3f9a-secret") == false)
        #expect(failure.exchange?.contains("{{found}}") == true)
    }

    @Test("a capture that is not there fails the step")
    func missing() async throws {
        let run = try await run(
            "  - wait-mail: { to: nurse@x.test, within: 5 }\n    capture: { key: { html: 'k=(.*)' } }")
        #expect(
            run.mismatches == ["capture key: expected something at k=(.*) in the mail's html, actual nothing"])
    }

    @Test("without a sink the scenario is skipped, and says why")
    func skipped() async throws {
        let run = try await TestSuites.run(
            steps: "  - send: GET /\n  - wait-mail: { to: a@x, within: 5 }"
        ) { _ in .http(200) }
        #expect(
            run.result.outcome
                == .skipped(reason: "needs --mail-sink HOST:PORT, to which the target sends its mail"))
        #expect(run.requests.isEmpty)
    }

    @Test("mistakes in a file are found before anything runs")
    func mistakes() throws {
        func mistakes(_ step: String) throws -> [String] {
            try TestSuites.mistakes(["a/b.yaml": TestSuites.scenario(step)])
        }
        #expect(try mistakes("  - wait-mail: { within: 5 }") == ["a/b.yaml:6:16: `wait-mail` needs `to`"])
        #expect(
            try mistakes("  - wait-mail: { to: a, within: 5 }\n    capture: { k: text }")
                == ["a/b.yaml:7:19: what is captured from a mail must be a mapping, not a text"])
        #expect(
            try mistakes("  - wait-mail: { to: a, within: 5 }\n    capture: { k: { body: x } }")
                == [
                    "a/b.yaml:7:19: a mail has `subject`, `text` and `html`, and a capture is from one of them"
                ])
        #expect(
            try mistakes("  - wait-mail: { to: \"{{who}}\", within: 5 }\n    expect: { text: \"{{what}}\" }").count == 2
        )
        #expect(try mistakes("  - wait-mail: { to: a, within: 5 }\n    expect: { text: \"~(\" }").count == 1)
    }

    // MARK: The run

    /// Runs steps with a sink that has one mail, to nurse@x.test.
    private func run(_ steps: String) async throws -> TestRun {
        let sink = try MailSink(at: "127.0.0.1:0")
        defer { sink.stop() }
        try await MailClient.send(Self.mail, to: "nurse@x.test", by: sink)
        return try await run(steps, sink: sink)
    }

    private func run(_ steps: String, sink: MailSink) async throws -> TestRun {
        try await TestSuites.run(steps: steps, variables: ["nurse": "nurse@x.test"], mailSink: sink) { _ in .http(200) }
    }
}
