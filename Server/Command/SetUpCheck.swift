import CGatehouseClock
import Foundation
import GatehouseCore
import GatehouseDNS
import GatehouseJSON
import GatehouseSQLite
import GatehouseStorage
import GatehouseTransfer
import HTTPSignatures
import HTTPTypes

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Looks at a set-up from where the server runs. Changes nothing.
struct SetUpCheck {
    let settings: Settings
    let configFile: String?

    private static let leastFree: Int64 = 1 << 30
    private static let leastDays = 14
    /// Seconds that the clock may be off: half of what a signature may.
    private static let mostSkew: Int64 = 150

    func findings() async -> [Finding] {
        var all = files() + disk()
        all += await store()
        all += tls()
        all += await publicURL()
        all += proxies()
        all += [clock(), await mail()] + (await dns())
        return all
    }

    // MARK: Files

    private func files() -> [Finding] {
        var found = user()
        found.append(permissions("store", settings.database, isSecret: true))
        found.append(
            permissions("master key", settings.masterKeyFile ?? settings.database + ".key", isSecret: true))
        if let configFile {
            found.append(permissions("settings", configFile, isSecret: settings.hasSecret(from: configFile)))
        }
        if let file = settings.signingKeyFile { found.append(permissions("signing key", file, isSecret: true)) }
        if let file = settings.mailPasswordFile { found.append(permissions("mail password", file, isSecret: true)) }
        for file in settings.tlsKeys { found.append(permissions("TLS key", file, isSecret: true)) }
        return found
    }

    /// Root may read and write everything, so what it sees says little about the user who runs the server.
    private func user() -> [Finding] {
        var status = stat()
        guard geteuid() == 0, unsafe stat(settings.database, &status) == 0, status.st_uid != 0 else { return [] }
        return [
            .note("user", "root may read everything; run this as \(Self.owner(settings.database)), who has the store")
        ]
    }

