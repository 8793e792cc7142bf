import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseJSON
import GatehouseSQLite
import Synchronization

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take over what another program knows.",
        discussion: """
            c3-pro: the one collection of a C3-PRO IDM service, as `mongoexport` writes it, as JSON lines or with --jsonArray, in \
            any of its versions. Users come along with their passwords, which are hashed anew when they sign in, and so do \
            subjects, links and audits.

            Each document that does not come along is reported on a line of its own, by its line in the file. What comes along \
            does so once: repeat the command after an interruption, or when the file has been mended. Nothing that is here \
            already is changed.

            Exit codes: 0 all comes along, or has before; 1 something does not; 2 the command is wrong.
            """)

    @Argument(help: "What program it comes from.")
    var format: ImportFormat
    @Argument(help: "The file; - for standard input.")
    var file: String
    @Flag(help: "Say what would not come along, and write nothing.")
    var dryRun = false
    @Flag(help: "Print JSON, a line for each report and one with the counts at the end.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() async throws {
        let source: ImportSource
        do { source = try ImportSource(file) } catch { throw Refusal(reason: "\(error)", exitCode: 2) }
        let outcome =
            try await dryRun
            ? dryRun(of: source)
            : store.withStore(makesStore: true) { store in
                try await bring(source, to: store.database) { try await store.masterKey() }
            }
        if outcome.counts.total(.refused) > 0 { throw ExitCode(1) }
    }

    /// Neither makes a store nor brings one up to date.
    private func dryRun(of source: ImportSource) async throws -> C3ProImport.Outcome {
        let path = try store.settings().database
        guard FileManager.default.fileExists(atPath: path) else {
            writeToStandardError(
                "gatehouse: there is no store \(path); this is what would come along into an empty one\n")
            return try await bring(source, to: nil, masterKey: nil)
        }
        return try await SQLiteDatabase(path: path).closing { database in
            let (version, newest) = (try await database.schemaVersion(), Schema.migrations.count)
            guard version == newest else {
                throw Refusal(
                    reason: version > newest
                        ? "The store \(path) has schema version \(version), this program knows \(newest): use a newer one."
                        : "The store \(path) is from before this version, and a dry run does not bring it up to date. "
                            + "Any other command does, such as `gatehouse user list`.")
            }
            return try await bring(source, to: database, masterKey: nil)
        }
    }

    /// - Parameter masterKey: nil for a dry run.
    private func bring(
        _ source: ImportSource, to database: SQLiteDatabase?, masterKey: (@Sendable () async throws -> SealingKey)?
    ) async throws -> C3ProImport.Outcome {
        let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
        return try await SQLiteDatabase.scratch(in: folder).closing { scratch in
            try await bring(source, to: database, scratch: scratch, masterKey: masterKey)
        }
    }

    private func bring(
        _ source: ImportSource, to database: SQLiteDatabase?, scratch: SQLiteDatabase,
        masterKey: (@Sendable () async throws -> SealingKey)?
    ) async throws -> C3ProImport.Outcome {
        let screen = Screen(json: json)
        let work =
            switch format {
            case .c3pro:
                try await C3ProImport(
                    of: source, into: database, scratch: scratch, clock: .system, report: screen.report,
                    progress: screen.show)
            }
        let plan = try await work.plan()
        guard plan.counts.documents > 0 else { throw Refusal(reason: "There is no document in the file.") }
        var outcome = plan
        if let masterKey, plan.counts.total(.new) > 0 {
            outcome = try await work.carryOut(plan, masterKey: try await masterKey(), by: .commandLine)
        }
        try screen.end(outcome, isDryRun: masterKey == nil)
        return outcome
    }
}

extension ImportFormat: ExpressibleByArgument {}

/// What the person at the terminal, or the script, gets to see.
private final class Screen: Sendable {
    private let json: Bool
    private let progress = Mutex(Progress())

    init(json: Bool) { self.json = json }

    @Sendable func report(_ finding: ImportFinding) throws {
        progress.withLock { $0.clear() }
        if json { try printJSON(finding.json) } else { try writeLine(finding.text) }
    }

    @Sendable func show(_ state: ImportProgress) {
        progress.withLock { progress in
            switch state {
            case .reading(let octets, let all, let documents):
                progress.show("reading", Double(octets) / Double(max(all, 1)), count: documents)
            case .bringing(let done, let all):
                progress.show("writing", Double(done) / Double(max(all, 1)), count: done)
            }
        }
    }

    func end(_ outcome: C3ProImport.Outcome, isDryRun: Bool) throws {
        let seconds = progress.withLock { progress in
            progress.clear()
            return progress.seconds
        }
        let (counts, rate) = (outcome.counts, Double(outcome.counts.documents) / max(seconds, 0.001))
        let memory = Progress.peakMemory
        if json {
            try printJSON([
                "dry_run": .bool(isDryRun), "counts": counts.json, "partly": .number(JSONNumber(Int64(counts.partly))),
                "sha256": .string(outcome.digest), "documents": .number(JSONNumber(Int64(counts.documents))),
                "seconds": JSONNumber((seconds * 1000).rounded() / 1000).map(JSONValue.number) ?? .null,
                "memory_mb": memory.map { .number(JSONNumber(Int64($0))) } ?? .null,
            ])
            return
        }
        try writeLine("\(isDryRun ? "Would come along" : "Came along"): \(counts.text(.new)).")
        try writeLine("Here already: \(counts.text(.there)).")
        try writeLine("Refused: \(counts.text(.refused)). In part: \(counts.partly).")
        if isDryRun { try writeLine("This was a dry run: nothing was written.") }
        try writeLine(
            String(format: "%d documents in %.1f seconds, %.0f a second", counts.documents, seconds, rate)
                + (memory.map { ", with \($0) MB of memory at most." } ?? "."))
    }
}
