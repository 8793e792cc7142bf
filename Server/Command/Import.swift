import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseJSON
import GatehouseOpenCAP
import GatehouseSQLite
import GatehouseStorage
import Synchronization

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take over what another program knows.",
        discussion: """
            c3-pro: the one collection of a C3-PRO IDM service, as `mongoexport` writes it, as JSON lines or with --jsonArray, in \
            any of its versions. Users come along with their passwords, which are hashed anew when they sign in, and so do \
            subjects, links and audits.

            flask-ccap: the SQLite file of flaskCCAP or restfulCAP (`database.db`). Domains come along with their secrets, users \
            with their passwords and addresses. A domain there has the name of a host; --domain says what it is here, as in \
            `--domain cap.example.com=example.com`, and the host stays one of its names. What a domain becomes is chosen at its first \
            import, for good; a dry run proposes such names, and an import asks for a choice where there is one.

            go-server: the SQLite file of OpenCAP's go-server. Its domains are those of its users; `gatehouse domain \
            rotate-secret` gives one a secret.

            The file is read and never written. Each document or row that does not come along is reported on a line of its own, by \
            its line in the file or by its table and number. What comes along does so once: repeat the command after an \
            interruption, or when the file has been mended or used further. Nothing that is here already is changed.

            Exit codes: 0 all comes along, or has before; 1 something does not; 2 the command or the file is wrong.
            """)

    @Argument(help: "What program it comes from.")
    var format: ImportFormat
    @Argument(help: "The file; - for standard input.")
    var file: String
    @Option(
        name: .customLong("domain"),
        help: ArgumentHelp(
            "What a domain of flask-ccap or go-server becomes, by its name there; repeatable.", valueName: "name=domain"
        ))
    var domains: [String] = []
    @Flag(help: "Say what would not come along, and write nothing.")
    var dryRun = false
    @Flag(help: "Print JSON, a line for each report and one with the counts at the end.")
    var json = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard format != .c3pro || domains.isEmpty else { throw ValidationError("--domain is for files of domains.") }
        guard Set(try domains.map { try ChosenDomain($0).name }).count == domains.count else {
            throw ValidationError("--domain names one domain of the file twice.")
        }
    }

    func run() async throws {
        let source: ImportSource
        do { source = try ImportSource(file) } catch { throw Refusal(reason: "\(error)", exitCode: 2) }
        let screen = Screen(json: json)
        let work = try Work(source, format, domains: try domains.map { try ChosenDomain($0) }, path: file, screen)
        defer { work.end() }
        let outcome: ImportOutcome
        do {
            outcome =
                try await dryRun
                ? dryRun(of: work)
                : store.withStore(makesStore: true, options: Self.options) { store in
                    try await bring(work, to: store.database) { try await store.masterKey() }
                }
        } catch let error as ImportError {
            throw Refusal(reason: "\(error)", exitCode: error.isOfTheFile ? 2 : 1)
        }
        try screen.end(outcome, isDryRun: dryRun)
        if outcome.counts.total(.refused) > 0 { throw ExitCode(1) }
    }

    /// Many rows in a short time.
    private static var options: SQLiteOptions {
        var options = SQLiteOptions()
        options.cacheKiB = 32 << 10
        // 32 MiB: a page that every transaction writes to is moved into the file once for several of them.
        options.checkpointPages = 8000
        return options
    }

    /// Neither makes a store nor brings one up to date.
    private func dryRun(of work: Work) async throws -> ImportOutcome {
        let path = try store.settings().database
        guard FileManager.default.fileExists(atPath: path) else {
            writeToStandardError(
                "gatehouse: there is no store \(path); this is what would come along into an empty one\n")
            return try await bring(work, to: nil, masterKey: nil)
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
            return try await bring(work, to: database, masterKey: nil)
        }
    }

    /// - Parameter masterKey: nil for a dry run.
    private func bring(
        _ work: Work, to database: SQLiteDatabase?, masterKey: (@Sendable () async throws -> SealingKey)?
    ) async throws -> ImportOutcome {
        let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
        let outcome = try await SQLiteDatabase.scratch(in: folder).closing { scratch in
            try await work.bring(to: database, scratch: scratch, masterKey: masterKey)
        }
        guard outcome.counts.documents > 0 else {
            throw Refusal(reason: "There is no \(format == .c3pro ? "document" : "row") in the file.")
        }
        return outcome
    }
}

/// `NAME=DOMAIN`
struct ChosenDomain: Sendable {
    let name: String
    let domain: DomainName

    init(_ argument: String) throws {
        guard let separator = argument.lastIndex(of: "="), separator != argument.startIndex else {
            throw ValidationError("--domain \(argument): write it as NAME=DOMAIN.")
        }
        name = String(argument[..<separator])
        do { domain = try DomainName(String(argument[argument.index(after: separator)...])) } catch {
            throw ValidationError("--domain \(argument): \(error.description)")
        }
    }
}

extension ImportError {
    /// Whether no repetition helps.
    fileprivate var isOfTheFile: Bool {
        switch self {
        case .foreign, .unknownDomain: true
        case .changed, .changedRows, .another: false
        }
    }
}

/// An import of one file.
private struct Work: Sendable {
    let source: ImportSource
    let format: ImportFormat
    let domains: [String: DomainName]
    let screen: Screen
    /// Nil for what is no SQLite file.
    private let file: ForeignFile?
    /// Of a file that had no place of its own.
    private let copy: String?

