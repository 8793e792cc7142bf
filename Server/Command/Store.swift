import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import WebTokens

/// The options of every command that works on the store, also beside a running server.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The SQLite file. (default: GATEHOUSE_DATABASE in the environment, else ./gatehouse.db)", valueName: "file")
    )
    var database: String?

    @Option(help: ArgumentHelp("A YAML file with settings.", valueName: "file"))
    var config: String?

    func settings() throws -> Settings {
        var flags: [String: String] = [:]
        flags["database"] = database
        return try Settings.load(fromFlags: flags, config: config)
    }

    /// Opens and migrates the store for the time of `body`.
    ///
    /// - Parameters:
    ///   - makesStore: whether a store that is not there is made; otherwise its name is more likely mistyped.
    ///   - sealsAudits: whether what is unsealed in the audit log gets its place afterwards.
    ///   - options: how the file is used.
    func withStore<T>(
        makesStore: Bool = false, sealsAudits: Bool = true, options: SQLiteOptions = SQLiteOptions(),
        _ body: (Store) async throws -> T
    ) async throws -> T {
        let settings = try settings()
        guard makesStore || FileManager.default.fileExists(atPath: settings.database) else {
            throw Refusal(
                reason: "There is no store \(settings.database). Name it with --database; the first `gatehouse serve`, "
                    + "`init`, `user add`, `domain add` or `import` makes one.")
        }
        return try await Store.with(settings, options) { store in
            let result = try await body(store)
            if sealsAudits { await store.sealAudits() }
            return result
        }
    }
}

extension Settings {
    /// `--config` or `GATEHOUSE_CONFIG` names the file.
    ///
    /// - Throws: `Refusal` with everything that is wrong, `mistakesBefore` included.
    static func load(
        fromFlags flags: [String: String], config: String?, mistakesBefore: [String] = []
    ) throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        do {
            return try load(
                flags: flags, environment: environment, file: config ?? environment["GATEHOUSE_CONFIG"],
                mistakes: mistakesBefore)
        } catch let found as SettingsMistakes {
            throw Refusal(found)
        }
    }

    /// How the settings want mail to leave, if they do.
    func givenMailDelivery() throws -> MailDelivery? {
        do { return try mailDelivery() } catch { throw Refusal(error) }
    }

    /// The key that the settings give for signing tokens, if they do.
    func givenKey() throws -> SigningKey? {
        do { return try givenSigningKey() } catch let found as SettingsMistakes { throw Refusal(found) }
    }
}

extension Refusal {
    init(_ found: SettingsMistakes) {
        self.init(reason: found.mistakes.joined(separator: "\ngatehouse: "), exitCode: 2)
    }
}

extension Clock {
    /// The machine's clock. Nothing outside the command reads it.
    static let system = Clock { Int64(Date.now.timeIntervalSince1970 * 1_000_000) }
}

/// The store with the rules that a command needs.
struct Store {
    let settings: Settings
    let database: SQLiteDatabase
    let passwords: PasswordHasher

    var accounts: Accounts {
        Accounts(database: database, passwords: passwords, policy: settings.passwordPolicy, clock: .system)
    }
    var setUp: SetUp {
        SetUp(database: database, accounts: accounts, clock: .system, faults: settings.faults)
    }
    var domains: Domains { Domains(database: database, passwords: passwords, clock: .system) }

    var signingKeys: SigningKeys {
        get async throws {
            SigningKeys(
                settings: settings, database: database, masterKey: try await masterKey(),
                given: try settings.givenKey(), clock: .system)
        }
    }
    var keys: APIKeys {
        get async throws { APIKeys(database: database, masterKey: try await masterKey(), clock: .system) }
    }

    var audits: AuditChain {
        get async throws {
            guard try await MasterKey.isMade(database) else {
                throw Refusal(
                    reason: "No event of this store has its place in the log yet; the first `gatehouse serve` gives it."
                )
            }
            return AuditChain(database, at: settings.database, masterKey: try await masterKey(), clock: .system)
        }
    }

    /// Gives what the command wrote into the audit log its place, also without a running server. The change is made already;
    /// what goes wrong here the next server mends.
    fileprivate func sealAudits() async {
        do {
            // The first server of a store makes the key, and says so in its log.
            guard try await MasterKey.isMade(database) else { return }
            let audits = try await audits
            guard try await audits.hasUnsealed() else { return }
            if case .unfit(let finding) = try await audits.seal() {
                writeToStandardError("gatehouse: the audit log is not as it was left: \(finding)\n")
            }
        } catch {
            writeToStandardError("gatehouse: the audit log is not sealed yet; the next server does it: \(error)\n")
        }
    }

    /// Makes one for a store that has none.
    func masterKey() async throws -> SealingKey {
        let masterKey = try await MasterKey.load(settings: settings, database: database)
        if let file = masterKey.madeFile {
            writeToStandardError("gatehouse: made the master key \(file); keep a copy of it elsewhere\n")
        }
        return masterKey.key
    }

    static func with<T>(
        _ settings: Settings, _ options: SQLiteOptions = SQLiteOptions(), _ body: (Store) async throws -> T
    ) async throws -> T {
        let database = try SQLiteDatabase(path: settings.database, options: options)
        // A suite signs in more at once than the machine may hash in the time that a person waits.
        let passwords = PasswordHasher(
            concurrency: settings.hashingThreads, maximumWait: settings.hasTestLimits ? .seconds(30) : .seconds(2))
        return try await database.closing { database in
            _ = try await database.migrate(Schema.migrations)
            return try await body(Store(settings: settings, database: database, passwords: passwords))
        }
    }
}