    /// Whether the file can be read by whom it should and by nobody else.
    private func permissions(_ subject: String, _ path: String, isSecret: Bool) -> Finding {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            let isMade = subject == "store" || subject == "master key"
            return .wrong(
                subject,
                "\(path): \(Self.reason()). "
                    + (isMade
                        ? "The server makes it at its first start, or name another." : "Put it there, or name another.")
            )
        }
        guard unsafe access(path, R_OK) == 0 else {
            let reason = Self.reason()
            return .wrong(
                subject,
                "\(path) belongs to \(Self.owner(path)) and cannot be read by \(NSUserName()), who runs this: \(reason)"
            )
        }
        let mode = String(status.st_mode & 0o777, radix: 8)
        // TLS keys often belong to a group of their own.
        let forbidden: mode_t = subject == "TLS key" ? 0o007 : 0o077
        if isSecret, status.st_mode & forbidden != 0 {
            return .wrong(subject, "\(path) has mode \(mode), so others can read it; chmod 600 \(path)")
        }
        var folder = stat()
        let parent = URL(filePath: path).deletingLastPathComponent().path
        if unsafe stat(parent, &folder) == 0, folder.st_mode & 0o002 != 0, folder.st_mode & 0o1000 == 0 {
            return .wrong(
                subject, "anybody can replace \(path), since \(parent) can be written by all; chmod o-w \(parent)")
        }
        return .ok(subject, "\(path), mode \(mode)")
    }

    private func disk() -> [Finding] {
        var status = statvfs()
        let folder = URL(filePath: settings.database).deletingLastPathComponent().path
        guard unsafe statvfs(folder, &status) == 0 else {
            return [.wrong("disk", "\(folder): \(Self.reason())")]
        }
        guard unsafe access(folder, W_OK | X_OK) == 0 else {
            let reason = Self.reason()
            return [
                .wrong(
                    "store",
                    "\(folder) belongs to \(Self.owner(folder)), and \(NSUserName()), who runs this command, can make no files in it, "
                        + "as every change of the store needs: \(reason)")
            ]
        }
        let free = Int64(status.f_bavail) * Int64(status.f_frsize)
        let words = "\(free / 1_000_000) MB free in \(folder)"
        return [free < Self.leastFree ? .wrong("disk", "\(words); a full disk stops every change") : .ok("disk", words)]
    }

    private static func owner(_ path: String) -> String {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return attributes?[.ownerAccountName] as? String ?? "somebody else"
    }

    private static func reason() -> String { unsafe String(cString: strerror(errno)) }

    // MARK: Store

    private func store() async -> [Finding] {
        guard FileManager.default.fileExists(atPath: settings.database) else { return [] }
        let database: SQLiteDatabase
        do { database = try SQLiteDatabase(path: settings.database, readers: 1) } catch {
            return [.wrong("store", "\(settings.database): \(error.message)")]
        }
        return await database.closing { await findings(in: $0) }
    }

    private func findings(in database: SQLiteDatabase) async -> [Finding] {
        do {
            let version = try await database.schemaVersion()
            let newest = Schema.migrations.count
            guard version <= newest else {
                return [
                    .wrong("store", "it has schema version \(version), this program knows \(newest): use a newer one")
                ]
            }
            var found: [Finding] = []
            found.append(
                version == newest
                    ? .ok("store", "schema version \(version)")
                    : .note("store", "schema version \(version); the server makes it \(newest) when it starts"))
            guard version == newest else { return found }
            let known = try await MasterKey.fingerprint(in: database)
            if let known {
                do {
                    let here = try MasterKey.fingerprint(ofFileFor: settings)
                    found.append(
                        here == known
                            ? .ok("master key", "\(here), with which the store is sealed")
                            : .wrong(
                                "master key", "it is \(here), but the store is sealed with \(known); put that one there"
                            ))
                } catch { found.append(.wrong("master key", "\(error)")) }
            }
            let admins = try await database.rows(
                """
                SELECT COUNT(*) AS admins FROM account_roles r JOIN accounts a ON a.id = r.account_id
                WHERE r.role = \(Role.admin.rawValue) AND a.disabled_at IS NULL
                """)[0].integer("admins")
            found.append(
                admins > 0
                    ? .ok("admins", "\(admins) can sign in")
                    : .wrong("admins", "there is none; make one with `gatehouse init --username EMAIL`"))
            let newestEvent = try await database.rows("SELECT MAX(at) AS at FROM audit_events")[0].optionalInteger("at")
            found += try await uncoveredHosts(in: database)
            if let newestEvent, newestEvent > Clock.system.now() + Self.mostSkew * .microsecondsPerSecond {
                found.append(
                    .wrong("clock", "it was set back: the audit log has an event of \(RFC3339.text(newestEvent))"))
            }
            return found
        } catch {
            return [.wrong("store", "\((error as? StorageError)?.message ?? "\(error)")")]
        }
    }

    /// Whom the server would turn away. Often that is as it should be: a domain's own name may lead elsewhere.
    private func uncoveredHosts(in database: SQLiteDatabase) async throws -> [Finding] {
        // A broken certificate is reported where it belongs.
        guard let certificates = try? settings.certificates() else { return [] }
        let hosts = try await database.rows("SELECT host FROM domain_hosts ORDER BY host")
            .map { try $0.text("host") }.filter { !certificates.cover(host: $0) }
        guard !hosts.isEmpty else { return [] }
        let more = hosts.count > 10 ? " and \(hosts.count - 10) more" : ""
        return [
            .note(
                "TLS",
                "no certificate names \(hosts.prefix(10).joined(separator: ", "))\(more), of domains that are hosted here: "
                    + "clients that come by such a name are turned away")
        ]
    }

    // MARK: As clients see it

    private var publicHost: String? { settings.publicURL.flatMap { URL(string: $0)?.host() } }

    private func tls() -> [Finding] {
        do {
            guard let certificates = try settings.certificates() else { return [] }
            var found = certificates.daysLeft.map { file, days in
                guard let days else { return Finding.wrong("TLS", "the certificate in \(file) has no end") }
                let words = "the certificate in \(file) " + (days < 0 ? "has ended" : "ends in \(days) days")
                return days < Self.leastDays
                    ? .wrong("TLS", "\(words); put a new one there and send the server SIGHUP") : .ok("TLS", words)
            }
            if let host = publicHost, !certificates.cover(host: host) {
                found.append(.wrong("TLS", "no certificate names \(host), the host of the public URL"))
            }
            return found
        } catch { return [.wrong("TLS", "\(error)")] }
    }

    private func publicURL() async -> [Finding] {
        guard let url = settings.publicURL else {
            return [
                .wrong(
                    "public URL",
                    "there is none, so no reset mail is sent and tokens say \"gatehouse\"; give --public-url")
            ]
        }
        var found: [Finding] = []
        let isHere = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(publicHost ?? "")
        if !url.hasPrefix("https://"), !isHere {
            found.append(.wrong("public URL", "\(url) is not https, so passwords travel in clear"))
        }
        do {
            var request = TransferRequest(method: .get, url: url + "/.well-known/jwks.json")
            request.timeout = .seconds(10)
            let before = Clock.system.now().unixSeconds
            let answer = try await CurlTransport().send(request)
            guard answer.status == 200, let keys = try? JSONValue(parsing: answer.body)["keys"]?.array else {
                return found + [.wrong("public URL", "\(url) answers \(answer.status), and not as Gatehouse does")]
            }
            found.append(.ok("public URL", "\(url) leads to a Gatehouse that publishes \(keys.count) keys"))
            if let date = answer.headers.first(where: { $0.name.lowercased() == "date" })?.value,
                let skew = HTTPDate.unixSeconds(date).map({ $0 - before }), abs(skew) > Self.mostSkew
            {
                found.append(.wrong("clock", "the server at \(url) is \(skew) seconds apart from here"))
            }
        } catch {
            found.append(
                .wrong(
                    "public URL", "\(url) cannot be reached from here: \(error). Is the server running, and the proxy?")
            )
        }
        return found
    }

    private func proxies() -> [Finding] {
        let isBehindProxy = settings.publicURL?.hasPrefix("https://") == true && settings.tlsCertificates.isEmpty
        if settings.trustedProxies.isEmpty {
            return isBehindProxy
                ? [
                    .wrong(
                        "proxy",
                        "the public URL is https and the server has no certificate, so there is a proxy in front; name it "
                            + "with --trusted-proxies, or all clients are one network, which one attacker shuts out")
                ] : []
        }
        let broad = settings.trustedProxies.filter(\.isBroad)
        return [
            broad.isEmpty
                ? .ok("proxy", "\(settings.trustedProxies.count) blocks of addresses are trusted")
                : .wrong(
                    "proxy",
                    "--trusted-proxies believes whole networks of strangers what they say about their address; name the proxy alone"
                )
        ]
    }

    // MARK: Clock and mail

    private func clock() -> Finding {
        switch gatehouse_clock_is_kept() {
        case 1: .ok("clock", "it is kept right")
        case 0: .note("clock", "nobody keeps it right, as far as the kernel knows; see `timedatectl`")
        default: .note("clock", "the kernel does not say whether it is kept right")
        }
    }

    private func mail() async -> Finding {
        do {
            guard let delivery = try settings.mailDelivery() else {
                return .note("mail", "it is off, so nobody can reset a password; give --mail-server and --mail-from")
            }
            do {
                try await delivery.probe(timeout: .seconds(15))
                return .ok("mail", "\(delivery.server.authority) would take mail")
            } catch {
                return .wrong(
                    "mail", "\(delivery.server.authority): \(error.cause.message); try `gatehouse mail test ADDRESS`")
            }
        } catch { return .wrong("mail", error.mistakes.joined(separator: "; ")) }
    }

    /// Whether name servers answer, where domains join by themselves.
    private func dns() async -> [Finding] {
        guard settings.hasDomainProxy else { return [] }
        // Whatever it says of a name that is reserved (RFC 2606 §3): that it says anything is enough.
        do { _ = try await DNSClient(servers: settings.dnsServers).texts(of: "example.com") } catch {
            guard error.isCertain else {
                return [.wrong("DNS", "\(error) Domains cannot be verified; see --dns-servers")]
            }
        }
        return [.ok("DNS", "name servers answer")]
    }
}
