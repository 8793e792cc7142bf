internal import GatehouseJSON

/// The report for programs: one object, members as named here.
package enum JSONReport {
    package static func text(_ report: RunReport) -> String {
        let counts = report.counts
        let value: JSONValue = [
            "title": .string(report.title), "target": .string(report.target),
            "passed": integer(counts.passed), "failed": integer(counts.failed), "skipped": integer(counts.skipped),
            "duration_ms": milliseconds(report.duration), "results": .array(report.results.map(result)),
        ]
        return value.text + "\n"
    }

    private static func result(_ result: ScenarioResult) -> JSONValue {
        var members: [JSONValue.Member] = [
            member("id", .string(result.id)), member("title", .string(result.title)),
            member("source", texts(result.sources)), member("level", .string(result.level.rawValue)),
            member("profile", .string(result.profile)), member("file", .string(result.file)),
            member("duration_ms", milliseconds(result.duration)),
        ]
        switch result.outcome {
        case .passed: members.append(member("outcome", "passed"))
        case .skipped(let reason):
            members += [member("outcome", "skipped"), member("reason", .string(reason))]
        case .failed(let failure):
            members += [member("outcome", "failed"), member("failure", self.failure(failure))]
        }
        members.append(member("warnings", texts(result.warnings)))
        return .object(members)
    }

    private static func failure(_ failure: Failure) -> JSONValue {
        [
            "step": .string(failure.step), "note": failure.note.map { .string($0) } ?? .null,
            "mismatches": .array(failure.mismatches.map(mismatch)),
            "exchange": failure.exchange.map { .string($0) } ?? .null,
            "command": failure.command.map { .string($0) } ?? .null, "before": texts(failure.before),
        ]
    }

    private static func mismatch(_ mismatch: Failure.Mismatch) -> JSONValue {
        [
            "subject": .string(mismatch.subject), "expected": .string(mismatch.expected),
            "actual": .string(mismatch.actual), "file": .string(mismatch.position.file),
            "line": integer(mismatch.position.line), "column": integer(mismatch.position.column),
        ]
    }

    private static func member(_ name: String, _ value: JSONValue) -> JSONValue.Member {
        JSONValue.Member(name: name, value: value)
    }

    private static func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    private static func integer(_ number: Int) -> JSONValue { .number(JSONNumber(Int64(number))) }

    private static func milliseconds(_ duration: Duration) -> JSONValue {
        integer(Int((duration / .milliseconds(1)).rounded()))
    }
}
