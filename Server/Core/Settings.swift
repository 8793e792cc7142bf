package import GatehouseDNS
package import GatehousePasswords
package import GatehouseTransfer
import HTTPTypes
package import Logging
package import WebTokens

/// Everything that an operator can choose, with its default. `Setting.all` says how each is given and checked; nothing else reads the environment.
package struct Settings: Sendable, CustomStringConvertible {
    package var database = "./gatehouse.db"
    package var masterKeyFile: String?
    package var signingKeyFile: String?
    package var signingKey: JWK?
    package var signingAlgorithm: JWSAlgorithm?
    /// Seconds.
    package var signingKeyLeadTime: Int64 = 3600
    /// Days; 0 is never.
    package var signingKeyRotation: Int64 = 0
    package var host = "127.0.0.1"
    package var port = 9096
    package var publicURL: String?
    package var tlsCertificates: [String] = []
    /// In the order of the certificates.
    package var tlsKeys: [String] = []
    package var allowsInsecureHTTP = false
    package var trustedProxies: [AddressBlock] = []
    package var allowedOrigins: [String] = []
    package var lookUpCacheControl = "no-cache"
    package var passwordPolicy = PasswordPolicy.default
    package var hashingThreads: Int?
    /// Seconds.
    package var tokenLifetime: Int64 = 900
    /// Days.
    package var sessionLifetime: Int64 = 30
    /// Minutes; nil when a session may idle as long as it lasts.
    package var sessionIdleTime: Int64?
    package var amphoPrefix = AmphoPrefix.default
    /// Seconds.
    package var amphoTokenLifetime: Int64 = 900
    /// Seconds.
    package var idmTokenLifetime: Int64 = 43_200
    /// Seconds.
    package var capTokenLifetime: Int64 = 300
    /// `aud` of link tokens; nil for the public URL with a slash.
    package var linkAudience: String?
    /// Whether whoever knows a link may read its token.
    package var hasPublicLinkTokens = false
    package var signInFailuresPerName = SignInLimits.asShipped.perName
    package var signInFailuresPerNetwork = SignInLimits.asShipped.perNetwork
    package var lookUpsPerMinute = 300
    /// Whether domains join by themselves.
    package var hasDomainProxy = false
    /// Nil for those of the system.
    package var dnsServers: [DNSServer]?
    package var domainClaimsPerNetwork = 5
    package var domainChecksPerMinute = 20
    package var signUpsPerHour = 10
    package var resetMailsPerHour: Int64 = 3
    package var resetRequestsPerMinute = 30
    /// Seconds that the time of a signature may differ from ours.
    package var signatureWindow: Int64 = 300
    /// What signatures have to cover on the pages for trying them out; nil for what they have to cover elsewhere.
    package var verifiedHeaders: [String]?
    package var hasHelloPages = true
    /// Signatures remembered at once.
    package var replayCapacity: Int64 = 1_000_000
    /// Where mail is handed over; nil when there is no mail.
    package var mailServer: MailServerURL?
    package var mailSecurity: SMTPServer.Security?
    package var mailUser: String?
    package var mailPassword: String?
    package var mailPasswordFile: String?
    package var mailCAFile: String?
    package var mailFrom: MailAddress?
    package var mailReplyTo: MailAddress?
    /// A folder.
    package var mailTemplates: String?
    package var allowsInsecureMail = false
    /// Days; 0 is for ever.
    package var auditRetention: Int64 = 0
    package var maximumConnections = 10_000
    /// Seconds.
    package var shutdownGrace: Int64 = 20
    package var logLevel = Logger.Level.info
    package var hasTestLimits = false
    package var faults = Faults()
    /// What the operator wrote for a setting, such as `GATEHOUSE_PORT`, by the setting's name.
    var origins: [String: String] = [:]

    package init() {}

    /// Nothing of them: the library that runs services logs what they are made of, and some settings are secrets.
    package var description: String { "Settings" }

    /// Whether a setting that is a secret was taken from the file.
    package func hasSecret(from file: String) -> Bool {
        Setting.all.contains { $0.isSecret && origins[$0.name] == Self.origin($0.name, file) }
    }

    static func origin(_ name: String, _ file: String) -> String { "\(name) in \(file)" }

    /// How a message names a setting: as the operator did.
    func spelling(of name: String) -> String { origins[name] ?? "--\(name)" }
}

