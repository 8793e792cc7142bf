import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

@Suite("The verb raw")
struct RawTests {
    @Test("bytes go out exactly as written")
    func exactBytes() async throws {
        let run = try await TestSuites.run(
            steps: #"""
                  - raw: { text: "BREW /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: \t{{unique}}\r\n\r\n" }
                    expect: { status: 400, code: malformed_request }
                    capture: { code: header.Error-Code }
                """#
        ) { _ in .refusal(400, "malformed_request") }
        #expect(run.result.outcome == .passed)
        let request = try #require(run.requests.first)
        #expect(request.method == "BREW")
        #expect(request.headers.map(\.name) == ["Host", "Host", "X"])
    }

    @Test("an answer is read by its own framing, interim ones are passed over")
    func framing() async throws {
        let chunked =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "4\r\nHell\r\n1;x=y\r\no\r\n0\r\n\r\n"
        let steps =
            "  - raw: { text: \"GET / HTTP/1.1\\r\\n\\r\\n\", timeout-s: 5 }\n    expect: { status: 200, body: Hello }"
        let first = try await TestSuites.run(steps: steps) { _ in .bytes(Array(chunked.utf8)) }
        #expect(first.result.outcome == .passed)
        let second = try await TestSuites.run(steps: steps) { _ in .http(200, body: "Hello") }
        #expect(second.result.outcome == .passed)
        let untilClose = try await TestSuites.run(steps: steps) { _ in
            .bytes(Array("HTTP/1.1 200 OK\r\n\r\nHello".utf8))
        }
        #expect(untilClose.result.outcome == .passed)
        let none = try await TestSuites.run(steps: steps) { _ in .bytes(Array("SSH-2.0".utf8)) }
        #expect(none.mismatches == ["answer: expected an answer, actual not an HTTP answer: SSH-2.0"])
    }

    @Test(
        "an answer that is not all there is none",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nHello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nHell\r\nwrong\r\no\r\n0\r\n\r\n",
        ])
    func incomplete(answer: String) async throws {
        let run = try await TestSuites.run(
            steps: "  - raw: { text: \"GET / HTTP/1.1\\r\\n\\r\\n\", timeout-s: 1 }\n    expect: { status: 200 }"
        ) { _ in .bytes(Array(answer.utf8)) }
        #expect(run.mismatches.count == 1)
        #expect(
            run.mismatches.first?.hasPrefix("answer: expected an answer, actual an incomplete answer: status 200 and ")
                == true, "\(run.mismatches)")
    }

    @Test("a close is noticed, with or without an answer")
    func closes() async throws {
        let steps =
            "  - raw: { text: \"GET / HTTP/1.1\\r\\n\\r\\n\", timeout-s: 1 }\n    expect: { closes-within-s: 0.5 }"
        let silent = try await TestSuites.run(steps: steps) { _ in .close }
        #expect(silent.result.outcome == .passed)
        let open = try await TestSuites.run(steps: steps) { _ in .silence }
        #expect(open.mismatches.count == 1)
        #expect(
            open.mismatches.first?.hasPrefix(
                "closes-within-s: expected closed within 0.50 s, actual the connection was still open") == true)
        let both = "  - raw: { text: \"GET / HTTP/1.1\\r\\n\\r\\n\" }\n    expect: { status: 400, closes-within-s: 5 }"
        let answered = try await TestSuites.run(steps: both) { _ in .bytes(Array("HTTP/1.1 400 Bad\r\n\r\n".utf8)) }
        #expect(answered.result.outcome == .passed)
        let unanswered = try await TestSuites.run(steps: both) { _ in .close }
        #expect(
            unanswered.mismatches == [
                "answer: expected an answer, actual the server closed the connection without an answer"
            ])
    }

    @Test("a slow sender notices that it was cut off while it was sending")
    func slowSender() async throws {
        let run = try await TestSuites.run(
            steps: #"""
                  - raw: { text: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", byte-interval-ms: 500, timeout-s: 20 }
                    expect: { closes-within-s: 10 }
                """#, headTimeout: .milliseconds(250)
        ) { _ in .http(200) }
        #expect(run.result.outcome == .passed)
        #expect(run.requests.isEmpty)
    }

    @Test("is skipped, with its reason, when the target speaks TLS")
    func needsPlainTarget() async throws {
        let results = try await TestSuites.run(
            ["a/b.yaml": TestSuites.scenario("  - raw: { text: x }")], on: "https://127.0.0.1:9")
        #expect(results[0].outcome == .skipped(reason: "raw connections need a target without TLS"))
    }
}
