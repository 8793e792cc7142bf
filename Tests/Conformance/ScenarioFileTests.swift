import GatehouseJSON
import Testing

@testable import GatehouseRunner

@Suite("Scenario files")
struct ScenarioFileTests {
    @Test("a scenario is read whole")
    func readsAll() throws {
        let suite = try TestSuites.suite([
            "fixtures/alias.yaml": """
            steps:
              - send: POST /v1/auth
                json: { alias: "{{self.alias}}" }
                capture: { token: json.jwt }
            provides: { alias: "a{{unique}}${{domain}}", token: "{{token}}" }
            cleanup:
              - send: DELETE /v1/users
                bearer: "{{token}}"
            """,
            "area/whole.yaml": """
            title: everything at once
            source: [API.md#O-12, RFC 6750 §3]
            level: should
            profile: opencap
            tags: [limits]
            uses:
              - { fixture: alias, as: alice }
            needs: [signing_key]
            steps:
              - send: PUT /v1/addresses
                note: an address
                bearer: "{{alice.token}}"
                headers: [[X-A, "1"], [X-A, "2"]]
                json: { address_type: 100, extensions: {}, list: [1, no, null, 1.5, true, "2"] }
                expect: { status: [200, 201], json-includes: { message: "~." } }
                capture: { tag: header.ETag }
              - forge: { token: "{{alice.token}}", claims: { exp: { now: -120 }, sub: null }, sign-with: target-key }
                capture: { forged: token }
              - raw: { text: "GET / HTTP/1.1\\r\\n\\r\\n", byte-interval-ms: 5, timeout-s: 1.5 }
                expect: { closes-within-s: 3 }
              - wait: { seconds: 0.5 }
              - parallel: { times: 3, send: GET /, expect-counts: { 200: 1, 409 alias_taken: 2 } }
            cleanup:
              - send: DELETE /v1/addresses/100
            """,
        ])
        let scenario = try #require(suite.scenarios.first)
        #expect(scenario.id == "suite/area/whole")
        #expect(scenario.area == "suite/area")
        #expect(scenario.sources.map(\.text) == ["API.md#O-12", "RFC 6750 §3"])
        #expect(scenario.level == .should)
        #expect(scenario.tags == ["limits"])
        // `domain` comes from the fixture's texts, nobody had to name it.
        #expect(scenario.needs == ["signing_key", "domain"])
        #expect(scenario.steps.count == 5)
        #expect(scenario.cleanup.count == 1)
        guard case .send(let send) = scenario.steps[0].verb, case .json(let json) = send.message.body else {
            Issue.record("not a send with JSON")
            return
        }
        #expect(send.message.headers.map(\.name) == ["X-A", "X-A"])
        #expect(
            try json.resolved(in: Scope()).text
                == #"{"address_type":100,"extensions":{},"list":[1,"no",null,1.5,true,"2"]}"#)
    }