/// One setting: `--name` on the command line, `GATEHOUSE_NAME` in the environment, `name:` in the file. A secret is none on
/// the command line, where others could read it.
package struct Setting: Sendable {
    package let name: String
    /// What stands for the value in the help; empty for a switch.
    package let value: String
    /// With unit and default.
    package let help: String
    /// What another program calls it in the environment; understood there beside our own name.
    package let alias: String?
    package let isSecret: Bool
    let apply: @Sendable (inout Settings, String) throws -> Void

    package var isSwitch: Bool { value.isEmpty }
    package var environmentName: String { "GATEHOUSE_" + name.uppercased().replacing("-", with: "_") }

    init(
        _ name: String, _ value: String, _ help: String, alias: String? = nil, isSecret: Bool = false,
        apply: @escaping @Sendable (inout Settings, String) throws -> Void
    ) {
        self.name = name
        self.value = value
        self.help = help
        self.alias = alias
        self.isSecret = isSecret
        self.apply = apply
    }
}

/// What is wrong with a value, in words that say what would be right.
struct InvalidSetting: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

// MARK: - The list

extension Setting {
    package static let all: [Setting] =
        [
            Setting("database", "FILE", "SQLite file, made when missing (./gatehouse.db)") { $0.database = $1 },
            Setting("master-key-file", "FILE", "key that seals secrets in the store, made when missing (DATABASE.key)")
            {
                $0.masterKeyFile = $1
            },
            Setting("signing-key-file", "FILE", "JWK that signs tokens (made by the server and kept in the store)") {
                $0.signingKeyFile = $1
            },
            Setting(
                "signing-key", "JWK", "the JWK itself, in the environment or the file, not as a flag",
                alias: "AMPHO_SECURITY_KEY", isSecret: true
            ) { settings, text in
                do {
                    let key = try JWK(parsing: Array(text.utf8))
                    _ = try SigningKey(key)
                    settings.signingKey = key
                } catch let error as JWKError {
                    throw InvalidSetting("is no key that can sign tokens. \(error)")
                }
            },
            Setting(
                "signing-algorithm", "NAME",
                "\(JWSAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")): what tokens are signed with (that of the key)",
                alias: "AMPHO_SECURITY_TOKEN_ALG"
            ) { settings, text in
                guard let algorithm = JWSAlgorithm(rawValue: text) else {
                    throw InvalidSetting(
                        "must be one of \(JWSAlgorithm.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                settings.signingAlgorithm = algorithm
            },
            Setting(
                "signing-key-lead-time", "SECONDS",
                "how long a new signing key is published before its first use (3600)"
            ) { settings, text in settings.signingKeyLeadTime = try wholeNumber(text, 0...2_592_000) },
            Setting(
                "signing-key-rotation", "DAYS",
                "how long a signing key is in use until the server makes another (0: never)"
            ) { settings, text in settings.signingKeyRotation = try wholeNumber(text, 0...3650) },
            Setting("host", "ADDRESS", "address to listen on (127.0.0.1)") { $0.host = $1 },
            Setting("port", "PORT", "port to listen on, 0 for any free one (9096)") { settings, text in
                settings.port = Int(try wholeNumber(text, 0...65535))
            },
            Setting("public-url", "URL", "where clients reach the server; issuer and audience of tokens (none)") {
                settings, text in settings.publicURL = try origin(text)
            },
            Setting(
                "tls-cert", "FILES",
                "certificate chain, PEM, or several, as a.pem,b.pem: each client gets the first that names the host it asks for, "
                    + "else the first; read again on SIGHUP"
            ) { settings, text in settings.tlsCertificates = try files(text) },
            Setting("tls-key", "FILES", "the private key of each, PEM, in the same order") { settings, text in
                settings.tlsKeys = try files(text)
            },
            Setting("insecure-http", "", "listen beyond this machine without TLS and without a trusted proxy") {
                settings, text in settings.allowsInsecureHTTP = try yesOrNo(text)
            },
            Setting(
                "trusted-proxies", "BLOCKS",
                "proxies that are believed about the client, the host (and with it the domain of CAP) and the scheme: X-Forwarded-For, -Host and -Proto, Forwarded; as 10.0.0.0/8,::1 (none)"
            ) { settings, text in
                settings.trustedProxies = try list(text).map { item throws in
                    guard let block = AddressBlock(item) else {
                        throw InvalidSetting("\"\(item)\" is no address or block such as 10.0.0.0/8")
                    }
                    return block
                }
            },
            Setting(
                "allowed-origins", "URLS", "origins whose pages may call the server, as https://a.test,https://b.test"
            ) {
                settings, text in
                settings.allowedOrigins = try list(text).map { item throws in
                    guard let origin = WebOrigin(item) else { throw InvalidSetting(WebOrigin.expectation) }
                    return origin.text
                }
            },
            Setting("lookup-cache-control", "TEXT", "Cache-Control of address look-ups (no-cache)") { settings, text in
                guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
                    throw InvalidSetting("must be printable ASCII")
                }
                settings.lookUpCacheControl = text
            },
            Setting("password-policy", "NAME", "\(PasswordPolicy.names.joined(separator: " or ")) (default)") {
                settings, text in
                guard let policy = PasswordPolicy(named: text) else {
                    throw InvalidSetting("must be one of \(PasswordPolicy.names.joined(separator: ", "))")
                }
                settings.passwordPolicy = policy
            },
            Setting("password-minimum-length", "N", "characters of a new password at least (8)") { settings, text in
                settings.passwordPolicy.minimumLength = Int(try wholeNumber(text, 1...1024))
            },
            Setting("hashing-threads", "N", "password hashes computed at once (one per core)") {
                settings, text in
                settings.hashingThreads = Int(try wholeNumber(text, 1...256))
            },
            Setting("token-lifetime", "SECONDS", "how long an access token is good for (900)") { settings, text in
                settings.tokenLifetime = try wholeNumber(text, 1...SigningKeys.longestLifetime)
            },
            Setting("session-lifetime", "DAYS", "how long a sign-in lasts at most (30)") { settings, text in
                settings.sessionLifetime = try wholeNumber(text, 1...3650)
            },
            Setting(
                "session-idle-time", "MINUTES",
                "how long a sign-in may go unused, 5 or more; 0 for as long as it lasts (0)"
            ) { settings, text in
                let minutes = try wholeNumber(text, 0...5_256_000)
                guard minutes == 0 || minutes >= 5 else { throw InvalidSetting("must be 0, or 5 or more") }
                settings.sessionIdleTime = minutes == 0 ? nil : minutes
            },
            Setting(
                "ampho-prefix", "PATH", "where the Ampho door has login and renew (/api/security)",
                alias: "AMPHO_SECURITY_REST_PREFIX"
            ) { settings, text in settings.amphoPrefix = try AmphoPrefix(text) },
            Setting(
                "ampho-token-lifetime", "SECONDS", "how long an access token of the Ampho door is good for (900)",
                alias: "AMPHO_SECURITY_TOKEN_TTL"
            ) { settings, text in settings.amphoTokenLifetime = try wholeNumber(text, 1...SigningKeys.longestLifetime)
            },
            Setting("cap-token-lifetime", "SECONDS", "how long an access token of CAP is good for (300)") {
                settings, text in
                settings.capTokenLifetime = try wholeNumber(text, 1...SigningKeys.longestLifetime)
            },
            Setting("idm-token-lifetime", "SECONDS", "how long an access token of /auth is good for (43200)") {
                settings, text in
                settings.idmTokenLifetime = try wholeNumber(text, 1...SigningKeys.longestLifetime)
            },
            Setting("link-audience", "TEXT", "audience of link tokens (the public URL with a slash at its end)") {
                settings, text in
                guard (try? Audience(text)) != nil else {
                    throw InvalidSetting("must have 1 to 256 characters, none of them a space")
                }
                settings.linkAudience = text
            },
            Setting("public-link-tokens", "", "link tokens are for whoever knows the link, not for staff alone") {
                settings, text in settings.hasPublicLinkTokens = try yesOrNo(text)
            },
            Setting("sign-in-failures-per-name", "N", "failed sign-ins of one name in 15 minutes (10)") {
                settings, text in settings.signInFailuresPerName = try wholeNumber(text, 1...1_000_000)
            },
            Setting("sign-in-failures-per-network", "N", "failed sign-ins from one network in 15 minutes (100)") {
                settings, text in settings.signInFailuresPerNetwork = try wholeNumber(text, 1...1_000_000)
            },
            Setting("lookups-per-minute", "N", "look-ups of unknown aliases from one network in a minute (300)") {
                settings, text in settings.lookUpsPerMinute = Int(try wholeNumber(text, 1...1_000_000_000))
            },
            Setting("domain-proxy", "", "domains join by themselves: who controls their DNS is their owner here") {
                settings, text in settings.hasDomainProxy = try yesOrNo(text)
            },
            Setting(
                "dns-servers", "ADDRESSES",
                "name servers to ask, as 192.0.2.1 or [2001:db8::1]:5353, separated by commas (those of the system)"
            ) { settings, text in
                settings.dnsServers = try list(text).map { item throws in
                    guard let server = DNSServer(item) else {
                        throw InvalidSetting(
                            "\"\(item)\" is no name server: give an IP address such as 192.0.2.1 or [::1]:5353")
                    }
                    return server
                }
            },
            Setting("domain-claims-per-network", "N", "open claims of domains from one network (5)") { settings, text in
                settings.domainClaimsPerNetwork = Int(try wholeNumber(text, 1...1_000_000))
            },
            Setting(
                "domain-checks-per-minute", "N",
                "look-ups in DNS for claims of domains from one network in a minute (20)"
            ) { settings, text in settings.domainChecksPerMinute = Int(try wholeNumber(text, 1...1_000_000_000))
            },
            Setting(
                "sign-ups-per-hour", "N",
                "aliases that strangers make from one network in an hour, in domains where everybody may (10)"
            ) { settings, text in settings.signUpsPerHour = Int(try wholeNumber(text, 1...1_000_000_000)) },
            Setting(
                "reset-mails-per-hour", "N", "mails with a link to reset the password of one account in an hour (3)"
            ) { settings, text in settings.resetMailsPerHour = try wholeNumber(text, 1...1_000_000)
            },
            Setting("reset-requests-per-minute", "N", "such links asked for from one network in a minute (30)") {
                settings, text in settings.resetRequestsPerMinute = Int(try wholeNumber(text, 1...1_000_000_000))
            },
            Setting(
                "signature-window", "SECONDS", "how far the time of a signature may be from the server's (300)"
            ) { settings, text in settings.signatureWindow = try wholeNumber(text, 1...3600) },
            Setting(
                "replay-capacity", "N", "signatures that are remembered so that each counts once (1000000)"
            ) { settings, text in settings.replayCapacity = try wholeNumber(text, 1000...1_000_000_000) },
            Setting(
                "cavage-verified-headers", "NAMES",
                "what signatures must cover on /hello_…, as (request-target),host,date (as everywhere)",
                alias: "CAVAGE_VERIFIED_HEADERS"
            ) { settings, text in settings.verifiedHeaders = try headerNames(text) },
            Setting("no-hello", "", "without /hello_world, /hello_world_private and /hello_someone") { settings, text in
                settings.hasHelloPages = try !yesOrNo(text)
            },
            Setting(
                "mail-server", "URL",
                "where mail is handed over: smtp://HOST[:587] or smtps://HOST[:465] (none: no mail is sent)"
            ) { settings, text in settings.mailServer = try MailServerURL(text) },
            Setting(
                "mail-tls", "HOW",
                "starttls, tls or none: how mail is protected on its way there (starttls with smtp, tls with smtps)"
            ) { settings, text in
                guard let security = SMTPServer.Security(rawValue: text) else {
                    throw InvalidSetting("must be starttls, tls or none")
                }
                settings.mailSecurity = security
            },
            Setting("insecure-mail", "", "--mail-tls none with a mail server beyond this machine") { settings, text in
                settings.allowsInsecureMail = try yesOrNo(text)
            },
            Setting("mail-ca-file", "FILE", "certificates to trust for the mail server, PEM (those of the system)") {
                $0.mailCAFile = $1
            },
            Setting("mail-user", "NAME", "user name at the mail server (none: no sign-in)") { settings, text in
                settings.mailUser = text
            },
            Setting("mail-password-file", "FILE", "file whose first line is the password at the mail server") {
                $0.mailPasswordFile = $1
            },
            Setting(
                "mail-password", "TEXT", "the password itself, in the environment or the file, not as a flag",
                isSecret: true
            ) { settings, text in settings.mailPassword = text },
            Setting("mail-from", "ADDRESS", "sender of mail, as no-reply@id.example.org or 'Study <study@example.org>'")
            {
                settings, text in settings.mailFrom = try mailAddress(text)
            },
            Setting("mail-reply-to", "ADDRESS", "where answers to mail go (to its sender)") { settings, text in
                settings.mailReplyTo = try mailAddress(text)
            },
            Setting("mail-templates", "FOLDER", "files that replace the texts of mails (none; see Docs/Mail.md)") {
                $0.mailTemplates = $1
            },
            Setting(
                "audit-retention", "DAYS",
                "how long events stay in the audit log and in the audits of subjects, 30 or more; 0 for ever (0)"
            ) { settings, text in
                let days = try wholeNumber(text, 0...36_500)
                // Whoever gets in and shortens it must not get rid of what they did before somebody looks.
                guard days == 0 || days >= 30 else { throw InvalidSetting("must be 0, or 30 or more") }
                settings.auditRetention = days
            },
            Setting("maximum-connections", "N", "connections open at once (10000)") { settings, text in
                settings.maximumConnections = Int(try wholeNumber(text, 1...1_000_000))
            },
            Setting("shutdown-grace", "SECONDS", "how long SIGTERM waits for requests in flight (20)") {
                settings, text in
                settings.shutdownGrace = try wholeNumber(text, 0...3600)
            },
            Setting("log-level", "LEVEL", "trace, debug, info, notice, warning, error or critical (info)") {
                settings, text in
                guard let level = Logger.Level(rawValue: text) else {
                    throw InvalidSetting("must be trace, debug, info, notice, warning, error or critical")
                }
                settings.logLevel = level
            },
            Setting(
                "test-limits", "",
                "wide limits on sign-ins and look-ups, short pauses between attempts at a mail, for running test suites"
            ) {
                settings, text in
                settings.hasTestLimits = try yesOrNo(text)
                guard settings.hasTestLimits else { return }
                settings.signInFailuresPerName = 1_000_000
                settings.signInFailuresPerNetwork = 1_000_000
                settings.lookUpsPerMinute = 1_000_000_000
                settings.domainClaimsPerNetwork = 1_000_000
                settings.domainChecksPerMinute = 1_000_000_000
                settings.signUpsPerHour = 1_000_000_000
                settings.resetMailsPerHour = 1_000_000
                settings.resetRequestsPerMinute = 1_000_000_000
            },
        ] + faults

    #if DEBUG
    private static let faults = [
        Setting("fault", "NAMES", "leave out checks, to test a test suite (debug builds only)") { settings, text in
            settings.faults = Faults(
                Set(
                    try list(text).map { item throws in
                        guard let fault = Faults.Fault(rawValue: item) else {
                            throw InvalidSetting(
                                "must be among \(Faults.Fault.allCases.map(\.rawValue).joined(separator: ", "))")
                        }
                        return fault
                    }))
        }
    ]
    #else
    private static let faults: [Setting] = []
    #endif
}

