import ArgumentParser
import Foundation
import GatehouseRunner
import GatehouseScenarios

/// Which folder of scenarios, and which of them.
struct SuiteOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "One bundled suite instead of all: \(BundledScenarios.suites.joined(separator: ", ")).", valueName: "name"))
    var suite: String?

    @Option(help: ArgumentHelp("A folder of scenarios instead of the bundled suites.", valueName: "dir"))
    var scenarios: String?

    @Option(
        help: ArgumentHelp(
            "Only these scenarios: an id, a folder, or a pattern with * and **. Repeatable.", valueName: "pattern"))
    var only: [String] = []

    @Option(help: ArgumentHelp("Only scenarios with one of these tags. Repeatable.", valueName: "tag"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("No scenarios with one of these tags. Repeatable.", valueName: "tag"))
    var skipTag: [String] = []

    @Option(help: "The least binding level to take: must, should or may.")
    var level: Level = .may

    @Option(help: "Only scenarios of this profile.")
    var profile: String?

    func validate() throws {
        if suite != nil, scenarios != nil { throw ValidationError("Give either --suite or --scenarios.") }
    }

    /// Reads all files of the suite.
    ///
    /// - Throws: `ExitCode.usage`, after all mistakes have been printed.
    func load(givenVariables: Set<String> = []) throws -> Suite {
        do {
            if let scenarios {
                let folder = URL(filePath: scenarios, directoryHint: .isDirectory)
                var shown = scenarios
                while shown.count > 1, shown.hasSuffix("/") { shown.removeLast() }
                return try Suite(folder: folder, displayedAs: shown, givenVariables: givenVariables)
            }
            let suites = try (suite.map { [$0] } ?? BundledScenarios.suites).map { name throws in
                guard let folder = BundledScenarios.folder(of: name) else {
                    throw UsageProblem(
                        text:
                            "There is no suite \(name); bundled are \(BundledScenarios.suites.joined(separator: ", "))."
                    )
                }
                return try Suite(folder: folder, displayedAs: name, givenVariables: givenVariables)
            }
            return suites.count == 1 ? suites[0] : Suite(joining: suites, name: "bundled")
        } catch let mistakes as FileMistakes {
            throw UsageProblem(text: mistakes.description).reported
        } catch let problem as UsageProblem {
            throw problem.reported
        }
    }

    /// The scenarios of the suite that are wanted.
    ///
    /// - Throws: `ExitCode.usage` when that is none, or when a pattern matches none.
    func selected(from suite: Suite) throws -> [Scenario] {
        var selection = Selection()
        for pattern in only {
            selection.only = [pattern]
            if !suite.scenarios.contains(where: selection.selects) {
                throw UsageProblem(text: "--only \(pattern) matches no scenario.").reported
            }
        }
        selection.only = only
        selection.tags = Set(tag)
        selection.skippedTags = Set(skipTag)
        selection.level = level
        selection.profile = profile
        let selected = suite.scenarios.filter(selection.selects)
        if selected.isEmpty { throw UsageProblem(text: "No scenario is selected.").reported }
        return selected
    }
}

extension Level: ExpressibleByArgument {}
