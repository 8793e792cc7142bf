import GatehouseStorage
import GatehouseTransfer
import Logging
import ServiceLifecycle

/// Sends what waits in the outbox, as long as the server runs.
///
/// A mail goes out once, whatever the number of processes on the store: taking it is one guarded statement, and its lease is
/// longer than sending can take. Only a process that dies between the mail server's word and the deletion of the mail leaves one
/// that goes out a second time, with the same Message-ID.
struct MailSender: Service {
    /// Sent at the same time.
    private static let width = 4

    let outbox: Outbox
    /// Nil when mail is off.
    let delivery: MailDelivery?
    let database: any Database
    let pace: MailPace
    let clock: Clock
    let logger: Logger

    func run() async throws {
        guard delivery != nil else {
            try? await gracefulShutdown()
            return
        }
        await withTaskGroup { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        do { try await Task.sleep(for: pace.look) } catch { return }
                        outbox.bell.tick()
                    }
                }
            }
            // What was left behind by an earlier process is due now.
            outbox.bell.ring()
            for await _ in outbox.bell.strokes.cancelOnGracefulShutdown() {
                let wasRung = outbox.bell.wasRung()
                do { try await sendDue(wasRung: wasRung) } catch is CancellationError { break } catch {
                    logger.warning("the outbox cannot be read; tried again soon", metadata: ["error": "\(error)"])
                }
            }
            group.cancelAll()
        }
    }

    /// Sends until nothing is due any more.
    ///
    /// - Parameter wasRung: whether something was enqueued just now, so that it need not be asked for without taking it.
    func sendDue(wasRung: Bool) async throws {
        var isCertain = wasRung
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let now = clock.now()
            // Most looks find nothing; reading disturbs nobody.
            if !isCertain, try await database.rows(Outbox.hasDue(at: now)).isEmpty { return }
            isCertain = true
            let taken = try await database.transaction { sql in
                try outbox.take(Self.width, at: now, lease: pace.lease, in: sql)
            }
            guard !taken.isEmpty else { return }
            await withTaskGroup { group in
                for mail in taken { group.addTask { await attempt(mail) } }
            }
        }
    }

    // MARK: One mail

    private enum Outcome: Sendable {
        case sent
        /// For good.
        case refused(String)
        case failed(String)
        /// The server stops; this was no attempt.
        case interrupted
    }

    private func attempt(_ taken: Outbox.Taken) async {
        let outcome = await outcome(of: taken)
        // Not cancelled with this one: what has become of the mail has to be written down.
        await Task { await settle(taken, outcome) }.value
    }

    private func outcome(of taken: Outbox.Taken) async -> Outcome {
        guard let delivery else { return .interrupted }
        // Of a restored store, say, or of one whose server was off: a link as old is of no use.
        guard clock.now() - taken.createdAt < patience(with: taken) else { return .failed("it waited for too long") }
        guard let mail = taken.mail else { return .failed("it cannot be opened with this master key") }
        return await withTaskGroup(of: Outcome.self) { group in
            group.addTask {
                do {
                    try await delivery.send(mail, id: taken.id, date: taken.createdAt)
                    return .sent
                } catch let error as SMTPError {
                    if error.cause.kind == .cancelled || error.cause.kind == .shutDown { return .interrupted }
                    return error.isPermanent ? .refused("\(error)") : .failed("\(error)")
                } catch {
                    // Its words would show the address.
                    return .refused("its recipient is no mail address")
                }
            }
            group.addTask {
                do {
                    try await gracefulShutdown()
                    try await Task.sleep(for: pace.farewell)
                } catch {}
                return .interrupted
            }
            let first = await group.next() ?? .interrupted
            group.cancelAll()
            // Cancelled in time, or sent in the last moment all the same.
            let second = await group.next() ?? .interrupted
            if case .interrupted = first { return second }
            return first
        }
    }

    /// - Note: The log has no address: a mail's id, the step at which the server refused, its code.
    private func settle(_ taken: Outbox.Taken, _ outcome: Outcome) async {
        let now = clock.now()
        let id: Logger.Metadata = ["mail": .string(taken.id), "attempt": "\(taken.attempts)"]
        do {
            switch outcome {
            case .sent:
                try await remove(taken)
                logger.info("mail sent", metadata: id)
            case .refused(let reason):
                try await remove(taken)
                logger.error(
                    "mail given up: refused for good", metadata: id.merging(["reason": .string(reason)]) { $1 })
            case .failed(let reason) where now - taken.createdAt >= patience(with: taken):
                try await remove(taken)
                logger.error("mail given up: too old", metadata: id.merging(["reason": .string(reason)]) { $1 })
            case .failed(let reason):
                let pause = pace.pause(after: taken.attempts, random: Double.random(in: 0...1))
                try await giveBack(taken, until: now + pause, counts: true)
                logger.warning(
                    "mail not sent yet",
                    metadata: id.merging([
                        "reason": .string(reason), "next_attempt_in_seconds": "\(max(pause.unixSeconds, 1))",
                    ]) { $1 })
            case .interrupted:
                try await giveBack(taken, until: now, counts: false)
            }
        } catch {
            // The mail is free again when the lease ends.
            logger.warning(
                "the outbox cannot be written; a mail may go out again",
                metadata: id.merging(["error": "\(error)"]) { $1 })
        }
    }

    /// In microseconds. A link that works no longer helps nobody.
    private func patience(with taken: Outbox.Taken) -> Int64 {
        min(pace.patience, taken.mail?.template.usefulTime ?? .max)
    }

    private func remove(_ taken: Outbox.Taken) async throws {
        try await database.transaction { sql in try outbox.remove(taken, in: sql) }
    }

    private func giveBack(_ taken: Outbox.Taken, until next: Int64, counts: Bool) async throws {
        try await database.transaction { sql in try outbox.giveBack(taken, until: next, counts: counts, in: sql) }
    }
}
