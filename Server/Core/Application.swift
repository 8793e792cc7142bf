import Foundation
import GatehouseCryptography
package import GatehouseStorage
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The server as one service: everything built by hand, in order.
package struct GatehouseServer: Service {
    let settings: Settings
    let features: Features
    let routes: RouteTable
    let database: any Database
    let certificates: Certificates?
    let clock: Clock
    let limits: ConnectionLimits
    let logger: Logger
    /// Called with the URL when the server answers.
    let onReady: @Sendable (String) async -> Void

    /// - Parameter routes: others than the product's, for benchmarks.
    package init(
        settings: Settings, features: Features, routes: RouteTable? = nil, database: any Database,
        certificates: Certificates?, clock: Clock,
        limits: ConnectionLimits = ConnectionLimits(), logger: Logger,
        onReady: @escaping @Sendable (String) async -> Void
    ) {
        self.settings = settings
        self.features = features
        self.routes = routes ?? RouteTable(features)
        self.database = database
        self.clock = clock
        self.limits = limits
        self.logger = logger
        self.onReady = onReady
        self.certificates = certificates
    }

    /// Runs until the group is shut down: no new connections from then on, requests in flight are finished.
    package func run() async throws {
        let limits = limits
        let doors = Doors(ampho: settings.amphoPrefix, hosted: features.hosted)
        let responder = Responder(
            routes: routes, doors: doors, limits: limits,
            proxies: TrustedProxies(settings.trustedProxies),
            allowedOrigins: Set(settings.allowedOrigins), hosted: features.hosted,
            makeRequestID: SystemRandom.identifier,
            isSecure: certificates != nil)
        let scheme = certificates == nil ? "http" : "https"
        let certificates = certificates
        let application = Hummingbird.Application(
            responder: responder,
            server: HTTPServerBuilder { responder in
                ConnectionChannel(responder: responder, doors: doors, limits: limits, certificates: certificates)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: MaximumAvailableConnections(settings.maximumConnections, logger: logger)),
            services: [
                Housekeeping(
                    database: database, limits: features.limits, sessions: features.sessions,
                    signingKeys: features.signingKeys, keys: features.keys,
                    accepted: features.accepted, passwordReset: features.passwordReset,
                    domainProxy: features.domainProxy,
                    audits: features.audits,
                    auditRetention: settings.auditRetention, clock: clock, logger: logger),
                DomainChecking(proxy: features.domainProxy, logger: logger),
                ResetRequests(passwordReset: features.passwordReset, logger: logger),
                AuditSealing(chain: features.audits, logger: logger),
                Uses(sessions: features.sessions, keys: features.keys, logger: logger),
                MailSender(
                    outbox: features.outbox, delivery: features.delivery, database: database,
                    pace: settings.hasTestLimits ? .forTests : .asShipped, clock: clock, logger: logger),
                CertificateReload(certificates: certificates, logger: logger),
            ],
            onServerRunning: { [settings, onReady] channel in
                let port = channel.localAddress?.port ?? settings.port
                let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
                await onReady("\(scheme)://\(host):\(port)")
            },
            logger: logger)
        do { try await application.run() } catch let error as IOError {
            // Nothing else of the server's own does input or output that ends it.
            throw ListenError(host: settings.host, port: settings.port, code: error.errnoCode)
        } catch is SocketAddressError.UnknownHost {
            throw ListenError(host: settings.host, port: settings.port, code: nil)
        }
    }
}

/// Why the server cannot be reached where it was told to listen.
package struct ListenError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    /// `errno`; nil when the host was not found.
    let code: Int32?

    package var description: String {
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        guard let code else { return "Cannot listen on \(address): there is no such host." }
        let reason = unsafe String(cString: strerror(code))
        let advice =
            switch code {
            case EADDRINUSE: " Another server may be running there; stop it, or choose another port with --port."
            case EACCES: " Ports below 1024 need a privilege; choose another with --port."
            case EADDRNOTAVAIL: " Choose an address of this machine with --host."
            default: ""
            }
        return "Cannot listen on \(address): \(reason).\(advice)"
    }
}

/// Reads certificates and keys again on SIGHUP. Without TLS there is nothing to read, but the signal must not end the server.
struct CertificateReload: Service {
    let certificates: Certificates?
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            guard let certificates else { continue }
            do {
                try certificates.reload()
                logger.notice("certificates reloaded")
            } catch {
                logger.error("certificates not reloaded; those before stay", metadata: ["error": "\(error)"])
            }
        }
    }
}

/// Answers requests for reset links soon after they came, and looks every half minute for those that a process left when it
/// ended.
struct ResetRequests: Service {
    let passwordReset: PasswordReset
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled {
                        passwordReset.bell.tick()
                        do { try await Task.sleep(for: .seconds(30)) } catch { return }
                    }
                }
                for await _ in passwordReset.bell.strokes {
                    // Not at once: a mail takes some writes, and whoever sends the next request would find it delayed by them.
                    do { try await Task.sleep(for: .milliseconds(.random(in: 50...500))) } catch { break }
                    do { try await passwordReset.answerRequests() } catch {
                        logger.warning(
                            "requests for reset links not answered; tried again soon", metadata: ["error": "\(error)"])
                    }
                }
                group.cancelAll()
            }
        }
    }
}

/// Writes down every few seconds which sessions and keys have been used, and once more when the server stops.
struct Uses: Service {
    let sessions: Sessions
    let keys: APIKeys
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await Task.sleep(for: .seconds(10)) } catch { return }
                await record()
            }
        }
        await record()
    }

    private func record() async {
        do {
            try await sessions.recordUses()
            try await keys.recordUses()
        } catch {
            logger.warning("uses of sessions and keys not written; tried again soon", metadata: ["error": "\(error)"])
        }
    }
}

/// Deletes what is over, sessions that have expired or idled, failures and signatures that are forgotten, and moves signing keys on.
struct Housekeeping: Service {
    let database: any Database
    let limits: SignInLimits
    let sessions: Sessions
    let signingKeys: SigningKeys
    let keys: APIKeys
    let accepted: AcceptedSignatures
    let passwordReset: PasswordReset
    let domainProxy: DomainProxy
    let audits: AuditChain
    /// Days; 0 is for ever.
    let auditRetention: Int64
    let clock: Clock
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await tidy() } catch is CancellationError { return } catch {
                    logger.warning("tidying failed; tried again in a minute", metadata: ["error": "\(error)"])
                }
                do { try await Task.sleep(for: .seconds(60)) } catch { return }
            }
        }
    }

    func tidy() async throws {
        let now = clock.now()
        try await database.transaction { sql in
            try sessions.tidy(at: now, in: sql)
            try limits.tidy(at: now, in: sql)
            try keys.tidy(at: now, in: sql)
            try passwordReset.tidy(at: now, in: sql)
            try domainProxy.tidy(at: now, in: sql)
        }
        try await accepted.tidy(at: now)
        for event in try await signingKeys.advance() {
            switch event {
            case .made(let id): logger.notice("made the next key that signs tokens", metadata: ["kid": .string(id)])
            case .activated(let id): logger.notice("another key signs tokens", metadata: ["kid": .string(id)])
            case .removed(let id): logger.notice("removed a retired signing key", metadata: ["kid": .string(id)])
            }
        }
        let removed = try await audits.removeOld(days: auditRetention)
        if removed > 0 { logger.notice("removed old events of the audit log", metadata: ["events": "\(removed)"]) }
    }
}
