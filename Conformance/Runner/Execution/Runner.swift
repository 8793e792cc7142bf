internal import Foundation
package import GatehouseTransfer

/// Runs scenarios against a server, some at once, and tells what came of each.
package struct Runner: Sendable {
    package let target: Target
    package let transport: CurlTransport
    /// The caller's variables.
    package var variables: [String: String]
    package var caFile: String?
    /// Where the target's mail arrives; scenarios that wait for mail are skipped without one.
    package var mailSink: MailSink?
    /// How many scenarios run at once.
    package var jobs = 4
    /// Starts no further scenario after the first failure.
    package var stopsAtFailure = false
    /// Unix seconds; scenarios that forge tokens use it.
    package var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

    /// - Parameter transport: one of its own when nil, wide enough for every `parallel` of every job.
    package init(target: Target, transport: CurlTransport? = nil, variables: [String: String] = [:]) {
        self.target = target
        self.transport = transport ?? CurlTransport(maximumConnections: 512)
        self.variables = variables
    }

    /// Runs the scenarios of the suite that are selected; those tagged `alone` one by one at the end.
    ///
    /// When the task is cancelled, no further scenario starts, the running ones clean up, and the rest counts as
    /// skipped.
    ///
    /// - Parameter report: called with each result as it comes, one at a time.
    /// - Returns: all results, ordered by id.
    package func run(
        _ scenarios: [Scenario], of suite: Suite, report: (ScenarioResult) async -> Void = { _ in }
    ) async -> [ScenarioResult] {
        var results: [ScenarioResult] = []
        let together = scenarios.filter { !$0.runsAlone }
        let alone = scenarios.filter(\.runsAlone)
        for (batch, width) in [(together, max(jobs, 1)), (alone, 1)] {
            await run(batch, of: suite, width: width, results: &results, report: report)
        }
        return results.sorted { $0.id < $1.id }
    }

    private func run(
        _ scenarios: [Scenario], of suite: Suite, width: Int, results: inout [ScenarioResult],
        report: (ScenarioResult) async -> Void
    ) async {
        var rest = scenarios[...]
        await withTaskGroup(of: ScenarioResult.self) { group in
            func startNext() {
                guard let scenario = rest.popFirst() else { return }
                let run = ScenarioRun(
                    scenario: scenario, fixtures: suite.fixtures(for: scenario),
                    context: StepContext(
                        target: target, transport: transport, caFile: caFile, now: now, mailSink: mailSink),
                    variables: variables)
                group.addTask { await run.run() }
            }
            if mayStart(after: results) { for _ in 0..<width { startNext() } }
            while let result = await group.next() {
                results.append(result)
                await report(result)
                if mayStart(after: results) { startNext() }
            }
        }
        for scenario in rest {
            let reason = Task.isCancelled ? "the run was stopped" : "a scenario failed before"
            let result = ScenarioResult(scenario, outcome: .skipped(reason: reason))
            results.append(result)
            await report(result)
        }
    }

    private func mayStart(after results: [ScenarioResult]) -> Bool {
        guard !Task.isCancelled else { return false }
        return !stopsAtFailure || !results.contains { if case .failed = $0.outcome { true } else { false } }
    }
}
