import Logging
import ServiceLifecycle

/// Seals new events well within a second, and once more when the server stops.
struct AuditSealing: Service {
    let chain: AuditChain
    let logger: Logger

    func run() async throws {
        let rounds = AuditRounds(chain: chain, logger: logger)
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await rounds.next()
                do { try await Task.sleep(for: .milliseconds(400)) } catch { return }
            }
        }
        await rounds.next()
    }
}

/// What one round of sealing leaves for the next: what was logged is not logged again.
actor AuditRounds {
    private let chain: AuditChain
    private let logger: Logger
    private var headState: AuditChain.HeadState?
    private var touchedAt: ContinuousClock.Instant?
    private var isFailing = false

    init(chain: AuditChain, logger: Logger) {
        self.chain = chain
        self.logger = logger
    }

    func next() async {
        do {
            // In any case at the start: another process may have ended between an event's place and the head.
            let hasUnsealed = try await chain.hasUnsealed()
            if headState == nil || hasUnsealed { note(try await chain.seal()) }
            if touchedAt.map({ $0.duration(to: .now) > .seconds(5) }) ?? true {
                chain.head.touch()
                touchedAt = .now
            }
            isFailing = false
        } catch is CancellationError {
            return
        } catch {
            if !isFailing {
                logger.warning(
                    "the audit log is not sealed, or its head not written; tried again soon",
                    metadata: ["error": "\(error)"])
            }
            isFailing = true
            // Also when all events have their places: the head may lag behind.
            headState = nil
        }
    }

    private func note(_ state: AuditChain.HeadState) {
        if case .unfit(let finding) = state, state != headState {
            logger.error(
                "the audit log is not as it was left; `gatehouse audit verify` says more",
                metadata: ["finding": .string(finding.description)])
        }
        headState = state
    }
}
