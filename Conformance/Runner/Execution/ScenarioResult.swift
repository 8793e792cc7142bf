/// What came of a scenario. All texts in it are masked: whoever has a result has no secret.
package struct ScenarioResult: Sendable, Equatable {
    package let id: String
    package let title: String
    package let sources: [String]
    package let level: Level
    package let profile: String
    package let area: String
    /// The scenario's file as reports name it.
    package let file: String
    package var duration: Duration
    package var outcome: Outcome
    /// What went wrong while cleaning up.
    package var warnings: [String]

    package init(
        id: String, title: String, sources: [String], level: Level, profile: String, area: String, file: String,
        duration: Duration, outcome: Outcome, warnings: [String]
    ) {
        self.id = id
        self.title = title
        self.sources = sources
        self.level = level
        self.profile = profile
        self.area = area
        self.file = file
        self.duration = duration
        self.outcome = outcome
        self.warnings = warnings
    }

    package enum Outcome: Sendable, Equatable {
        case passed
        case failed(Failure)
        case skipped(reason: String)
    }
}

/// The first step that did not go as expected.
package struct Failure: Sendable, Equatable {
    /// `step 2: PUT /v1/addresses`, `fixture alice, step 1: POST /v1/users`
    package var step: String
    package var note: String?
    package var mismatches: [Mismatch]
    package var exchange: String?
    /// A command that sends the same request.
    package var command: String?
    /// The steps before, each with its result.
    package var before: [String]

    package init(
        step: String, note: String? = nil, mismatches: [Mismatch], exchange: String? = nil, command: String? = nil,
        before: [String] = []
    ) {
        self.step = step
        self.note = note
        self.mismatches = mismatches
        self.exchange = exchange
        self.command = command
        self.before = before
    }

    package struct Mismatch: Sendable, Equatable {
        package let subject: String
        package let expected: String
        package let actual: String
        package let position: SourcePosition

        package init(subject: String, expected: String, actual: String, position: SourcePosition) {
            self.subject = subject
            self.expected = expected
            self.actual = actual
            self.position = position
        }
    }

    /// One line: `status: expected 200, got 404`.
    package var summary: String {
        guard let first = mismatches.first else { return step }
        let more = mismatches.count > 1 ? " (and \(mismatches.count - 1) more)" : ""
        return ReadableBytes.abbreviated(
            "\(first.subject): expected \(ReadableBytes.escaped(first.expected)), "
                + "got \(ReadableBytes.escaped(first.actual))", to: 300) + more
    }
}