    @Test("every mistake of every file is reported, with file, line and column")
    func reportsAll() throws {
        let mistakes = try TestSuites.mistakes([
            "area/one.yaml": """
            title: one
            source: API.md#O-1
            level: mst
            profile: opencap
            stepps: []
            steps:
              - send: GET
              - send: GET /
                expects: { status: 200 }
              - send: GET /
                expect: { status: "200", code: [] }
            """,
            "area/two.yaml": "title: two\n",
        ])
        #expect(
            mistakes == [
                "area/one.yaml:3:8: `level` must be must, should or may",
                "area/one.yaml:5:1: unknown key `stepps` in a scenario; known are `title`, `source`, `level`, "
                    + "`profile`, `tags`, `uses`, `needs`, `steps`, `cleanup`",
                "area/one.yaml:7:11: `send` must be a method and a target: GET /v1/addresses",
                "area/one.yaml:9:5: unknown key `expects` in a step; known are `note`, `send`, `bearer`, `headers`, "
                    + "`json`, `body`, `base64`, `expect`, `capture`",
                "area/one.yaml:11:23: `status` must be a whole number from 100 to 599",
                "area/one.yaml:11:36: `code` must be a text, not a list",
                "area/two.yaml:1:1: a scenario needs `source`",
                "area/two.yaml:1:1: a scenario needs `level`",
                "area/two.yaml:1:1: a scenario needs `profile`",
                "area/two.yaml:1:1: a scenario needs `steps`",
            ])
    }

    @Test("a key that stands twice is refused, and the rest of the file is still read")
    func duplicateKeys() throws {
        let mistakes = try TestSuites.mistakes([
            "area/one.yaml": """
            title: one
            title: two
            source: API.md#O-1
            level: must
            profile: opencap
            steps:
              - send: GET /
                expect: { status: 200, status: 201, stat: 1 }
            """
        ])
        #expect(
            mistakes == [
                "area/one.yaml:1:1: the key `title` stands more than once in this mapping",
                "area/one.yaml:8:15: the key `status` stands more than once in this mapping",
                "area/one.yaml:8:41: unknown key `stat` in `expect`; known are `status`, `code`, `headers`, `json`, "
                    + "`json-includes`, `json-length`, `body`, `body-matches`",
            ])
    }

    @Test("what is no YAML is reported with its line")
    func syntax() throws {
        let mistakes = try TestSuites.mistakes(["area/one.yaml": "title: one\nsteps: [\n"])
        #expect(mistakes.count == 1)
        #expect(mistakes[0].hasPrefix("area/one.yaml:3:1: not valid YAML"))
    }

    @Test(
        "a variable that nothing gives a value is a mistake",
        arguments: [
            ("  - send: GET /{{domian}}", "6:11: the variable `domian` is not known here"),
            (
                "  - send: GET /{{later}}\n  - send: GET /\n    capture: { later: json.a }",
                "6:11: the variable `later` is not known here"
            ),
            ("  - send: GET /\n    bearer: \"{{alice.token}}\"", "7:13: the variable `alice.token` is not known here"),
            (
                "  - send: GET /{{unclosed",
                "6:11: `{{` without `}}`; two literal braces are written {{braces}}"
            ),
            (
                "  - send: GET /{{index}}",
                "6:11: the variable `index` is not known here"
            ),
        ])
    func unknownVariables(steps: String, mistake: String) throws {
        #expect(try TestSuites.mistakes(["a/b.yaml": TestSuites.scenario(steps)]) == ["a/b.yaml:" + mistake])
    }

    @Test(
        "a step that cannot mean anything is refused",
        arguments: [
            (
                "  - note: nothing",
                "6:5: the step names no verb; verbs are send, sign, tamper, replay, parallel, forge, make-key, raw, wait, wait-mail"
            ),
            (
                "  - send: GET /\n    wait: { seconds: 1 }",
                "6:5: the step names more than one verb; verbs are send, sign, tamper, replay, parallel, forge, make-key, raw, wait, wait-mail"
            ),
            ("  - send: GET /\n    json: {}\n    body: ''", "6:5: only one of `json`, `body` and `base64` can be sent"),
            ("  - wait: { seconds: soon }", "6:22: `seconds` must be a number of seconds from 0 to 600"),
            ("  - raw: {}", "6:10: `raw` needs either `text` or `base64`"),
            (
                "  - parallel: { times: 4, send: GET /, expect-counts: { 200: 1, 409: 2 } }",
                "6:55: the counts do not add up to `times`, 4"
            ),
            (
                "  - parallel: { times: 4, send: GET /, expect-counts: { 409: 2, 409 a: 2 } }",
                "6:55: a status stands both with and without an error code"
            ),
            (
                "  - forge: { token: a.b.c, sign-with: my-key }",
                "6:39: `sign-with` must be one of target-key, another-key, this-key, nothing, none"
            ),
            ("  - forge: { token: a.b.c, sign-with: this-key }", "6:12: `forge` needs `key`"),
            (
                "  - forge: { token: a.b.c, sign-with: none, key: a }",
                "6:45: unknown key `key` in `forge`; known are `token`, `claims`, `header`, `sign-with`"
            ),
            ("  - make-key: { type: rot13 }", "6:23: `type` must be one of oct, ed25519, p256, p384, rsa"),
            ("  - send: GET /\n    capture: { a: headers.A }", "7:19: `headers.A` is nothing that send can capture"),
            ("  - wait: { seconds: 1 }\n    capture: { a: status }", "7:19: `status` is nothing that wait can capture"),
            ("  - send: GET /\n    capture: { unique: status }", "7:16: `unique` cannot be the name of a capture"),
            (
                "  - send: GET /\n    expect: { headers: { A: '~(' } }",
                "7:29: not a regular expression: expected ')'"
            ),
            (
                "  - send: GET /\n    json: {{a}}",
                "7:12: a key must be a text; a text that begins with {{ must stand in quotes"
            ),
            ("  - send: GET /\n    bearer: {{a}}", "7:13: `bearer`: a text that begins with {{ must stand in quotes"),
        ])
    func impossibleSteps(steps: String, mistake: String) throws {
        #expect(try TestSuites.mistakes(["a/b.yaml": TestSuites.scenario(steps)]) == ["a/b.yaml:" + mistake])
    }

    @Test("an unknown fixture, an unknown need and a source without a place are refused")
    func references() throws {
        let mistakes = try TestSuites.mistakes([
            "a/b.yaml": """
            title: a
            source: somewhere
            level: must
            profile: opencap
            uses: [{ fixture: nobody }]
            needs: [signing_kye]
            steps: [{ send: GET / }]
            """
        ])
        #expect(
            mistakes == [
                "a/b.yaml:2:9: `source` must be a numbered promise (API.md#O-12) or a section (RFC 6750 §3)",
                "a/b.yaml:5:8: there is no fixture `nobody`",
                "a/b.yaml:6:9: `needs` names `signing_kye`, which no caller can give: "
                    + "declare it in the suite's variables.yaml",
            ])
    }

    @Test("a mistake in a fixture is reported once, not by everybody who uses it")
    func brokenFixture() throws {
        let scenario = TestSuites.scenario(
            "  - send: GET /{{alice.alias}}", more: "uses: [{ fixture: alias, as: alice }]\n")
        let mistakes = try TestSuites.mistakes([
            "a/one.yaml": scenario, "a/two.yaml": scenario, "fixtures/alias.yaml": "provides:\n  alias: '{{nobody}}'\n",
        ])
        #expect(mistakes == ["fixtures/alias.yaml:2:10: the variable `nobody` is not known here"])
        let unreadable = try TestSuites.mistakes(["a/one.yaml": scenario, "fixtures/alias.yaml": "[\n"])
        #expect(unreadable.count == 1)
    }

    @Test("a suite can declare variables of its own")
    func ownVariables() throws {
        let scenario = TestSuites.scenario("  - send: GET /{{tenant}}")
        #expect(try TestSuites.mistakes(["a/b.yaml": scenario]).count == 1)
        let suite = try TestSuites.suite(["a/b.yaml": scenario, "variables.yaml": "tenant: whose data it is\n"])
        #expect(suite.scenarios[0].needs == ["tenant"])
    }
}
