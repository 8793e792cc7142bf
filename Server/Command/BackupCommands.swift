import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseJSON
import GatehouseSQLite
import GatehouseStorage

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the store into a new file, also while a server runs on it.",
        discussion: """
            The copy is the store as it is at one moment. It leaves the master key out, without which the secrets in it cannot be \
            read: keep a copy of the key file somewhere else than the backups. Prints the key's fingerprint.
            """)

    @Argument(help: ArgumentHelp("The file to make. It must not be there.", valueName: "file"))
    var file: String
    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() async throws {
        guard !FileManager.default.fileExists(atPath: file) else {
            throw Refusal(reason: "There is a file \(file) already; a backup replaces nothing.")
        }
        let database = try store.settings().database
        guard FileManager.default.fileExists(atPath: database) else {
            throw Refusal(reason: "There is no store \(database). Name it with --database.")
        }
        try StoreFiles.copy(database, to: file)
        let made = try await StoreCopy(checking: file)
        try made.tell(json: json, "\(file) is made: ")
    }
}

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a backup in the place of the store.",
        discussion: """
            Stop the server first. The backup is checked whole before anything is replaced: that it is sound, that this program \
            knows its tables, and that the master key is the one it was sealed with. The store that was there is kept beside it \
            under another name, which is printed.
            """)

    @Argument(help: ArgumentHelp("The backup.", valueName: "file"))
    var file: String
    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() async throws {
        let settings = try store.settings()
        let target = settings.database
        guard FileManager.default.fileExists(atPath: file) else { throw Refusal(reason: "There is no file \(file).") }
        // A name that nobody has: whatever lies there is somebody's, maybe the backup.
        let candidate = "\(target).\(SystemRandom.identifier()).restored"
        do {
            do { try StoreFiles.copy(file, to: candidate) } catch {
                throw Refusal(reason: "\(file) cannot be restored: \(error.message)")
            }
            let copy = try await StoreCopy(checking: candidate, calling: file)
            try copy.requireKey(of: settings)
            let kept = try Self.putAside(target)
            // Whatever fails from here on, whoever restores knows where it is.
            if let kept { writeToStandardError("gatehouse: what was there is kept as \(kept)\n") }
            try StoreFiles.move(candidate, to: target)
            try await Self.note(copy, settings)
            try copy.tell(json: json, "\(target) is restored: ")
        } catch {
            try? FileManager.default.removeItem(atPath: candidate)
            throw error
        }
    }

    /// - Returns: where the store is now; nil when there was none, nor anything of one.
    private static func putAside(_ target: String) throws -> String? {
        // A log without its store, as somebody leaves it who deletes one file, would be taken for that of the restored one.
        let parts = ["", "-wal", "-shm", ".audit-head"].filter { FileManager.default.fileExists(atPath: target + $0) }
        guard !parts.isEmpty else { return nil }
        if parts.contains("") {
            do { try StoreFiles.requireAlone(target) } catch {
                switch error.kind {
                case .busy: throw Refusal(reason: "A server is running on \(target); stop it first.")
                // It is what the backup is for. What is broken is kept as it is, its log included.
                case .corrupt, .notADatabase: break
                default: throw error
                }
            }
        }
        let time = RFC3339.text(Clock.system.now()).filter { $0 != "-" && $0 != ":" }
        var kept = "\(target).before-\(time)"
        // Nothing that was kept before is replaced: two restores may be within one second.
        for number in 2... {
            guard FileManager.default.fileExists(atPath: kept) else { break }
            kept = "\(target).before-\(time)-\(number)"
        }
        // Being alone may have taken the log away.
        for part in parts where FileManager.default.fileExists(atPath: target + part) {
            try StoreFiles.move(target + part, to: kept + part)
        }
        return kept
    }

    /// Writes into the restored store that it is one.
    private static func note(_ copy: StoreCopy, _ settings: Settings) async throws {
        try await Store.with(settings) { store in
            let now = Clock.system.now()
            try await store.database.transaction { sql in
                try AuditLog.record(
                    "restore", on: AuditObject("store", copy.fingerprint ?? "no key"), by: .commandLine, at: now,
                    in: sql)
            }
            // The log ends earlier than it did, and that is meant.
            if copy.fingerprint != nil { try await store.audits.takeAsWhole() }
        }
    }
}

/// A file that is a store, and what is to be known about it.
private struct StoreCopy {
    let octets: Int
    let schemaVersion: Int
    /// Of the master key; nil for a store that has not seen one.
    let fingerprint: String?

    /// - Throws: `Refusal` for a file that is damaged, none of ours, or of a later version of this program.
    init(checking path: String, calling name: String? = nil) async throws {
        let name = name ?? path
        let database: SQLiteDatabase
        do { database = try SQLiteDatabase(path: path, readers: 1) } catch {
            throw Refusal(reason: "\(name) is no store: \(error.message)")
        }
        do {
            (schemaVersion, fingerprint) = try await database.closing { database in
                let problems = try await database.integrityProblems()
                guard problems.isEmpty else {
                    throw Refusal(reason: "\(name) is damaged: \(problems.prefix(3).joined(separator: "; "))")
                }
                let version = try await database.schemaVersion()
                let newest = Schema.migrations.count
                guard (1...newest).contains(version) else {
                    throw Refusal(
                        reason: version == 0
                            ? "\(name) is no store of Gatehouse."
                            : "\(name) has schema version \(version), this program knows \(newest): use a newer one.")
                }
                guard try await Self.tables(of: database) == Self.tables(ofVersion: version) else {
                    throw Refusal(
                        reason: "\(name) does not have the tables of schema version \(version), or has others.")
                }
                return (version, try await MasterKey.fingerprint(in: database))
            }
            // Looking made a log, which no place for backups that can only be read would take.
            try StoreFiles.requireAlone(path)
        } catch let error as StorageError {
            throw Refusal(reason: "\(name) is no sound store: \(error.message)")
        }
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        octets = size ?? 0
    }

    /// All tables, indices, views and triggers, as they were defined.
    private static func tables(of database: SQLiteDatabase) async throws -> [String] {
        try await database.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").map { row in
            "\(try row.text("type")) \(try row.text("name")) \(try row.optionalText("sql") ?? "")"
        }
    }

    private static func tables(ofVersion version: Int) async throws -> [String] {
        try await SQLiteDatabase.inMemory().closing { fresh in
            _ = try await fresh.migrate(Array(Schema.migrations.prefix(version)))
            return try await tables(of: fresh)
        }
    }

    /// - Throws: `Refusal` unless the key that the settings name is the one of this store.
    func requireKey(of settings: Settings) throws {
        guard let fingerprint else { return }
        let found: String
        do { found = try MasterKey.fingerprint(ofFileFor: settings) } catch { throw Refusal(reason: "\(error)") }
        guard found == fingerprint else {
            throw Refusal(
                reason: "The backup was sealed with the master key \(fingerprint), and the one here is \(found). "
                    + "Put the right one there, or say with --config where it is.")
        }
    }

    func tell(json: Bool, _ beginning: String) throws {
        if json {
            return try printJSON([
                "octets": .number(JSONNumber(Int64(octets))),
                "schema_version": .number(JSONNumber(Int64(schemaVersion))),
                "master_key_fingerprint": fingerprint.map(JSONValue.string) ?? .null,
            ])
        }
        let key = fingerprint.map { "sealed with the master key \($0), which is not in it" } ?? "without sealed secrets"
        try writeLine("\(beginning)\(octets) octets, schema version \(schemaVersion), \(key)")
    }
}
