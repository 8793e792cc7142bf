import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

@Suite("Secrets")
struct SecretsTests {
    private static let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    private static let stray = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJiIn0."

    /// Everything that any report says about the run.
    private func reports(_ run: TestRun) -> String {
        let report = RunReport(title: "t", target: run.url, results: run.results, duration: .zero)
        var terminal = TerminalReport(total: run.results.count, style: .plain)
        var text = run.results.map { terminal.add($0) }.joined() + terminal.end(report)
        text += JUnitReport.text(report) + JSONReport.text(report)
        for result in run.results { text += "\(result)" }
        return text
    }

    @Test("values that the caller calls secret appear nowhere, however they are written")
    func callersSecrets() async throws {
        let secret = #"p/s+"w\rd=="#
        let run = try await TestSuites.run(
            steps: """
                  - send: POST /v1/users?s={{domain_secret}}
                    bearer: "{{domain_secret}}"
                    headers: { X-Key: "k{{admin_password}}k" }
                    json: { create_user_password: "{{domain_secret}}" }
                    expect: { status: 200, json: { s: "{{domain_secret}}" }, body: "is {{domain_secret}}" }
                """,
            more: "cleanup:\n  - send: DELETE /{{domain_secret}}\n    expect: { body: \"{{domain_secret}}\" }\n",
            variables: ["domain_secret": secret, "admin_password": "pw", "domain": "b.test"]
        ) { request in .json(request.bodyText.isEmpty ? "\"\(secret)\"" : request.bodyText, status: 400) }
        let text = reports(run)
        #expect(run.result.failure != nil && !run.result.warnings.isEmpty)
        #expect(!text.contains(secret))
        for form in ["p%2Fs", #"w\\rd"#, "kpwk", #"p\/s"#] { #expect(!text.contains(form), "\(form)") }
        #expect(text.contains("{{domain_secret}}") && text.contains("k{{admin_password}}k"))
    }

    @Test("captured secrets and everything that looks like a token appear nowhere")
    func captured() async throws {
        let run = try await TestSuites.run([
            "fixtures/alias.yaml": """
            steps:
              - send: POST /v1/auth
                json: { password: "{{self.password}}" }
                capture: { token: json.jwt }
            provides: { password: "correct-horse-{{unique}}", token: "{{token}}" }
            """,
            "a/b.yaml": TestSuites.scenario(
                """
                  - send: GET /key
                    capture: { api_key: json.value, plain: json.plain }
                  - send: GET /fails?k={{api_key}}
                    bearer: "{{alice.token}}"
                    headers: { X-P: "{{alice.password}}", X-Plain: "{{plain}}" }
                """, more: "uses: [{ fixture: alias, as: alice }]\n"),
        ]) { request in
            switch request.target {
            case "/v1/auth": .json(#"{"jwt":"\#(Self.token)"}"#)
            case "/key": .json(#"{"value":"k-0123456789","plain":"not hidden"}"#)
            default: .json(#"{"other":"\#(Self.stray)","text":"(\#(Self.stray)) eyJust text."}"#, status: 500)
            }
        }
        let text = reports(run)
        #expect(run.result.mismatches == ["status: expected any 2xx, actual 500"])
        #expect(!text.contains("c2lnbmF0dXJl") && !text.contains("eyJzdWIi"))
        #expect(!text.contains("k-0123456789") && !text.contains("correct-horse"))
        #expect(text.contains("Bearer {{alice.token}}") && text.contains("/fails?k={{api_key}}"))
        #expect(text.contains("X-P: {{alice.password}}") && text.contains("X-Plain: not hidden"))
        #expect(text.contains("({{a token}})") && text.contains("eyJust text."))
    }

    @Test("the private part of a key that the caller gave appears nowhere by itself")
    func keyParts() async throws {
        let run = try await TestSuites.run(
            steps: "  - send: GET /", more: "needs: [signing_key]\n",
            variables: ["signing_key": #"{"kty":"oct", "k":"bm90LWEtcmVhbC1zZWNyZXQ"}"#]
        ) { _ in .http(500, body: "signed with bm90LWEtcmVhbC1zZWNyZXQ") }
        #expect(reports(run).contains("signed with {{signing_key.k}}"))
        #expect(!reports(run).contains("bm90LWEtcmVhbC1zZWNyZXQ"))
    }

    @Test("a secret is masked before a long text is cut, so that no part of it stays")
    func cut() async throws {
        // The cut would fall into the middle of the secret.
        let body = String(repeating: "x", count: 1_990) + "0123456789-secret-0123456789"
        let run = try await TestSuites.run(
            steps: "  - send: POST /\n    body: '{{text}}'",
            variables: ["text": body, "my_secret": "0123456789-secret-0123456789"]
        ) { _ in .http(500, body: body) }
        #expect(run.result.failure != nil)
        #expect(!reports(run).contains("0123456789"))
    }

    @Test(
        "what looks like a token",
        arguments: [
            (token, true), (stray, true), ("eyJ.a", false), ("eyJ.a.b", true), ("a.b.c", false), ("eyJ a.b.c", false),
        ])
    func looks(text: String, isToken: Bool) { #expect(Secrets.looksLikeToken(text) == isToken) }
}
