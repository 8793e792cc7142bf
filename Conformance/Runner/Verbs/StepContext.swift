internal import GatehouseTransfer

/// What every verb works with.
struct StepContext: Sendable {
    let target: Target
    let transport: CurlTransport
    /// Certificates to trust for a target with TLS; the system's when nil.
    let caFile: String?
    /// Unix seconds.
    let now: @Sendable () -> Int64
    /// Where the target's mail arrives.
    var mailSink: MailSink?
    /// How long one request may take.
    var requestTimeout: Duration = .seconds(30)

    /// Does the step, judges its answer and keeps what it captures.
    ///
    /// - Throws: `StepProblem` when the answer is not as expected, `CancellationError` when the run was stopped.
    func perform(_ step: Step, scope: inout Scope) async throws -> Attempt {
        let attempt: Attempt
        do {
            attempt = try await attemptStep(step, scope: scope)
        } catch let missing as MissingVariable {
            throw StepProblem(step: step, mismatches: [missing.mismatch(at: step.position)], attempt: nil)
        }
        guard attempt.mismatches.isEmpty else {
            throw StepProblem(step: step, mismatches: attempt.mismatches, attempt: attempt)
        }
        if let name = step.keptMessage, let request = attempt.request { scope.keep(name, request) }
        try capture(step, from: attempt, into: &scope)
        return attempt
    }

    private func attemptStep(_ step: Step, scope: Scope) async throws -> Attempt {
        switch step.verb {
        case .send(let send): try await self.send(send, scope: scope)
        case .sign(let sign): try await self.sign(sign, scope: scope)
        case .tamper(let tamper): try await self.tamper(tamper, scope: scope)
        case .replay(let replay): try await self.replay(replay, scope: scope)
        case .parallel(let parallel): try await sendInParallel(parallel, scope: scope)
        case .forge(let forge): try self.forge(forge, scope: scope)
        case .makeKey(let step): makeKey(step)
        case .raw(let raw): try await sendRaw(raw, scope: scope)
        case .wait(let wait): try await self.wait(wait)
        case .waitMail(let wait): try await waitMail(wait, scope: scope)
        }
    }

    private func capture(_ step: Step, from attempt: Attempt, into scope: inout Scope) throws {
        var missing: [Mismatch] = []
        for capture in step.captures {
            let value =
                if case .mail(let part, let expression) = capture.source {
                    try attempt.mail?.part(part).flatMap { try TextPattern.capture(expression, in: $0, scope: scope) }
                } else {
                    attempt.made ?? attempt.exchange?.answer.flatMap(capture.source.text)
                }
            if let value {
                scope.set(capture.name, to: value)
            } else {
                missing.append(
                    Mismatch(
                        subject: "capture \(capture.name)", expected: "something at \(capture.source.description)",
                        actual: "nothing", position: capture.position))
            }
        }
        guard missing.isEmpty else { throw StepProblem(step: step, mismatches: missing, attempt: attempt) }
    }
}

/// What came of a step.
struct Attempt: Sendable {
    var exchange: Exchange?
    /// The request that was made, for later steps.
    var request: PreparedRequest?
    /// The token that a forge made, or the key that a make-key made.
    var made: String?
    /// The mail that came.
    var mail: ReceivedMail?
    /// Empty when all was as expected.
    var mismatches: [Mismatch] = []
    /// The result in a few words, for the list of steps before a failure.
    var outcome: String
    /// How often the exchange's request was sent at once.
    var times = 1
}

/// A step that did not go as expected.
struct StepProblem: Error {
    let step: Step
    let mismatches: [Mismatch]
    let attempt: Attempt?
}

extension MissingVariable {
    func mismatch(at position: SourcePosition) -> Mismatch {
        Mismatch(
            subject: "variable", expected: "a value for {{\(name)}}", actual: "none has been captured",
            position: position)
    }
}
