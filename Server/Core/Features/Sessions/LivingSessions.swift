import NIOConcurrencyHelpers

/// Sessions that are known to live, with their accounts, as of one generation of the store: nothing in it outlives a change
/// of any authorisation. So a valid token costs no query.
///
/// It also notes when a session is used. That is written to the store later and for many at once (`PendingUses`), each session at
/// most once a minute.
package final class LivingSessions: Sendable {
    private struct Entry {
        let account: Account
        let expiresAt: Int64
        var usedAt: Int64
        /// What is noted for the store, or there already.
        var notedAt: Int64
    }

    private struct State {
        var generation: Int64 = -1
        var entries: [String: Entry] = [:]
    }

    /// Sessions remembered at most. An entry takes some 300 octets, so all of them a few megabytes.
    private static let capacity = 10_000
    /// A use is noted when the last one noted is older.
    private static let interval = Int64.minutes(1)
    /// How much later than it happened a use may come to the store; the clocks of two servers differ by less.
    private static let slack = Int64.seconds(30)

    /// In microseconds; nil when sessions may idle.
    private let idleTime: Int64?
    private let state = NIOLockedValueBox(State())
    let uses = PendingUses()

    /// - Parameter idleTime: after so many microseconds without use a session is over; nil for never.
    package init(idleTime: Int64?) { self.idleTime = idleTime }

    /// A session whose last use in the store is older is over. Allows for uses that the store does not know yet, so
    /// nobody is thrown out too early, and at most a minute and a half too late.
    func latestUseThatIsOver(at now: Int64) -> Int64 {
        idleTime.map { now - $0 - Self.interval - Self.slack } ?? .min
    }

    func isAlive(_ session: Session, at now: Int64) -> Bool {
        session.expiresAt > now && session.lastUsedAt > latestUseThatIsOver(at: now)
    }

    // MARK: Verdicts

    /// Notes that the session is used now, when it is known to live.
    func account(of session: String, generation: Int64, at now: Int64) -> Account? {
        state.withLockedValue { state in
            guard state.generation == generation, let entry = state.entries[session], entry.expiresAt > now,
                entry.usedAt > latestUseThatIsOver(at: now)
            else { return nil }
            // A second is fine enough, and spares most requests a change of the table.
            if now - entry.usedAt >= .microsecondsPerSecond { note(session, at: now, &state) }
            return entry.account
        }
    }

    /// Notes that the session is used now.
    func remember(_ account: Account, of session: Session, generation: Int64, at now: Int64) {
        state.withLockedValue { state in
            guard generation >= state.generation else { return }
            if generation > state.generation || state.entries.count >= Self.capacity {
                state.entries.removeAll(keepingCapacity: true)
                state.generation = generation
            }
            state.entries[session.id] = Entry(
                account: account, expiresAt: session.expiresAt, usedAt: session.lastUsedAt,
                notedAt: session.lastUsedAt)
            note(session.id, at: now, &state)
        }
    }

    private func note(_ session: String, at now: Int64, _ state: inout State) {
        guard let entry = state.entries[session] else { return }
        state.entries[session]?.usedAt = max(entry.usedAt, now)
        guard now - entry.notedAt >= Self.interval else { return }
        if uses.note(session, at: now) { state.entries[session]?.notedAt = now }
    }
}