// MARK: - Checks of values

private func wholeNumber(_ text: String, _ range: ClosedRange<Int64>) throws -> Int64 {
    guard let number = Int64(text), range.contains(number) else {
        throw InvalidSetting("must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
}

private func yesOrNo(_ text: String) throws -> Bool {
    switch text.lowercased() {
    case "true", "yes", "1": return true
    case "false", "no", "0": return false
    default: throw InvalidSetting("must be true or false")
    }
}

private func list(_ text: String) -> [String] {
    text.split(separator: ",").map { String($0.trimmingSpaces()) }.filter { !$0.isEmpty }
}

/// One or more, with commas between.
private func files(_ text: String) throws -> [String] {
    let files = list(text)
    guard !files.isEmpty else { throw InvalidSetting("must name a file") }
    return files
}

private func mailAddress(_ text: String) throws -> MailAddress {
    do { return try MailAddress(text) } catch {
        throw InvalidSetting("must be a mail address such as no-reply@id.example.org. \(error.description)")
    }
}

/// With commas or spaces between.
private func headerNames(_ text: String) throws -> [String] {
    let names = text.split { $0 == "," || $0 == " " }.map(String.init)
    let isName = { (name: String) in
        ["(request-target)", "request-target", "(created)", "(expires)"].contains(name.lowercased())
            || HTTPField.Name(name) != nil
    }
    guard !names.isEmpty, names.allSatisfy(isName) else {
        throw InvalidSetting("must be names of header fields or (request-target), with commas between")
    }
    return names
}

/// `https://host[:port]`, without a path; in the case and with the port that was given.
private func origin(_ text: String) throws -> String {
    guard WebOrigin(text) != nil else { throw InvalidSetting(WebOrigin.expectation) }
    return text.hasSuffix("/") ? String(text.dropLast()) : text
}
