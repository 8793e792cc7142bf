import ArgumentParser
import Foundation
import GatehouseRunner

/// `gatehouse-conformance run`
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run scenarios against a server.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var suite: SuiteOptions
    @OptionGroup var mail: MailOptions
    @OptionGroup var reports: ReportOptions

    @Option(help: "How many scenarios run at once.")
    var jobs = 4

    @Option(help: ArgumentHelp("A list of scenarios that are known to fail (YAML).", valueName: "file"))
    var knownFailures: String?

    @Flag(help: "Start no further scenario after the first failure.")
    var failFast = false

    func validate() throws {
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs must be from 1 to 64.") }
    }

    func run() async throws {
        let parsedTarget = try target.parsedTarget()
        let variables = try target.values()
        let suite = try suite.load(givenVariables: Set(variables.keys))
        let scenarios = try self.suite.selected(from: suite)
        let known = try loadKnownFailures(for: suite)
        let today = Date().formatted(.iso8601.year().month().day())
        try await target.requireReachable(parsedTarget)
        try reports.requireWritable()
        let mailSink = try mail.sink()
        defer { mailSink?.stop() }

        var runner = Runner(target: parsedTarget, variables: variables)
        runner.caFile = target.caFile
        runner.mailSink = mailSink
        runner.jobs = jobs
        runner.stopsAtFailure = failFast
        let ready = runner
        let progress = LiveReport(reports.terminal(total: scenarios.count))
        let start = ContinuousClock.now
        var (results, wasStopped) = await untilStopped {
            await ready.run(scenarios, of: suite) { await progress.add(known.judge($0, today: today)) }
        }
        results = results.map { known.judge($0, today: today) }
        let expired = known.expired(today: today, notIn: results)
        for result in expired { await progress.add(result) }
        let report = RunReport(
            title: suite.name, target: parsedTarget.url, results: results + expired,
            duration: start.duration(to: .now))
        try reports.finish(report, terminal: await progress.terminal, wasStopped: wasStopped)
    }

    private func loadKnownFailures(for suite: Suite) throws -> KnownFailures {
        do {
            let yaml = try knownFailures.map { try text(of: $0) } ?? ""
            return try KnownFailures(
                yaml: yaml, name: knownFailures ?? "", ids: Set(suite.scenarios.map(\.id)))
        } catch let mistakes as FileMistakes {
            throw UsageProblem(text: mistakes.description).reported
        }
    }
}

/// Prints results while they come in.
actor LiveReport {
    private(set) var terminal: TerminalReport

    init(_ terminal: TerminalReport) { self.terminal = terminal }

    func add(_ result: ScenarioResult) { Output.write(terminal.add(result)) }
}
