import GatehouseDNS
import Logging
import ServiceLifecycle

/// Looks every few minutes which domains are due for their daily check.
struct DomainChecking: Service {
    let proxy: DomainProxy
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let checked = try await proxy.checkDue()
                    for domain in checked.missing {
                        logger.warning("record of a domain is missing in DNS", metadata: ["domain": .string(domain)])
                    }
                    if let (domain, error) = checked.unanswered.first {
                        logger.warning(
                            "DNS has no answer about records of domains; asked again in an hour",
                            metadata: [
                                "domains": "\(checked.unanswered.count)", "one": .string(domain),
                                "error": .string(error.description),
                            ])
                    }
                    if let (domain, error) = checked.failed.first {
                        logger.warning(
                            "records of domains not checked; tried again in an hour",
                            metadata: [
                                "domains": "\(checked.failed.count)", "one": .string(domain), "error": "\(error)",
                            ])
                    }
                } catch is CancellationError { return } catch {
                    logger.warning(
                        "records of domains not checked; tried again soon", metadata: ["error": "\(error)"])
                }
                do { try await Task.sleep(for: .seconds(600)) } catch { return }
            }
        }
    }
}
