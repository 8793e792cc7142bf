import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

@Suite("Expectations")
struct ExpectationTests {
    /// Judges one answer.
    private func mismatches(
        _ expect: String, variables: [String: String] = [:], _ answer: ScriptedServer.Answer
    ) async throws -> [String] {
        try await TestSuites.run(steps: "  - send: GET /\n    expect: \(expect)", variables: variables) { _ in answer }
            .mismatches
    }

    @Test("status and code are compared exactly")
    func statusAndCode() async throws {
        let refusal = ScriptedServer.Answer.refusal(400, "invalid_address")
        #expect(try await mismatches("{ status: 400, code: invalid_address }", refusal) == [])
        #expect(try await mismatches("{ status: [401, 400] }", refusal) == [])
        #expect(try await mismatches("{ code: invalid_address }", refusal) == [])
        #expect(
            try await mismatches("{ status: 401, code: invalid }", refusal) == [
                "status: expected 401, actual 400", "code: expected invalid, actual invalid_address",
            ])
        #expect(
            try await mismatches("{ status: 400, code: invalid }", .http(400)) == [
                "code: expected invalid, actual no Error-Code"
            ])
        #expect(
            try await mismatches("{ code: invalid }", .json("{}", headers: [("Error-Code", "invalid")])) == [
                "status: expected a refusal, actual 200"
            ])
    }

    @Test("headers: exact, by expression, absent; one of several lines suffices; names without case")
    func headers() async throws {
        let answer = ScriptedServer.Answer.http(
            200, headers: [("WWW-Authenticate", "Bearer"), ("WWW-Authenticate", "JWT"), ("ETag", "\"abc\"")])
        #expect(
            try await mismatches("{ headers: { www-authenticate: JWT, ETag: '~^\"[a-z]+\"$', Vary: null } }", answer)
                == [])
        #expect(
            try await mismatches("{ headers: { WWW-Authenticate: Basic, ETag: null, Vary: '~.' } }", answer) == [
                "header WWW-Authenticate: expected Basic, actual Bearer\nJWT",
                "header ETag: expected absent, actual \"abc\"", "header Vary: expected ~., actual absent",
            ])
    }

    @Test("json: member order and the writing of numbers do not count, everything else does")
    func json() async throws {
        let answer = ScriptedServer.Answer.json(#"{"b":1.0,"a":[true,null,"~x"]}"#)
        #expect(try await mismatches("{ json: { a: [true, null, '~x'], b: 1 } }", answer) == [])
        for other in [
            "{ a: [true, null], b: 1 }", "{ a: [true, null, '~x'] }", "{ a: [true, null, '~.'], b: 1 }",
            "{ a: [true, null, '~x'], b: '1' }",
        ] {
            #expect(try await mismatches("{ json: \(other) }", answer).count == 1, "\(other)")
        }
    }

    @Test("json-includes: named members and expressions; every difference is named by its path")
    func jsonIncludes() async throws {
        let answer = ScriptedServer.Answer.json(#"{"a":{"b":"hello","c":2},"list":[{"x":1,"y":2}],"more":0}"#)
        #expect(try await mismatches("{ json-includes: { a: { b: '~^h' }, list: [{ x: 1 }] } }", answer) == [])
        #expect(
            try await mismatches("{ json-includes: { a: { b: '~^x', d: 1 }, list: [], more: '0' } }", answer) == [
                "json-includes.a.b: expected ~^x, actual \"hello\"",
                "json-includes.a.d: expected 1, actual no such member",
                "json-includes.list: expected 0 elements, actual [{\"x\":1,\"y\":2}]",
                "json-includes.more: expected \"0\", actual 0",
            ])
    }

    @Test("json-length counts the elements of an array and of nothing else")
    func jsonLength() async throws {
        #expect(try await mismatches("{ json-length: 2 }", .json("[1,2]")) == [])
        #expect(try await mismatches("{ json-length: 2 }", .json("[1]")) == ["json-length: expected 2, actual 1"])
        #expect(
            try await mismatches("{ json-length: 0 }", .json("{}")) == ["json-length: expected 0, actual an object"])
    }

    @Test("JSON that is expected must be strict JSON")
    func strictJSON() async throws {
        for body in ["{\"a\":1,\"a\":1}", "{'a':1}", "", "{\"a\":1} x"] {
            let mismatches = try await mismatches("{ json: { a: 1 } }", .json(body))
            #expect(mismatches.count == 1 && mismatches.first?.hasPrefix("body: expected JSON") == true, "\(body)")
        }
    }

    @Test("body: the exact text; body-matches: an expression, with or without tilde")
    func body() async throws {
        #expect(try await mismatches("{ body: Hello }", .http(200, body: "Hello")) == [])
        #expect(try await mismatches("{ body: Hello }", .http(200, body: "Hello\n")).count == 1)
        #expect(try await mismatches("{ body-matches: '^H.*o$' }", .http(200, body: "Hello")) == [])
        #expect(try await mismatches("{ body-matches: '~^H.*o$' }", .http(200, body: "Hello")) == [])
        #expect(try await mismatches("{ body-matches: '^h' }", .http(200, body: "Hello")).count == 1)
    }

    @Test("a variable in an expression is literal text")
    func literalVariables() async throws {
        let expect = "{ body-matches: '^{{who}}$' }"
        #expect(try await mismatches(expect, variables: ["who": "a.b$c"], .http(200, body: "a.b$c")) == [])
        #expect(try await mismatches(expect, variables: ["who": "a.b$c"], .http(200, body: "axb$c")).count == 1)
        // A value that begins with a tilde does not become an expression.
        let value = "{ json-includes: { a: '{{who}}' } }"
        #expect(try await mismatches(value, variables: ["who": "~."], .json(#"{"a":"~."}"#)) == [])
        #expect(try await mismatches(value, variables: ["who": "~."], .json(#"{"a":"x"}"#)).count == 1)
    }
}
