package import GatehouseRunner

/// The SDK driven through a document, step by step, against a live server. Every step is reported as a scenario is.
package struct Tour: Sendable {
    package let name: String
    package let title: String
    /// The caller's variables without which the tour is skipped.
    package let needs: [String]
    private let stepTitles: [(title: String, source: String, position: SourcePosition)]
    private let walk: @Sendable (TourContext, _ report: @Sendable (Int, StepResult) async -> Void) async -> Void

    /// - Parameters:
    ///   - start: makes what the steps share.
    ///   - steps: run in order; after a failed one the rest is skipped.
    ///   - cleanUp: always run, in order, also when the tour was stopped; what fails here is a warning.
    package init<State: Sendable>(
        name: String, title: String, needs: [String] = [],
        start: @escaping @Sendable (TourContext) async throws -> State, steps: [TourStep<State>],
        cleanUp: [TourStep<State>] = []
    ) {
        self.name = name
        self.title = title
        self.needs = needs
        stepTitles = steps.map { ($0.title, $0.source, $0.position) }
        walk = { context, report in
            await TourWalk(context: context, start: start, steps: steps, cleanUp: cleanUp).walk(report: report)
        }
    }

    /// Runs the tour.
    ///
    /// - Parameter report: called with each step's result as it comes.
    /// - Returns: one result for each step, in order.
    package func run(
        _ context: TourContext, report: @escaping @Sendable (ScenarioResult) async -> Void = { _ in }
    ) async -> [ScenarioResult] {
        let missing = needs.filter { (context.variables[$0] ?? "").isEmpty }
        guard missing.isEmpty else {
            let reason = "needs the variable\(missing.count == 1 ? "" : "s") \(missing.joined(separator: ", "))"
            let results = stepTitles.indices.map { result($0, StepResult(outcome: .skipped(reason: reason))) }
            for result in results { await report(result) }
            return results
        }
        let collected = ResultCollection()
        await walk(context) { index, stepResult in
            let result = self.result(index, stepResult)
            await collected.add(result)
            await report(result)
        }
        return await collected.results
    }

    /// How many results the tour has.
    package var stepCount: Int { stepTitles.count }

    private func result(_ index: Int, _ result: StepResult) -> ScenarioResult {
        let step = stepTitles[index]
        return ScenarioResult(
            id: "tours/\(name)/\(Self.twoDigits(index + 1))-\(Self.slug(step.title))", title: step.title,
            sources: [step.source], level: .must, profile: name, area: "tours/\(name)", file: step.position.file,
            duration: result.duration, outcome: result.outcome, warnings: result.warnings)
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// Lower-case letters and digits, joined by hyphens.
    private static func slug(_ title: String) -> String {
        title.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }.joined(separator: "-")
    }
}

/// What came of one step.
struct StepResult: Sendable {
    var outcome: ScenarioResult.Outcome
    var duration: Duration = .zero
    var warnings: [String] = []
}

private actor ResultCollection {
    private(set) var results: [ScenarioResult] = []

    func add(_ result: ScenarioResult) { results.append(result) }
}
