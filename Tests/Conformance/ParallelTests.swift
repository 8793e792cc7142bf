import GatehouseTestSupport
import Synchronization
import Testing

@testable import GatehouseRunner

@Suite("The verb parallel")
struct ParallelTests {
    private let steps = """
          - parallel:
              times: 16
              send: POST /v1/users
              json: { alias: "x{{index}}" }
              expect-counts: { 200: 1, 409 alias_taken: 15 }
        """

    @Test("really sends all at the same moment, and counts the answers")
    func sendsAtOnce() async throws {
        // Nobody gets an answer before all sixteen have asked.
        let waiting = Mutex(0)
        let served = Mutex(0)
        let run = try await TestSuites.run(steps: steps) { _ in
            waiting.withLock { $0 += 1 }
            let start = ContinuousClock.now
            while waiting.withLock({ $0 }) < 16, ContinuousClock.now - start < .seconds(20) {}
            let isFirst = served.withLock {
                $0 += 1
                return $0 == 1
            }
            return isFirst ? .json("{}") : .refusal(409, "alias_taken")
        }
        #expect(run.result.outcome == .passed)
        #expect(Set(run.requests.map(\.bodyText)).count == 16)
    }

    @Test("answers without an error code can be told from others of the same status")
    func withoutCode() async throws {
        let counts = ["200 none: 1, 200 x: 3", "200 none: 4"]
        let outcomes = try await withThrowingTaskGroup(of: ScenarioResult.Outcome.self) { group in
            for count in counts {
                group.addTask {
                    let served = Mutex(0)
                    return try await TestSuites.run(
                        steps: "  - parallel: { times: 4, send: GET /, expect-counts: { \(count) } }"
                    ) { _ in
                        let isFirst = served.withLock {
                            $0 += 1
                            return $0 == 1
                        }
                        return .http(200, headers: isFirst ? [] : [("Error-Code", "x")])
                    }.result.outcome
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .passed } == 1)
    }

    @Test("two winners are a failure that tells the counts")
    func twoWinners() async throws {
        let served = Mutex(0)
        let run = try await TestSuites.run(steps: steps) { _ in
            let number = served.withLock {
                $0 += 1
                return $0
            }
            return number <= 2 ? .json("{}") : .refusal(409, "alias_taken")
        }
        #expect(
            run.mismatches == [
                "expect-counts: expected 1 × 200, 15 × 409 alias_taken, actual 2 × 200, 14 × 409 alias_taken"
            ])
        #expect(run.result.failure?.command?.hasPrefix("# 16 of these at the same moment\ncurl ") == true)
    }

    @Test("the right status with another code does not count")
    func otherCode() async throws {
        let served = Mutex(0)
        let run = try await TestSuites.run(steps: steps) { _ in
            let number = served.withLock {
                $0 += 1
                return $0
            }
            return number == 1 ? .json("{}") : .refusal(409, number == 2 ? "other" : "alias_taken")
        }
        #expect(run.mismatches.count == 1)
        #expect(run.mismatches.first?.hasSuffix("actual 1 × 200, 14 × 409 alias_taken, 1 × 409 other") == true)
        #expect(run.result.failure?.exchange?.contains("Error-Code: other") == true)
    }
}
