import GatehouseRunner

/// One walk through a tour.
struct TourWalk<State: Sendable>: Sendable {
    let context: TourContext
    let start: @Sendable (TourContext) async throws -> State
    let steps: [TourStep<State>]
    let cleanUp: [TourStep<State>]

    /// Reports every step once. The last result comes after the clean-up, whose warnings it carries.
    func walk(report: @Sendable (Int, StepResult) async -> Void) async {
        let clock = ContinuousClock()
        var state: State?
        var rest: String?
        for (index, step) in steps.enumerated() {
            var result = StepResult(outcome: .passed)
            if let rest {
                result.outcome = .skipped(reason: rest)
            } else {
                let begin = clock.now
                do {
                    try Task.checkCancellation()
                    var current = if let state { state } else { try await start(context) }
                    // Kept also when the step fails, for the clean-up.
                    defer { state = current }
                    try await step.act(&current)
                } catch let skip as TourSkip {
                    result.outcome = .skipped(reason: skip.reason)
                } catch {
                    let stopped = Task.isCancelled
                    result.outcome =
                        stopped ? .skipped(reason: "stopped before its end") : .failed(failure(step, error))
                    rest = stopped ? "the run was stopped" : "step \(index + 1) failed"
                }
                result.duration = begin.duration(to: clock.now)
            }
            if index == steps.count - 1 {
                let last = state
                // A task of its own does not inherit the cancellation.
                result.warnings = await Task { await warnings(last) }.value
            }
            await report(index, result)
        }
    }

    private var secrets: Secrets { Secrets(variables: context.variables) }

    private func failure(_ step: TourStep<State>, _ error: any Error) -> Failure {
        let found =
            (error as? TourMismatch)?.mismatch
            ?? Failure.Mismatch(
                subject: "error", expected: "none", actual: "\(error)", position: step.position)
        let secrets = secrets
        return Failure(
            step: step.title,
            mismatches: [
                Failure.Mismatch(
                    subject: found.subject, expected: secrets.masking(found.expected),
                    actual: secrets.masking(found.actual), position: found.position)
            ])
    }

    private func warnings(_ state: State?) async -> [String] {
        guard var state else { return [] }
        var warnings: [String] = []
        for step in cleanUp {
            do {
                try await step.act(&state)
            } catch {
                warnings.append(secrets.masking("\(step.position.fileAndLine): clean-up, \(step.title): \(error)"))
            }
        }
        return warnings
    }
}
