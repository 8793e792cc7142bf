import GatehouseRunner
import Synchronization
import Testing

@testable import GatehouseTours

@Suite("Tours")
struct TourTests {
    private final class Log: Sendable {
        private let entries = Mutex<[String]>([])
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
        var all: [String] { entries.withLock { $0 } }
    }

    private func context(_ variables: [String: String] = [:]) throws -> TourContext {
        TourContext(target: try #require(Target("http://127.0.0.1:9")), variables: variables)
    }

    private func step(
        _ title: String, _ log: Log, _ act: @escaping @Sendable (inout Int) async throws -> Void = { _ in }
    ) -> TourStep<Int> {
        TourStep(title, source: "API.md#O-1", file: "Tours/T.swift", line: 7, column: 1) { number in
            log.add("\(title) \(number)")
            number += 1
            try await act(&number)
        }
    }

    @Test("steps share what they know, and are reported as scenarios are")
    func passes() async throws {
        let log = Log()
        let tour = Tour(
            name: "t", title: "a tour", start: { _ in 1 }, steps: [step("Make an Alias", log), step("find it", log)],
            cleanUp: [step("undo", log)])
        let results = await tour.run(try context())
        #expect(log.all == ["Make an Alias 1", "find it 2", "undo 3"])
        #expect(results.map(\.id) == ["tours/t/01-make-an-alias", "tours/t/02-find-it"])
        #expect(results.map(\.outcome) == [.passed, .passed])
    }

    @Test("after a failed step the rest is skipped, and the clean-up runs; secrets are masked")
    func fails() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "no hunter2 here" }
        let log = Log()
        let tour = Tour(
            name: "t", title: "a tour", start: { _ in 1 },
            steps: [
                step("one", log) { try expect("the secret", "hunter2", is: "\($0)") }, step("two", log),
            ],
            cleanUp: [step("undo", log) { _ in throw Broken() }, step("undo more", log)])
        let results = await tour.run(try context(["domain_secret": "hunter2"]))
        #expect(log.all == ["one 1", "undo 2", "undo more 3"])
        guard case .failed(let failure) = results[0].outcome else {
            Issue.record("not failed")
            return
        }
        #expect(failure.mismatches.map(\.subject) == ["the secret"])
        #expect(failure.mismatches.map(\.expected) == ["2"])
        #expect(failure.mismatches.map(\.actual) == ["{{domain_secret}}"])
        #expect(results[1].outcome == .skipped(reason: "step 1 failed"))
        #expect(results[1].warnings == ["Tours/T.swift:7: clean-up, undo: no {{domain_secret}} here"])
    }

    @Test("a stopped tour cleans up")
    func stopped() async throws {
        let log = Log()
        let tour = Tour(
            name: "t", title: "a tour", start: { _ in 1 },
            steps: [step("one", log) { _ in try await Task.sleep(for: .seconds(500)) }, step("two", log)],
            cleanUp: [step("undo", log) { _ in try Task.checkCancellation() }])
        let context = try context()
        let task = Task { await tour.run(context) }
        while log.all.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        let results = await task.value
        #expect(
            results.map(\.outcome)
                == [.skipped(reason: "stopped before its end"), .skipped(reason: "the run was stopped")])
        #expect(log.all == ["one 1", "undo 2"])
        #expect(results[1].warnings == [])
    }

    @Test("a step can be skipped for what was not given, and the others go on")
    func skips() async throws {
        let log = Log()
        let tour = Tour(
            name: "t", title: "a tour", start: { _ in 1 },
            steps: [step("one", log) { _ in throw TourSkip("needs a lamp") }, step("two", log)])
        let results = await tour.run(try context())
        #expect(results.map(\.outcome) == [.skipped(reason: "needs a lamp"), .passed])
        #expect(log.all == ["one 1", "two 2"])
    }

    @Test("a tour whose variables were not given is skipped whole")
    func needs() async throws {
        let log = Log()
        let tour = Tour(name: "t", title: "a tour", needs: ["domain"], start: { _ in 1 }, steps: [step("one", log)])
        let results = await tour.run(try context())
        #expect(results.map(\.outcome) == [.skipped(reason: "needs the variable domain")])
        #expect(log.all.isEmpty)
    }
}
