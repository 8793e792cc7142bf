/// One execution of one scenario: fixtures, steps, and clean-up in any case.
struct ScenarioRun: Sendable {
    let scenario: Scenario
    let fixtures: [String: Fixture]
    let context: StepContext
    /// The caller's variables.
    let variables: [String: String]

    /// Does everything and returns when the clean-up has ended. When the task is cancelled, the steps stop and the
    /// clean-up still runs.
    func run() async -> ScenarioResult {
        let clock = ContinuousClock()
        let start = clock.now
        if let reason = skipReason { return result(.skipped(reason: reason), start.duration(to: clock.now), []) }

        var progress = Progress(base: base)
        var stop: (any Error)?
        do {
            try await setUp(&progress)
            try await runSteps(&progress)
        } catch {
            stop = error
        }
        let reached = progress
        let succeeded = stop == nil
        // A task of its own does not inherit the cancellation.
        let warnings = await Task { await cleanUp(reached, warnsOfMissing: succeeded) }.value
        let secrets = secrets(of: progress)
        let outcome = outcome(stop, progress: progress, secrets: secrets)
        return result(outcome, start.duration(to: clock.now), warnings.map(secrets.masking))
    }

    /// How far a run has come.
    private struct Progress: Sendable {
        var scope: Scope
        var instances: [FixtureInstance] = []
        /// What the current step is called in reports.
        var label = ""
        var trail: [String] = []

        init(base: Scope) {
            scope = base
            scope.set("unique", to: UniqueText.make())
        }
    }

    private var base: Scope {
        var scope = Scope(variables)
        scope.set("host", to: context.target.authority)
        scope.set("target", to: context.target.url)
        return scope
    }

    private var skipReason: String? {
        let missing = scenario.needs.filter { (variables[$0] ?? "").isEmpty }
        if !missing.isEmpty {
            return "needs the variable\(missing.count == 1 ? "" : "s") \(missing.joined(separator: ", "))"
        }
        let steps = scenario.uses.flatMap { fixtures[$0.fixture]?.steps ?? [] } + scenario.steps
        let isRaw = steps.contains { if case .raw = $0.verb { true } else { false } }
        if isRaw, context.target.isSecure { return "raw connections need a target without TLS" }
        let waitsForMail = steps.contains { if case .waitMail = $0.verb { true } else { false } }
        if waitsForMail, context.mailSink == nil {
            return "needs --mail-sink HOST:PORT, to which the target sends its mail"
        }
        return nil
    }

    // MARK: Steps

    private func setUp(_ progress: inout Progress) async throws {
        for use in scenario.uses {
            // The check of the suite has found every fixture.
            guard let fixture = fixtures[use.fixture] else { continue }
            let instance = FixtureInstance(use, of: fixture, base: base, unique: UniqueText.make())
            progress.instances.append(instance)
            let last = progress.instances.count - 1
            for (index, step) in fixture.steps.enumerated() {
                progress.label = "fixture \(use.instance), step \(index + 1): \(step.summary)"
                try Task.checkCancellation()
                let attempt = try await context.perform(step, scope: &progress.instances[last].scope)
                progress.trail.append("\(progress.label) → \(attempt.outcome)")
            }
            for (name, value) in progress.instances[last].provided { progress.scope.set(name, to: value) }
        }
    }

    private func runSteps(_ progress: inout Progress) async throws {
        for (index, step) in scenario.steps.enumerated() {
            progress.label = "step \(index + 1): \(step.summary)"
            try Task.checkCancellation()
            let attempt = try await context.perform(step, scope: &progress.scope)
            progress.trail.append("\(progress.label) → \(attempt.outcome)")
        }
    }

    /// Undoes the scenario's steps, then the fixtures' in reverse order. A failing step keeps no other from running.
    ///
    /// - Parameter warnsOfMissing: whether a variable that nothing captured is worth a warning; after a failure it is
    ///   to be expected.
    private func cleanUp(_ progress: Progress, warnsOfMissing: Bool) async -> [String] {
        var warnings: [String] = []
        var context = context
        // Somebody may be waiting for the end.
        context.requestTimeout = .seconds(10)
        func perform(_ steps: [Step], _ scope: Scope, _ name: String) async {
            var scope = scope
            for (index, step) in steps.enumerated() {
                do {
                    _ = try await context.perform(step, scope: &scope)
                } catch let problem as StepProblem {
                    let isMissing = problem.attempt == nil
                    if isMissing, !warnsOfMissing { continue }
                    let reasons = problem.mismatches.map {
                        "\($0.subject): expected \($0.expected), got \(ReadableBytes.abbreviated($0.actual, to: 300))"
                    }
                    warnings.append(
                        "\(step.position.fileAndLine): \(name), step \(index + 1): \(step.summary): "
                            + reasons.joined(separator: "; "))
                } catch {
                    warnings.append("\(step.position.fileAndLine): \(name), step \(index + 1): \(error)")
                }
            }
        }
        await perform(scenario.cleanup, progress.scope, "clean-up")
        for instance in progress.instances.reversed() {
            await perform(instance.fixture.cleanup, instance.scope, "clean-up of fixture \(instance.name)")
        }
        return warnings
    }

    // MARK: Result

    private func secrets(of progress: Progress) -> Secrets {
        var secrets = Secrets(variables: variables)
        for instance in progress.instances {
            for (name, value) in instance.provided + instance.captured { secrets.addIfSecret(value, named: name) }
        }
        for capture in scenario.steps.flatMap(\.captures) {
            guard let value = progress.scope.value(capture.name) else { continue }
            if capture.isSecret {
                secrets.add(value, named: capture.name)
            } else {
                secrets.addIfSecret(value, named: capture.name)
            }
        }
        let scopes = progress.instances.map { ($0.fixture.steps + $0.fixture.cleanup, $0.scope) }
        for (steps, scope) in scopes + [(scenario.steps + scenario.cleanup, progress.scope)] {
            for name in steps.flatMap(\.secrets).flatMap(\.variables) {
                if let value = scope.value(name) { secrets.add(value, named: name) }
            }
        }
        return secrets
    }

    private func outcome(_ stop: (any Error)?, progress: Progress, secrets: Secrets) -> ScenarioResult.Outcome {
        switch stop {
        case nil: return .passed
        case let problem as StepProblem:
            return .failed(
                FailureDescription(secrets: secrets, caFile: context.caFile)
                    .failure(problem, label: progress.label, before: progress.trail))
        case is CancellationError: return .skipped(reason: "stopped before its end")
        case let error?:
            return .failed(
                Failure(
                    step: secrets.masking(progress.label),
                    mismatches: [
                        Failure.Mismatch(
                            subject: "step", expected: "to be done", actual: secrets.masking("\(error)"),
                            position: scenario.position)
                    ], before: progress.trail.map(secrets.masking)))
        }
    }

    private func result(
        _ outcome: ScenarioResult.Outcome, _ duration: Duration, _ warnings: [String]
    ) -> ScenarioResult {
        ScenarioResult(scenario, outcome: outcome, duration: duration, warnings: warnings)
    }
}

extension ScenarioResult {
    init(_ scenario: Scenario, outcome: Outcome, duration: Duration = .zero, warnings: [String] = []) {
        self.init(
            id: scenario.id, title: scenario.title, sources: scenario.sources.map(\.text), level: scenario.level,
            profile: scenario.profile, area: scenario.area, file: scenario.position.file, duration: duration,
            outcome: outcome, warnings: warnings)
    }
}
