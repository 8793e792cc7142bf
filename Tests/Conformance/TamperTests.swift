import GatehouseTestSupport
import HTTPSignatures
import Testing

@testable import GatehouseRunner

@Suite("The verbs tamper and replay")
struct TamperTests {
    private static let now: Int64 = 1_900_000_000

    private static let sign = """
          - sign: POST /a?b=c
            json: { amount: 100 }
            with: { family: FAMILY, key: k, secret: "123456789" }
            as: original
        """

    private func run(
        _ steps: String, family: String = "cavage"
    ) async throws -> (run: TestRun, verdicts: [String]) {
        let keys = try ["k", "other"].map {
            try SignatureKey(id: $0, secret: Array("123456789".utf8), allowsWeak: true)
        }
        let judge = SignatureJudge(keys: keys, now: Self.now)
        let run = try await TestSuites.run(
            steps: Self.sign.replacing("FAMILY", with: family) + "\n" + steps, now: Self.now, answer: judge.answer)
        return (run, judge.verdicts)
    }

    @Test(
        "each change breaks a signature",
        arguments: [
            ("method: PUT", "badSignature"),
            ("target: /a?b=d", "badSignature"),
            ("target: /b?b=c", "badSignature"),
            ("headers: { Host: other.test }", "badSignature"),
            ("flip: { signature: 0 }", "badSignature"),
            ("flip: { signature: 31 }", "badSignature"),
            ("body: '{\"amount\":900}'", "digestMismatch"),
            ("flip: { body: 0 }", "digestMismatch"),
            ("json: { amount: 100.0 }", "digestMismatch badSignature"),
            ("add: { Authorization: Bearer x }", "ambiguous accepted"),
        ], ["cavage", "rfc9421"])
    func breaks(change: (what: String, verdict: String), family: String) async throws {
        let (run, verdicts) = try await run(
            "  - tamper: { message: original, \(change.what) }\n    expect: { status: [200, 401] }", family: family)
        #expect(run.mismatches == [])
        try #require(verdicts.first == "accepted" && verdicts.count == 2, "\(verdicts)")
        let actual = verdicts[1].prefix { $0 != "(" }
        #expect(change.verdict.split(separator: " ").contains(actual), "\(verdicts[1])")
    }