    /// - Throws: `Refusal` for a file that SQLite cannot read.
    init(
        _ source: ImportSource, _ format: ImportFormat, domains: [ChosenDomain], path: String, _ screen: Screen
    ) throws {
        self.source = source
        self.format = format
        self.domains = Dictionary(domains.map { ($0.name, $0.domain) }) { first, _ in first }
        self.screen = screen
        guard format != .c3pro else {
            (file, copy) = (nil, nil)
            return
        }
        var path = path
        var copied: String?
        do {
            var isFile = false
            let place = URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
            if path != "-", let kind = try? FileManager.default.attributesOfItem(atPath: place)[.type] {
                isFile = kind as? FileAttributeType == .typeRegular
            }
            if !isFile {
                path =
                    FileManager.default.temporaryDirectory.path(percentEncoded: false)
                    + "/gatehouse-import-\(SystemRandom.identifier())"
                copied = path
                try source.copy(to: path)
            }
            file = try ForeignFile(path: path)
            copy = copied
        } catch {
            if let copied { try? FileManager.default.removeItem(atPath: copied) }
            throw Refusal(reason: Self.reason(error), exitCode: 2)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? StorageError else { return "\(error)" }
        return switch error.kind {
        case .notADatabase: "The file is no SQLite database."
        case .readOnly, .cannotOpen, .busy:
            "The file cannot be read as it is (\(error.message)): stop the program that it belongs to, so that it finishes what "
                + "it writes, or copy the file together with the one named -wal or -journal beside it."
        default: "The file cannot be read: \(error.message)."
        }
    }

    func end() { if let copy { try? FileManager.default.removeItem(atPath: copy) } }

    /// - Parameter masterKey: nil for a dry run.
    func bring(
        to database: SQLiteDatabase?, scratch: SQLiteDatabase,
        masterKey: (@Sendable () async throws -> SealingKey)?
    ) async throws -> ImportOutcome {
        guard let file else {
            let work = try await C3ProImport(
                of: source, into: database, scratch: scratch, clock: .system, report: screen.report,
                progress: screen.show)
            let plan = try await work.plan()
            guard let masterKey, plan.counts.total(.new) > 0 else { return plan }
            return try await work.carryOut(plan, masterKey: try await masterKey(), by: .commandLine)
        }
        do {
            let work = try await AliasImport(
                format, of: try AliasFile(format) { try file.rows($0) }, domains: domains, into: database,
                scratch: scratch, clock: .system, report: screen.report, progress: screen.show)
            let plan = try await work.plan(digest: try source.digest())
            // A file without a log is not looked at again while it is read.
            guard !file.hasChanged else { throw ImportError.changedRows }
            if masterKey != nil { try Self.requireChoice(of: plan.outcome.domains) }
            guard masterKey != nil, plan.outcome.counts.total(.new) > 0 else { return plan.outcome }
            let outcome = try await work.carryOut(plan, by: .commandLine)
            guard !file.hasChanged else { throw ImportError.changedRows }
            return outcome
        } catch let error as StorageError where error.isCorrupt {
            throw Refusal(reason: "The file is damaged: \(error.message).", exitCode: 2)
        }
    }

    /// What a domain becomes is for good, so one that may be the host of another is nobody's guess.
    private static func requireChoice(of domains: [ImportedDomain]) throws {
        for domain in domains where domain.standing == .new {
            guard let own = domain.domain, let suggestion = domain.suggestion else { continue }
            throw Refusal(
                reason: "What the domain \(own) becomes stays so for good, and nothing was imported yet: choose "
                    + "--domain \(domain.name)=\(suggestion) or --domain \(domain.name)=\(own).", exitCode: 2)
        }
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

    func end(_ outcome: ImportOutcome, isDryRun: Bool) throws {
        let seconds = progress.withLock { progress in
            progress.clear()
            return progress.seconds
        }
        let counts = outcome.counts
        // Below a second it would say more about the start than about the work.
        let rate = seconds < 1 ? "" : String(format: ", %.0f a second", Double(counts.documents) / seconds)
        let memory = Progress.peakMemory
        if json {
            try printJSON([
                "dry_run": .bool(isDryRun), "counts": counts.json, "partly": .number(JSONNumber(Int64(counts.partly))),
                "sha256": .string(outcome.digest), "domains": .array(outcome.domains.map(\.json)),
                "documents": .number(JSONNumber(Int64(counts.documents))),
                "seconds": JSONNumber((seconds * 1000).rounded() / 1000).map(JSONValue.number) ?? .null,
                "memory_mb": memory.map { .number(JSONNumber(Int64($0))) } ?? .null,
            ])
            return
        }
        for domain in outcome.domains { try writeLine(domain.text(isDryRun: isDryRun)) }
        try writeLine("\(isDryRun ? "Would come along" : "Came along"): \(counts.text(.new)).")
        try writeLine("Here already: \(counts.text(.there)).")
        try writeLine("Refused: \(counts.text(.refused)). In part: \(counts.partly).")
        if isDryRun { try writeLine("This was a dry run: nothing was written.") }
        try writeLine(
            String(
                format: "%d \(outcome.domains.isEmpty ? "documents" : "rows") in %.1f seconds",
                counts.documents, seconds)
                + rate + (memory.map { ", with \($0) MB of memory at most." } ?? "."))
    }
}
