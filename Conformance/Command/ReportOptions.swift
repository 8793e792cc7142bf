import ArgumentParser
import Foundation
import GatehouseRunner

/// Where reports go.
struct ReportOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write a JUnit report.", valueName: "file"))
    var junit: String?

    @Option(help: ArgumentHelp("Write a report in JSON.", valueName: "file"))
    var json: String?

    @Flag(help: "Print failures and the last line only.")
    var quiet = false

    /// Finds out before a long run whether its reports can be written; leaves them empty.
    ///
    /// - Throws: `ExitCode.usage`.
    func requireWritable() throws {
        for path in [junit, json].compactMap(\.self) {
            do { try Data().write(to: URL(filePath: path)) } catch {
                throw UsageProblem(text: "\(path) cannot be written: \(error.localizedDescription)").reported
            }
        }
    }

    func terminal(total: Int) -> TerminalReport {
        TerminalReport(total: total, style: Output.isTerminal ? .terminal : .plain, isQuiet: quiet)
    }

    /// Prints the end of the terminal's report and writes the files.
    ///
    /// - Throws: `ExitCode.stopped`, `ExitCode.failure`, or the file system's error.
    func finish(_ report: RunReport, terminal: TerminalReport, wasStopped: Bool) throws {
        Output.write(terminal.end(report))
        if let junit { try Data(JUnitReport.text(report).utf8).write(to: URL(filePath: junit)) }
        if let json { try Data(JSONReport.text(report).utf8).write(to: URL(filePath: json)) }
        if wasStopped { throw ExitCode.stopped }
        if report.counts.failed > 0 { throw ExitCode.failure }
    }
}
