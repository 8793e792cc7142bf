import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

@Suite("The verb send")
struct SendTests {
    @Test("sends method, target, headers and body as written, values in targets percent-encoded")
    func sendsAsWritten() async throws {
        let run = try await TestSuites.run(
            steps: """
                  - send: PUT /v1/addresses?alias={{who}}&x=1
                    bearer: "{{who}}"
                    headers: [[X-A, "1"], [X-A, "2"]]
                    json: { name: "{{who}}", n: 1 }
                """, variables: ["who": "a$b.test/ü"]
        ) { _ in .json("{}") }
        #expect(run.result.outcome == .passed)
        let request = try #require(run.requests.first)
        #expect(request.method == "PUT")
        #expect(request.target == "/v1/addresses?alias=a%24b.test%2F%C3%BC&x=1")
        #expect(request.headers.filter { $0.name == "X-A" }.map(\.value) == ["1", "2"])
        #expect(request.header("Authorization") == "Bearer a$b.test/ü")
        #expect(request.header("Content-Type") == "application/json")
        #expect(request.bodyText == #"{"name":"a$b.test/ü","n":1}"#)
        #expect(request.header("Content-Length") == "\(request.body.count)")
    }

    @Test("sends odd targets byte for byte")
    func oddTargets() async throws {
        let targets = [
            "/a/../b", "/a//b", "/%2e%2e/c", "/a%2Fb", "*", "/a#b?c", "/x\"<>{}|^`", "/é", "/caf%C3%A9?q=%00",
        ]
        let run = try await TestSuites.run(steps: targets.map { "  - send: OPTIONS \($0)" }.joined(separator: "\n")) {
            _ in .http(204)
        }
        #expect(run.result.outcome == .passed)
        #expect(run.requests.map(\.target) == targets)
    }

    @Test("a target that begins with a variable is taken as captured")
    func capturedTarget() async throws {
        let run = try await TestSuites.run(
            steps: """
                  - send: POST /api/keys
                    expect: { status: 201 }
                    capture: { place: header.Location }
                  - send: GET {{place}}?a={{place}}
                """
        ) { $0.method == "POST" ? .http(201, headers: [("Location", "/api/keys/a+b")]) : .json("{}") }
        #expect(run.result.outcome == .passed)
        #expect(run.requests.last?.target == "/api/keys/a+b?a=%2Fapi%2Fkeys%2Fa%2Bb")
    }

    @Test("raw text and base64 bodies go out as they are; only json names a type")
    func bodies() async throws {
        let run = try await TestSuites.run(
            steps: """
                  - send: POST /
                    body: '{"a":1,"a":2} {{braces}}'
                  - send: POST /
                    base64: /wA=
                  - send: POST /
                    headers: { Content-Type: text/plain }
                    json: []
                  - send: POST /
                    body: "{{letters.70000}}"
                """
        ) { _ in .http(204) }
        #expect(run.result.outcome == .passed)
        #expect(run.requests.map(\.body.count) == [16, 2, 2, 70_000])
        #expect(run.requests[0].bodyText == #"{"a":1,"a":2} {{"#)
        #expect(run.requests[1].body == [0xFF, 0])
        #expect(run.requests[2].headers.filter { $0.name == "Content-Type" }.map(\.value) == ["text/plain"])
    }

    @Test("without `expect` any 2xx will do and nothing else")
    func defaultExpectation() async throws {
        for (status, passes) in [(200, true), (299, true), (199, false), (302, false), (500, false)] where status >= 200
        {
            let run = try await TestSuites.run(steps: "  - send: GET /") { _ in .http(status) }
            #expect((run.result.outcome == .passed) == passes, "\(status)")
        }
    }

    @Test("no answer is a failure that says why")
    func noAnswer() async throws {
        let run = try await TestSuites.run(steps: "  - send: GET /") { _ in .close }
        #expect(run.mismatches.count == 1)
        #expect(run.mismatches.first?.hasPrefix("answer: expected an answer, actual ") == true)
    }

    @Test("captures reach the steps after them; a part that is not there is a failure")
    func captures() async throws {
        let answer = #"{"a":[{"b":"x y"},7],"jwt":"eyJhIjoxfQ.eyJleHAiOjE3fQ.c2ln"}"#
        let run = try await TestSuites.run(
            steps: """
                  - send: GET /
                    capture: { b: json.a.0.b, n: json.a.1, s: status, tag: header.etag, exp: jwt.exp, all: body, o: json.a }
                  - send: GET /next
                    json: ["{{b}}", "{{n}}", "{{s}}", "{{tag}}", "{{exp}}", "{{all}}", "{{o}}"]
                """
        ) { _ in .json(answer, headers: [("ETag", "\"1\"")]) }
        #expect(run.result.outcome == .passed)
        let quoted = answer.replacing("\"", with: "\\\"")
        #expect(run.requests[1].bodyText == #"["x y","7","200","\"1\"","17",""# + quoted + #"","[{\"b\":\"x y\"},7]"]"#)

        let missing = try await TestSuites.run(steps: "  - send: GET /\n    capture: { token: json.jwt }") { _ in
            .json("{}")
        }
        #expect(missing.mismatches == ["capture token: expected something at json.jwt, actual nothing"])
    }
}
