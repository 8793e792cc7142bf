package import Foundation

/// A folder of scenarios: `<suite>/<area>/<promise>.yaml`, `<suite>/fixtures/<name>.yaml`, `<suite>/variables.yaml`.
package struct Suite: Sendable {
    package let name: String
    /// Ordered by id.
    package let scenarios: [Scenario]
    /// By the name of the suite that they belong to, and their own.
    private let fixtures: [String: [String: Fixture]]
    /// The names that a caller can give a value.
    package let callerVariables: Set<String>

    /// Reads all files of the folder.
    ///
    /// - Parameters:
    ///   - folder: its last component is the suite's name and the first part of every id.
    ///   - displayedAs: how the folder is called in mistakes and reports; its path when nil.
    ///   - givenVariables: names that this caller gives; known in addition to the declared ones.
    /// - Throws: `FileMistakes` with every mistake of every file.
    package init(
        folder: URL, displayedAs: String? = nil, givenVariables: Set<String> = []
    ) throws(FileMistakes) {
        let reading = SuiteReading(
            folder: folder, shown: displayedAs ?? folder.relativePath, givenVariables: givenVariables)
        self = try reading.suite()
    }

    init(name: String, scenarios: [Scenario], fixtures: [String: Fixture], callerVariables: Set<String>) {
        self.name = name
        self.scenarios = scenarios
        self.fixtures = [name: fixtures]
        self.callerVariables = callerVariables
    }

    /// Several suites as one. Each scenario has the fixtures of its own.
    package init(joining suites: [Suite], name: String) {
        self.name = name
        scenarios = suites.flatMap(\.scenarios)
        fixtures = suites.reduce(into: [:]) { $0.merge($1.fixtures) { $1 } }
        callerVariables = suites.reduce(into: []) { $0.formUnion($1.callerVariables) }
    }

    package var fixtureCount: Int { fixtures.values.map(\.count).reduce(0, +) }

    /// The fixtures that a scenario of this suite can use, by name.
    func fixtures(for scenario: Scenario) -> [String: Fixture] {
        fixtures[scenario.id.split(separator: "/").first.map(String.init) ?? ""] ?? [:]
    }
}

private struct SuiteReading {
    let folder: URL
    let shown: String
    let givenVariables: Set<String>

    func suite() throws(FileMistakes) -> Suite {
        let name = folder.standardizedFileURL.lastPathComponent
        var mistakes: [FileMistake] = []
        let paths = try yamlPaths()

        var callerVariables = givenVariables.union(CallerVariable.all.map(\.name))
        if paths.contains("variables.yaml"), let file = open("variables.yaml", [], &mistakes) {
            callerVariables.formUnion(VariablesReader(file: file).names())
            mistakes += file.mistakes
        }

        var fixtures: [String: Fixture] = [:]
        var brokenFixtures: Set<String> = []
        var scenarios: [Scenario] = []
        for path in paths where path != "variables.yaml" {
            let id = String(path.dropLast(".yaml".count))
            let isFixture = path.hasPrefix("fixtures/")
            guard let file = open(path, callerVariables, &mistakes) else {
                if isFixture { brokenFixtures.insert(String(id.dropFirst("fixtures/".count))) }
                continue
            }
            if isFixture {
                let name = String(id.dropFirst("fixtures/".count))
                let fixture = FixtureReader(file: file, name: name).fixture()
                fixtures[name] = fixture
                if fixture == nil { brokenFixtures.insert(name) }
            } else if let scenario = ScenarioReader(file: file, id: "\(name)/\(id)").scenario() {
                scenarios.append(scenario)
            }
            mistakes += file.mistakes
        }
        if scenarios.isEmpty, mistakes.isEmpty {
            mistakes.append(FileMistake("the folder holds no scenario", at: place(of: nil)))
        }

        var check = VariableCheck(
            callerVariables: callerVariables, fixtures: fixtures, brokenFixtures: brokenFixtures)
        for fixture in fixtures.values.sorted(by: { $0.name < $1.name }) { check.check(fixture) }
        scenarios = scenarios.map { $0.needing(check.check($0)) }
        mistakes += check.mistakes
        guard mistakes.isEmpty else { throw FileMistakes(mistakes) }
        return Suite(name: name, scenarios: scenarios, fixtures: fixtures, callerVariables: callerVariables)
    }

    /// The files below the folder, relative to it, ordered.
    private func yamlPaths() throws(FileMistakes) -> [String] {
        guard let enumerator = FileManager.default.enumerator(atPath: folder.resolvingSymlinksInPath().path) else {
            throw FileMistakes([FileMistake("the folder of scenarios cannot be read", at: place(of: nil))])
        }
        var paths: [String] = []
        for case let path as String in enumerator where path.hasSuffix(".yaml") { paths.append(path) }
        guard !paths.isEmpty else {
            throw FileMistakes([FileMistake("the folder holds no scenario", at: place(of: nil))])
        }
        return paths.sorted()
    }

    private func open(_ path: String, _ callerVariables: Set<String>, _ mistakes: inout [FileMistake]) -> YAMLFile? {
        do {
            let data = try Data(contentsOf: folder.appendingPathComponent(path))
            guard let text = String(validating: data, as: UTF8.self) else {
                mistakes.append(FileMistake("the file is not UTF-8", at: place(of: path)))
                return nil
            }
            return YAMLFile(name: place(of: path).file, text: text, callerVariables: callerVariables)
        } catch {
            mistakes.append(FileMistake("the file cannot be read: \(error)", at: place(of: path)))
            return nil
        }
    }

    private func place(of path: String?) -> SourcePosition {
        SourcePosition(file: path.map { shown.isEmpty ? $0 : "\(shown)/\($0)" } ?? shown, line: 1, column: 1)
    }
}

/// Reads `variables.yaml`: names that this suite's callers can give a value, each with a sentence about it.
private struct VariablesReader {
    let file: YAMLFile

    func names() -> [String] {
        guard let root = file.root else { return [] }
        return (file.pairs(root, "variables.yaml") ?? []).compactMap { pair in
            guard VariableName.isWord(pair.key), !CallerVariable.builtIn.contains(pair.key) else {
                file.mistake("`\(pair.key)` cannot be the name of a variable", at: pair.keyNode)
                return nil
            }
            _ = file.scalar(pair.value, "the sentence about `\(pair.key)`")
            return pair.key
        }
    }
}

extension Scenario {
    fileprivate func needing(_ needs: [String]) -> Scenario {
        Scenario(
            id: id, position: position, title: title, sources: sources, level: level, profile: profile, tags: tags,
            uses: uses, needs: needs, steps: steps, cleanup: cleanup)
    }
}
