/// The report for machines that read JUnit's XML: a test suite for each area, a test case for each scenario.
package enum JUnitReport {
    package static func text(_ report: RunReport) -> String {
        let counts = report.counts
        var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#]
        lines.append(
            "<testsuites"
                + attributes([
                    ("name", report.title), ("tests", "\(report.results.count)"), ("failures", "\(counts.failed)"),
                    ("skipped", "\(counts.skipped)"), ("time", seconds(report.duration)),
                ]) + ">")
        for area in report.areas {
            let counts = ResultCounts(area.results)
            let time = area.results.map(\.duration).reduce(.zero, +)
            lines.append(
                "  <testsuite"
                    + attributes([
                        ("name", area.name), ("tests", "\(area.results.count)"), ("failures", "\(counts.failed)"),
                        ("skipped", "\(counts.skipped)"), ("time", seconds(time)),
                    ]) + ">")
            lines += area.results.flatMap(testCase)
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func testCase(_ result: ScenarioResult) -> [String] {
        let name = result.id.split(separator: "/").last.map(String.init) ?? result.id
        let start =
            "    <testcase"
            + attributes([
                ("classname", result.area.replacing("/", with: ".")), ("name", name), ("file", result.file),
                ("time", seconds(result.duration)),
            ])
        var content: [String] = []
        switch result.outcome {
        case .passed: break
        case .skipped(let reason): content.append("      <skipped" + attributes([("message", reason)]) + "/>")
        case .failed(let failure):
            let details = FailureText(result: result, failure: failure, style: .plain).details
            content.append(
                "      <failure" + attributes([("message", failure.summary), ("type", "mismatch")]) + ">"
                    + escaped(details.joined(separator: "\n")) + "</failure>")
        }
        if !result.warnings.isEmpty {
            content.append("      <system-err>\(escaped(result.warnings.joined(separator: "\n")))</system-err>")
        }
        return content.isEmpty ? [start + "/>"] : [start + ">"] + content + ["    </testcase>"]
    }

    private static func attributes(_ pairs: [(String, String)]) -> String {
        pairs.map { " \($0.0)=\"\(escaped($0.1).replacing("\n", with: "&#10;"))\"" }.joined()
    }

    private static func seconds(_ duration: Duration) -> String {
        let milliseconds = Int((duration / .milliseconds(1)).rounded())
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    /// Text for XML 1.0, which has no place for most control characters (§2.2): they become U+FFFD.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
                escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
