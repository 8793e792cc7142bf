/// Finds variables that nothing gives a value, before anything runs, and the caller's variables that texts need.
struct VariableCheck {
    /// The names that a caller can give a value.
    let callerVariables: Set<String>
    let fixtures: [String: Fixture]
    /// Fixtures whose files have mistakes; what they provide is not known.
    let brokenFixtures: Set<String>
    private(set) var mistakes: [FileMistake] = []

    init(callerVariables: Set<String>, fixtures: [String: Fixture], brokenFixtures: Set<String> = []) {
        self.callerVariables = callerVariables
        self.fixtures = fixtures
        self.brokenFixtures = brokenFixtures
    }

    /// - Returns: the caller's variables that the scenario, with its fixtures, needs, in order, each once.
    mutating func check(_ scenario: Scenario) -> [String] {
        var needs = scenario.needs
        var known: Set<String> = []
        for use in scenario.uses {
            guard let fixture = fixtures[use.fixture] else {
                if brokenFixtures.contains(use.fixture) {
                    known.insert("\(use.instance).*")
                    continue
                }
                mistakes.append(FileMistake("there is no fixture `\(use.fixture)`", at: use.position))
                continue
            }
            needs += self.needs(of: fixture)
            known.formUnion(fixture.provides.map { "\(use.instance).\($0.name)" })
            known.insert("\(use.instance).name")
        }
        needs += check(scenario.steps, known: &known)
        needs += check(scenario.cleanup, known: &known)
        checkMessages(of: scenario.steps + scenario.cleanup)
        return needs.withoutRepeats()
    }

    /// Reports the mistakes of a fixture; its users do not repeat them.
    mutating func check(_ fixture: Fixture) {
        _ = needs(of: fixture, reporting: true)
    }

    private mutating func needs(of fixture: Fixture, reporting: Bool = false) -> [String] {
        var silent = VariableCheck(callerVariables: callerVariables, fixtures: [:])
        var known: Set<String> = ["self.name"]
        known.formUnion(fixture.provides.map { "self.\($0.name)" })
        var needs = fixture.needs
        needs += silent.check(fixture.steps, known: &known)
        needs += silent.check(fixture.cleanup, known: &known)
        silent.checkMessages(of: fixture.steps + fixture.cleanup)
        // Provided texts are made when they are asked for, so they may use everything that the steps capture.
        for provision in fixture.provides { needs += silent.check([provision.value], known: known) }
        if reporting { mistakes += silent.mistakes }
        return needs
    }

    private mutating func check(_ steps: [Step], known: inout Set<String>) -> [String] {
        var needs: [String] = []
        for step in steps {
            if case .parallel = step.verb {
                needs += check(step.templates, known: known.union(["index"]))
            } else {
                needs += check(step.templates, known: known)
            }
            if case .forge(let forge) = step.verb, forge.signature == .targetKey { needs.append("signing_key") }
            known.formUnion(step.captures.map(\.name))
        }
        return needs
    }

    /// Reports names of requests that no step before has kept.
    private mutating func checkMessages(of steps: [Step]) {
        var kept: Set<String> = []
        for step in steps {
            for message in step.usedMessages where !kept.contains(message.name) {
                mistakes.append(
                    FileMistake("no step before keeps a request as `\(message.name)`", at: message.position))
            }
            if let name = step.keptMessage { kept.insert(name) }
        }
    }

    private mutating func check(_ templates: [Template], known: Set<String>) -> [String] {
        var needs: [String] = []
        for template in templates {
            for name in template.variables where !known.contains(name) {
                if let dot = name.firstIndex(of: "."), known.contains(name[..<dot] + ".*") { continue }
                if callerVariables.contains(name) {
                    needs.append(name)
                } else if !CallerVariable.builtIn.contains(name), CallerVariable.letterCount(name) == nil {
                    mistakes.append(FileMistake("the variable `\(name)` is not known here", at: template.position))
                }
            }
        }
        return needs
    }
}

extension Array where Element: Hashable {
    func withoutRepeats() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