    @Test(
        "edits reach every part of a draft-cavage signature",
        arguments: [
            (#"['keyId="k"', 'keyId="other"']"#, "accepted"),
            (#"['keyId="', 'keyId="k",keyId="']"#, "duplicateParameter(\"keyid\")"),
            (#"['algorithm="hmac-sha256"', 'algorithm="hmac-sha512"']"#, "wrongAlgorithm"),
            (#"['(request-target) host', 'host (request-target)']"#, "badSignature"),
            (#"['~,signature="[^"]*"', '']"#, "malformed(\"no signature in Base64\")"),
            (#"['~signature="..', 'signature="--']"#, "malformed(\"no signature in Base64\")"),
            (#"[Signature, Basic]"#, "missing"),
        ])
    func editsCavage(edit: String, verdict: String) async throws {
        let (run, verdicts) = try await run(
            "  - tamper: { message: original, edit: { authorization: \(edit) } }\n    expect: { status: [200, 401] }")
        #expect(run.mismatches == [])
        #expect(verdicts.count == 2 && verdicts.last?.hasPrefix(verdict) == true, "\(verdicts)")
    }

    @Test(
        "edits reach every part of an RFC 9421 signature",
        arguments: [
            (#"Signature-Input: ['"@method" "@authority"', '"@authority" "@method"']"#, "badSignature"),
            (#"Signature-Input: ['created=1900000000', 'created=1900000001']"#, "badSignature"),
            (#"Signature-Input: [sig1, sig2]"#, "malformed"),
            (#"Signature: ['sig1=:', 'sig1=:AA==:, sig2=:']"#, "malformed"),
            (#"Signature-Input: ['"@method"', '"@foo"']"#, "unknownComponent(\"@foo\")"),
        ])
    func editsRFC9421(edit: String, verdict: String) async throws {
        let (run, verdicts) = try await run(
            "  - tamper: { message: original, edit: { \(edit) } }\n    expect: { status: [200, 401] }",
            family: "rfc9421")
        #expect(run.mismatches == [])
        #expect(verdicts.count == 2 && verdicts.last?.hasPrefix(verdict) == true, "\(verdicts)")
    }

    @Test("changes what is named and nothing else; Content-Length follows the body")
    func changesOnlyThat() async throws {
        let (run, _) = try await run(
            """
              - tamper: { message: original, body: longer than it was, headers: { Digest: null, X-New: "1" }, add: [[X-New, "2"]] }
                as: tampered
                expect: { status: 401 }
              - tamper: { message: tampered, headers: { Content-Type: { now: 0 } } }
                expect: { status: 401 }
            """)
        #expect(run.mismatches == [])
        let lines = run.requests.map { $0.headers.map { "\($0.name): \($0.value)" } }
        try #require(lines.count == 3)
        let digest = try #require(lines[0].firstIndex { $0.hasPrefix("Digest: ") })
        var expected = lines[0]
        expected.remove(at: digest)
        expected = expected.map { $0.hasPrefix("Content-Length") ? "Content-Length: 18" : $0 }
        #expect(Set(lines[1]) == Set(expected + ["X-New: 1", "X-New: 2"]))
        #expect(run.requests[1].bodyText == "longer than it was")
        #expect(
            lines[2]
                == lines[1].map { $0.hasPrefix("Content-Type") ? "Content-Type: Sun, 17 Mar 2030 17:46:40 GMT" : $0 })
    }

    @Test("the same octets go out again with replay, also at once")
    func replays() async throws {
        let (run, verdicts) = try await run(
            """
              - replay: original
                expect: { status: 200 }
              - parallel: { times: 4, replay: original, expect-counts: { 200: 4 } }
            """)
        #expect(run.mismatches == [])
        #expect(verdicts == Array(repeating: "accepted", count: 6))
        let first = try #require(run.requests.first)
        for request in run.requests {
            #expect(request.headers.map(\.name) == first.headers.map(\.name))
            #expect(request.headers.map(\.value) == first.headers.map(\.value))
            #expect(request.body == first.body && request.target == first.target)
        }
    }

    @Test(
        "a change that changes nothing is a failure that says so",
        arguments: [
            ("method: POST", "the request is as it was"),
            ("edit: { Authorization: [nonsense, x] }", "no Authorization has nonsense"),
            ("edit: { X-Other: [a, b] }", "no X-Other has a"),
            ("flip: { body: 14 }", "the body has 14 octets"),
            ("headers: { Authorization: null }, flip: { signature: 32 }", "the signature has 32 octets"),
        ])
    func noChange(change: String, reason: String) async throws {
        let (run, verdicts) = try await run("  - tamper: { message: original, \(change) }")
        #expect(run.mismatches == ["tamper: expected something to change, actual \(reason)"])
        #expect(verdicts.count == 1)
    }

    @Test("wrong keys, values and names of requests are mistakes with their place")
    func mistakes() throws {
        let mistakes = try TestSuites.mistakes([
            "a/b.yaml": TestSuites.scenario(
                """
                  - replay: later
                  - tamper: { mesage: later, method: G T, flip: { header: 0, body: first }, edit: { Host: [a] } }
                  - parallel: { times: 2, replay: later, send: GET /, expect-counts: { 200: 2 } }
                  - tamper: { message: later, edit: { Host: ["~(", a] } }
                  - sign: GET /
                    with: { family: cavage, key: k, secret: s }
                    as: later
                  - replay: later
                    capture: { a: token }
                """)
        ])
        #expect(
            mistakes == [
                "a/b.yaml:6:13: no step before keeps a request as `later`",
                "a/b.yaml:7:13: `tamper` needs `message`",
                "a/b.yaml:7:15: unknown key `mesage` in `tamper`; known are `message`, `method`, `target`, "
                    + "`headers`, `add`, `edit`, `json`, `body`, `base64`, `flip`",
                "a/b.yaml:7:38: `G T` is not a method",
                "a/b.yaml:7:51: what to flip must be one of body, signature",
                "a/b.yaml:7:68: an octet to flip must be a whole number from 0 to 1000000",
                "a/b.yaml:7:91: an element of `edit` must be a header and [what to find, what to put]",
                "a/b.yaml:8:35: no step before keeps a request as `later`",
                "a/b.yaml:8:42: unknown key `send` in `parallel`; known are `times`, `replay`, `expect-counts`",
                "a/b.yaml:9:24: no step before keeps a request as `later`",
                "a/b.yaml:9:46: not a regular expression: expected ')'",
                "a/b.yaml:14:19: `token` is nothing that replay can capture",
            ])
    }
}
