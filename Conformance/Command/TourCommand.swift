import ArgumentParser
import GatehouseRunner
import GatehouseTours

/// `gatehouse-conformance tour`
struct TourCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tour", abstract: "Drive the SDK through a document, against a live server.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var mail: MailOptions
    @OptionGroup var reports: ReportOptions

    @Option(help: ArgumentHelp("Only these tours. Repeatable.", valueName: "name"))
    var only: [String] = []

    func run() async throws {
        let names = Tours.all.map(\.name)
        for name in only where !names.contains(name) {
            throw UsageProblem(text: "There is no tour \(name); there are \(names.joined(separator: ", ")).").reported
        }
        let tours = Tours.all.filter { only.isEmpty || only.contains($0.name) }
        let parsedTarget = try target.parsedTarget()
        let variables = try target.values()
        try await target.requireReachable(parsedTarget)
        try reports.requireWritable()
        let mailSink = try mail.sink()
        defer { mailSink?.stop() }
        let context = TourContext(
            target: parsedTarget, variables: variables, caFile: target.caFile, mailSink: mailSink)

        let progress = LiveReport(reports.terminal(total: tours.map(\.stepCount).reduce(0, +)))
        let start = ContinuousClock.now
        let (results, wasStopped) = await untilStopped {
            var results: [ScenarioResult] = []
            for tour in tours { results += await tour.run(context) { await progress.add($0) } }
            return results
        }
        let report = RunReport(
            title: "tours", target: parsedTarget.url, results: results, duration: start.duration(to: .now))
        try reports.finish(report, terminal: await progress.terminal, wasStopped: wasStopped)
    }
}
