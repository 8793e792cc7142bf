import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseStorage
import GatehouseTransfer
import Logging
import ServiceLifecycle
import UnixSignals
import WebTokens

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server.",
        usage: "gatehouse serve [--config <file>] [SETTINGS]",
        discussion: """
            Makes and migrates the store, then prints one line with its URL on standard output and serves until SIGTERM. \
            SIGHUP reads the certificates again. The log goes to standard error, a line of JSON each.

            SETTINGS:
            \(settingsHelp)

            Each can also be given in the environment (--public-url as GATEHOUSE_PUBLIC_URL) and in the file (public-url: …). \
            Flags win over the environment, the environment over the file. Names in the environment that other programs have for \
            a setting (AMPHO_SECURITY_…) count like our own; when both are there they must say the same.
            """)

    @Option(help: ArgumentHelp("A YAML file with settings.", valueName: "file"))
    var config: String?

    // The settings have one list (`Setting.all`); declaring them here again would make a second.
    @Argument(parsing: .allUnrecognized, help: .hidden)
    var settings: [String] = []

    private static var settingsHelp: String {
        Setting.all.map { setting in
            // On two lines: what is longer than the terminal is wide would be broken without its indentation.
            "  " + (setting.isSecret ? setting.environmentName : "--\(setting.name)")
                + (setting.isSwitch ? "" : " \(setting.value)") + "\n      \(setting.help)"
                + (setting.alias.map { "\n      also \($0) in the environment" } ?? "")
        }
        .joined(separator: "\n")
    }

    func run() async throws {
        let (flags, others, mistakes) = Self.flags(from: settings)
        let settings = try Settings.load(
            fromFlags: flags, config: config,
            mistakesBefore: others.map { "unexpected argument \"\($0)\"" } + mistakes)
        // Whoever reads the log may go; the server stays.
        _ = signal(SIGPIPE, SIG_IGN)
        var logger = Logger(label: "gatehouse") { LogLines(logLevel: settings.logLevel, label: $0) }
        logger.logLevel = settings.logLevel
        for name in Settings.unknownNames(in: ProcessInfo.processInfo.environment) {
            logger.warning("there is no such setting", metadata: ["name": .string(name)])
        }
        // Before anything is made: a mistake must leave nothing behind.
        let givenKey = try settings.givenKey()
        let certificates = try Self.certificates(settings)
        let delivery = try settings.givenMailDelivery()
        Self.raiseFileLimit(for: settings, logger)
        try await Store.with(settings) { store in
            let server = try await Self.server(on: store, givenKey, certificates, delivery, logger)
            let group = ServiceGroup(
                configuration: {
                    var configuration = ServiceGroupConfiguration(
                        services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
                    configuration.maximumGracefulShutdownDuration = .seconds(settings.shutdownGrace)
                    return configuration
                }())
            try await group.run()
            logger.notice("stopped")
        }
    }

    private static func server(
        on store: Store, _ givenKey: SigningKey?, _ certificates: Certificates?, _ delivery: MailDelivery?,
        _ logger: Logger
    ) async throws -> GatehouseServer {
        let settings = store.settings
        let masterKey = try await MasterKey.load(settings: settings, database: store.database)
        if let file = masterKey.madeFile {
            logger.notice(
                "made a master key; without it the secrets in the store are lost, so keep a copy elsewhere",
                metadata: ["file": .string(file)])
        }
        let signingKeys = SigningKeys(
            settings: settings, database: store.database, masterKey: masterKey.key, given: givenKey, clock: .system)
        if let made = try await signingKeys.prepare() {
            logger.notice("made a key that signs tokens", metadata: ["kid": .string(made)])
        }
        let features = Features(
            settings: settings, database: store.database, passwords: store.passwords, masterKey: masterKey.key,
            signingKeys: signingKeys, delivery: delivery, clock: .system)
        warn(about: settings, logger)
        for key in try await features.keys.list() where key.isWeak {
            logger.warning(
                "the secret of a key has fewer than 256 bits or is not random; `gatehouse key rotate` gives it a good one",
                metadata: ["key": .string(key.id)])
        }
        let setUpCode = try await features.setUp.makeCode()
        return GatehouseServer(
            settings: settings, features: features, database: store.database, certificates: certificates,
            clock: .system, logger: logger
        ) { url in
            // Not `print`, which keeps the line back when standard output is a pipe; whoever started us waits for it.
            try? FileHandle.standardOutput.write(contentsOf: Data("Gatehouse is ready at \(url)\n".utf8))
            if let setUpCode { offerSetUp(at: settings.publicURL ?? url, setUpCode) }
            releaseStartPages()
        }
    }

    /// On standard error, with the log, for whoever started the server: a person reads it, so it is no line of JSON.
    private static func offerSetUp(at url: String, _ code: String) {
        writeToStandardError(
            """
            gatehouse: there is no admin yet. Make one at \(url)/init, or with `gatehouse init --username EMAIL`.
            gatehouse: from elsewhere than this machine the page asks for the set-up code \(code)

            """)
    }

    private static func certificates(_ settings: Settings) throws -> Certificates? {
        do { return try settings.certificates() } catch {
            throw Refusal(reason: "--tls-cert, --tls-key: \(error)", exitCode: 2)
        }
    }

    /// A connection is an open file. Of these a process may often have 1024, but ask for more (getrlimit(2)).
    private static func raiseFileLimit(for settings: Settings, _ logger: Logger) {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        // The store, the log and what the machine's libraries open come on top.
        let wanted = rlim_t(settings.maximumConnections + 100)
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur < wanted else { return }
        logger.warning(
            "fewer files may be open than --maximum-connections needs; later connections wait",
            metadata: ["open": "\(limit.rlim_cur)", "needed": "\(wanted)"])
    }

    private static func warn(about settings: Settings, _ logger: Logger) {
        if settings.hasTestLimits { logger.warning("--test-limits: sign-ins and look-ups are hardly limited") }
        if settings.mailServer == nil {
            logger.warning("password reset by mail is off: there is no --mail-server")
        } else if settings.publicURL == nil {
            logger.warning("password reset by mail is off: without --public-url there is no link to send")
        }
        if settings.mailServer?.isLocal == false && settings.mailSecurity == SMTPServer.Security.none {
            logger.warning("--insecure-mail: passwords and reset links travel in clear")
        }
        #if DEBUG
        for fault in settings.faults.active.map(\.rawValue).sorted() {
            logger.warning("a check is left out on purpose", metadata: ["fault": .string(fault)])
        }
        #endif
        if settings.allowsInsecureHTTP && settings.tlsCertificates.isEmpty {
            logger.warning("--insecure-http: passwords and tokens travel in clear")
        }
    }

    /// `--name value`, `--name=value` and switches, by name, and what is none of these.
    static func flags(from words: [String]) -> (flags: [String: String], others: [String], mistakes: [String]) {
        var flags: [String: String] = [:]
        var others: [String] = []
        var mistakes: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else {
                others.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            let setting = Setting.all.first { $0.name == name }
            if let setting, setting.isSecret {
                // Others could read it there. The message must not show it either.
                mistakes.append(
                    "--\(name) is a secret and no argument; give \(setting.environmentName), or a file")
                if parts.count == 1, let next = rest.first, !next.hasPrefix("--") { rest.removeFirst() }
                continue
            }
            guard let setting else {
                mistakes.append("unknown option --\(name); see `gatehouse serve --help`")
                if let next = rest.first, !next.hasPrefix("--") { rest.removeFirst() }
                continue
            }
            if parts.count == 2 {
                flags[name] = String(parts[1])
            } else if setting.isSwitch {
                flags[name] = "true"
            } else if let value = rest.popFirst() {
                flags[name] = value
            } else {
                mistakes.append("--\(name) needs a value")
            }
        }
        return (flags, others, mistakes)
    }
}
