import ArgumentParser
import GatehouseRunner

/// `gatehouse-conformance list`
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List scenarios, or promises with the scenarios that check them.")

    @OptionGroup var suite: SuiteOptions

    @Flag(help: "List by source: every promise with its scenarios.")
    var source = false

    @Option(
        help: ArgumentHelp(
            """
            With --source: a document whose list lines begin with a bold identifier (- **O-12** …). A promise that \
            neither a scenario nor a test named in its line (held by test: "…") holds is a failure.
            """, valueName: "file"))
    var promises: String?

    func validate() throws {
        if promises != nil, !source { throw ValidationError("--promises needs --source.") }
    }

    func run() throws {
        let scenarios = try suite.selected(from: try suite.load())
        guard source else {
            for scenario in scenarios {
                let tags = scenario.tags.isEmpty ? "" : " [\(scenario.tags.sorted().joined(separator: ", "))]"
                Output.write("\(scenario.id)  \(scenario.level.rawValue)\(tags)  \(scenario.title)\n")
            }
            return
        }
        guard let promises else {
            let sources = Dictionary(
                grouping: scenarios.flatMap { scenario in scenario.sources.map { ($0.text, scenario.id) } }, by: \.0)
            for (source, pairs) in sources.sorted(by: { $0.key < $1.key }) {
                Output.write("\(source)\n" + pairs.map { "    \($0.1)\n" }.sorted().joined())
            }
            return
        }
        try listCoverage(
            PromiseCoverage(document: try text(of: promises), name: promises, scenarios: scenarios))
    }

    private func listCoverage(_ coverage: PromiseCoverage) throws {
        for promise in coverage.promises {
            let held = promise.scenarios + (promise.test.map { ["test: \($0)"] } ?? [])
            Output.write("\(promise.id)\n" + (held.isEmpty ? ["nothing"] : held).map { "    \($0)\n" }.joined())
        }
        var problems = coverage.uncovered.map { "\($0.position): \($0.id) has no scenario: \($0.text)" }
        problems += coverage.unknownSources.map { "\($0.position): there is no promise \($0.text)" }
        problems += coverage.repeatedIDs.map { "the identifier \($0) stands more than once" }
        if coverage.promises.isEmpty { problems.append("the document makes no promises") }
        Output.write("\(coverage.promises.count) promises, \(coverage.uncovered.count) without a scenario\n")
        guard problems.isEmpty else {
            Output.writeError(problems.joined(separator: "\n") + "\n")
            throw ExitCode.failure
        }
    }
}

/// `gatehouse-conformance check`
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Read all scenarios and report every mistake in them.")

    @OptionGroup var suite: SuiteOptions

    func run() throws {
        let loaded = try suite.load()
        let selected = try suite.selected(from: loaded)
        Output.write("\(selected.count) scenarios, \(loaded.fixtureCount) fixtures, no mistakes\n")
    }
}
