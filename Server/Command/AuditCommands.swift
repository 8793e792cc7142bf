import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseJSON

struct AuditCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check and export the log of every change.",
        discussion: """
            Each change writes one event: who, what, when, to which object. A running server gives each event within a \
            second a sequence and a code over it and the code before, under a key that is made from the master key. How far \
            the log goes is kept beside the store, in DATABASE.audit-head.
            """,
        subcommands: [Verify.self, Export.self, NewHead.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Find out whether an event was changed, removed, moved, put in, or cut off the end; exit code 1 when so.",
            discussion: """
                Prints how many events there have been and the code of the last one, as COUNT:CODE. Whoever can write to this \
                machine can put back an old store together with its old head, which nothing on this machine can tell. Keep \
                COUNT:CODE, or a copy of DATABASE.audit-head, elsewhere from time to time, and give it here with --expect or \
                --head.

                What it cannot tell: an event that was put in or taken out in the second before it was sealed, and what \
                somebody does who knows the master key.
                """)

        @Option(
            help: ArgumentHelp(
                "Compare with this copy of the head, instead of the one beside the store.", valueName: "file"))
        var head: String?
        @Option(
            help: ArgumentHelp("Compare also with what an earlier check printed.", valueName: "count:code"),
            transform: { text in
                guard let place = AuditPlace(text) else {
                    throw ValidationError("\"\(text)\" is not COUNT:CODE as `audit verify` prints it.")
                }
                return place
            })
        var expect: AuditPlace?
        @Option(
            help: ArgumentHelp(
                "Check an export (--format jsonl) instead of the log; - for standard input.", valueName: "file"))
        var export: String?
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func validate() throws {
            if export != nil && (head != nil || expect != nil) {
                throw ValidationError("--export goes without --head and --expect.")
            }
        }

        func run() async throws {
            var witnesses = AuditChain.Witnesses()
            witnesses.headFile = head
            witnesses.expected = expect
            let began = ContinuousClock.now
            let report = try await store.withStore(sealsAudits: false) { [witnesses] store in
                let audits = try await store.audits
                guard let export else { return try await audits.verify(witnesses) }
                return try Self.check(export, with: audits)
            }
            let elapsed = began.duration(to: .now)
            if json { try printJSON(report.json) } else { try print(report, elapsed) }
            if report.findings.count > 0 { throw ExitCode(1) }
        }

        private static func check(_ file: String, with audits: AuditChain) throws -> AuditReport {
            var check = audits.exportCheck()
            var number = 0
            try Lines.read(file) { line in
                number += 1
                do { try check.add(line: line) } catch {
                    throw Refusal(reason: "\(file):\(number): not a line of an export: \(error)")
                }
            }
            return check.report()
        }

        private func print(_ report: AuditReport, _ elapsed: Duration) throws {
            for finding in report.findings.told { try writeLine(finding.description) }
            let more = report.findings.count - report.findings.told.count
            if more > 0 { try writeLine("… and \(more) more.") }
            if report.findings.count > 0 { try writeLine("") }
            let kept = report.start == 0 ? "" : " (the first \(report.start) are not among them)"
            let seconds = Double(elapsed / .milliseconds(1)) / 1000
            try writeLine(
                "\(report.findings.count == 0 ? "Whole" : "Not whole"): \(report.checked) events checked\(kept) in "
                    + "\(seconds.formatted(.number.precision(.fractionLength(2)).locale(Locale(identifier: "en_US_POSIX")))) s."
            )
            if report.unsealed > 0 {
                try writeLine("\(report.unsealed) have no place in the chain yet; a running server gives them one.")
            }
            try writeLine("\(report.end)")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the events to standard output.",
            discussion: """
                As JSON lines, with all that `audit verify --export` needs; or as CSV for a spreadsheet, where a cell that \
                would count as a formula gets an apostrophe in front.
                """)

        @Option(help: ArgumentHelp("jsonl or csv.", valueName: "name"))
        var format: Format = .jsonl
        @Option(
            help: ArgumentHelp(
                "Begin with the first event at or after it, such as 2027-01-31T00:00:00Z.", valueName: "time"),
            transform: time(named:))
        var from: Int64?
        @Option(
            help: ArgumentHelp("End with the last event at or before it.", valueName: "time"), transform: time(named:))
        var to: Int64?
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let (format, from, to) = (format, from, to)
            try await store.withStore(sealsAudits: false) { store in
                if format == .csv { try writeLine(CSV.row(AuditEvent.csvNames)) }
                try await AuditChain.export(from: from, to: to, of: store.database) { event, previous in
                    switch format {
                    case .csv: try writeLine(CSV.row(event.csvCells))
                    case .jsonl:
                        var members = event.json.object ?? []
                        if let previous, !previous.isEmpty {
                            members.append(JSONValue.Member(name: "previous", value: .string(previous)))
                        }
                        try printJSON(.object(members))
                    }
                }
            }
        }

        enum Format: String, ExpressibleByArgument { case jsonl, csv }
    }

    struct NewHead: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "new-head",
            abstract: "Take the log as it stands for whole, when its head was lost or a store was put back by hand.",
            discussion: """
                What `audit verify` said before about the end is then said no more, so look at it first. That somebody did \
                this is an event itself.
                """)
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let end = try await store.withStore { store in
                let audits = try await store.audits
                try await audits.beginNewHead(by: .commandLine)
                return try await audits.verify().end
            }
            try writeLine("\(end)")
        }
    }
}

extension AuditReport {
    fileprivate var json: JSONValue {
        [
            "whole": .bool(findings.count == 0), "count": .number(JSONNumber(end.count)), "code": .string(end.code),
            "checked": .number(JSONNumber(Int64(checked))), "removed": .number(JSONNumber(start)),
            "unsealed": .number(JSONNumber(Int64(unsealed))),
            "findings": .array(findings.told.map(\.json)),
            "finding_count": .number(JSONNumber(Int64(findings.count))),
        ]
    }
}

/// RFC 4180.
enum CSV {
    static func row(_ cells: [String]) -> String { cells.map(cell).joined(separator: ",") }

    /// Quoted when it must be; never one that a spreadsheet takes for a formula.
    static func cell(_ text: String) -> String {
        var text = text
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) { text = "'" + text }
        guard text.utf8.contains(where: { [0x22, 0x2c, 0x0a, 0x0d].contains($0) }) else { return text }
        return "\"\(text.replacing("\"", with: "\"\""))\""
    }
}

/// The lines of a file, one at a time.
enum Lines {
    static func read(_ path: String, _ body: ([UInt8]) throws -> Void) throws {
        let file: FileHandle
        if path == "-" {
            file = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: path) else {
                throw Refusal(reason: "The file \(path) cannot be read.", exitCode: 2)
            }
            file = opened
        }
        var rest: [UInt8] = []
        while let data = try file.read(upToCount: 1 << 16), !data.isEmpty {
            rest += data
            var begin = rest.startIndex
            while let end = rest[begin...].firstIndex(of: 0x0a) {
                try body(Array(rest[begin..<end]))
                begin = end + 1
            }
            rest.removeSubrange(..<begin)
            guard rest.count < 1 << 24 else { throw Refusal(reason: "\(path) has a line of more than 16 MiB.") }
        }
        if !rest.isEmpty { try body(rest) }
    }
}
