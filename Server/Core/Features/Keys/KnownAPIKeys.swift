import NIOConcurrencyHelpers

/// Keys as of one generation of the store, so that checking a signature asks the store nothing. What no key is called is
/// known as well: asking for it takes the same time.
///
/// It also notes when a key is used. That is written to the store later and for many at once (`PendingUses`), each key at most
/// once a minute.
final class KnownAPIKeys: Sendable {
    private struct State {
        var generation: Int64 = -1
        var keys: [String: APIKey?] = [:]
        var notedAt: [String: Int64] = [:]
    }

    /// A key takes some kilobytes at most.
    private static let capacity = 10_000
    private static let interval = Int64.minutes(1)

    private let state = NIOLockedValueBox(State())
    let uses = PendingUses()

    /// - Returns: `.some(nil)` for what is known to be no key.
    func key(_ id: String, generation: Int64) -> APIKey?? {
        state.withLockedValue { state in state.generation == generation ? state.keys[id] : nil }
    }

    func remember(_ key: APIKey?, _ id: String, generation: Int64) {
        state.withLockedValue { state in
            guard generation >= state.generation else { return }
            if generation > state.generation || state.keys.count >= Self.capacity {
                state.keys.removeAll(keepingCapacity: true)
                state.generation = generation
            }
            state.keys[id] = .some(key)
        }
    }

    /// Notes that a key is used now, unless that was noted a moment ago.
    func note(_ id: String, at now: Int64) {
        state.withLockedValue { state in
            guard now - (state.notedAt[id] ?? .min / 2) >= Self.interval, uses.note(id, at: now) else { return }
            if state.notedAt.count >= Self.capacity { state.notedAt.removeAll(keepingCapacity: true) }
            state.notedAt[id] = now
        }
    }
}
