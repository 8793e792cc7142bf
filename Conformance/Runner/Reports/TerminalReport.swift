/// The report for people: a line or a progress count while scenarios run, every failure in full, a table at the end.
///
/// Gives texts; writing them is its user's work.
package struct TerminalReport {
    private let total: Int
    private let style: Style
    private let isQuiet: Bool
    private var results: [ScenarioResult] = []

    package enum Style: Sendable {
        /// One line for each scenario; for files and logs.
        case plain
        /// A progress count that is written over, and colours.
        case terminal
    }

    /// - Parameter isQuiet: leaves out everything but failures and the last line.
    package init(total: Int, style: Style, isQuiet: Bool = false) {
        self.total = total
        self.style = style
        self.isQuiet = isQuiet
    }

    /// What to write when a result comes; it ends with its own line end, or with the progress count.
    package mutating func add(_ result: ScenarioResult) -> String {
        results.append(result)
        var text = erasingProgress
        if case .failed(let failure) = result.outcome {
            text += FailureText(result: result, failure: failure, style: style).text
        } else if !isQuiet {
            text += line(for: result)
        }
        if !isQuiet { text += result.warnings.map { "      warning: \($0)\n" }.joined() }
        return text + progress
    }

    /// What to write at the end: the table of areas and the counts.
    package func end(_ report: RunReport) -> String {
        if isQuiet { return erasingProgress + report.counts.line + "\n" }
        var rows = [["area", "passed", "failed", "skipped"]]
        for area in report.areas {
            let counts = ResultCounts(area.results)
            rows.append([area.name, "\(counts.passed)", "\(counts.failed)", "\(counts.skipped)"])
        }
        return erasingProgress + "\n" + Self.table(rows)
            + "\n\(report.target), \(report.duration.inSeconds)\n\(report.counts.line)\n"
    }

    private func line(for result: ScenarioResult) -> String {
        switch result.outcome {
        // On a terminal the count says as much.
        case .passed: style == .plain ? "ok    \(result.id) (\(result.duration.inMilliseconds))\n" : ""
        case .skipped(let reason): "skip  \(result.id): \(reason)\n"
        case .failed: ""
        }
    }

    private var erasingProgress: String { style == .terminal && !isQuiet ? "\r\u{1B}[K" : "" }

    private var progress: String {
        guard style == .terminal, !isQuiet, results.count < total else { return "" }
        let failed = ResultCounts(results).failed
        return "\(results.count) of \(total)" + (failed > 0 ? ", \(failed) failed" : "")
    }

    /// The first column to the left, the others to the right.
    private static func table(_ rows: [[String]]) -> String {
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}

/// One failure in full.
struct FailureText {
    let result: ScenarioResult
    let failure: Failure
    let style: TerminalReport.Style

    var text: String {
        let mark = style == .terminal ? "\u{1B}[1;31mFAIL\u{1B}[0m" : "FAIL"
        return "\(mark)  \(result.id) (\(result.duration.inMilliseconds))\n"
            + details.map { $0.isEmpty ? "\n" : "      \($0)\n" }.joined()
    }

    /// The lines below the scenario's name; JUnit shows them too.
    var details: [String] {
        var lines = ["\(result.title) [\(result.level.rawValue), \(result.sources.joined(separator: ", "))]"]
        lines.append(failure.step + (failure.note.map { " (\($0))" } ?? ""))
        for mismatch in failure.mismatches {
            lines.append("\(mismatch.position.fileAndLine): \(mismatch.subject)")
            lines += Self.hanging("  expected  ", mismatch.expected)
            lines += Self.hanging("  actual    ", mismatch.actual)
        }
        if !failure.before.isEmpty { lines += ["before:"] + failure.before.map { "  \($0)" } }
        if let exchange = failure.exchange {
            lines += ["exchange:"] + exchange.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
        }
        if let command = failure.command {
            lines += ["again:"] + command.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
        }
        return lines
    }

    private static func hanging(_ label: String, _ text: String) -> [String] {
        let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
            .map { ReadableBytes.escapedKeepingBackslashes(String($0)) }
        return lines.enumerated().map { index, line in
            (index == 0 ? label : String(repeating: " ", count: label.count)) + line
        }
    }
}

extension Duration {
    /// `12 ms`
    var inMilliseconds: String { "\(Int((self / .milliseconds(1)).rounded())) ms" }
}
