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
                    for domain in try await proxy.checkDue() {
                        logger.warning("record of a domain is missing in DNS", metadata: ["domain": .string(domain)])
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
