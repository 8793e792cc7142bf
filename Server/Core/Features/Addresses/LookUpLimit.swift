import GatehouseMessages
import NIOConcurrencyHelpers

/// Bounds how many unknown aliases one network may ask for, so that nobody harvests names by trying them.
///
/// Counted in memory and by each node alone: a look-up must not write, and what is forgotten at a restart is one minute of counting.
final class LookUpLimit: Sendable {
    private struct State {
        var windowStart: Int64 = 0
        var misses: [Network: Int] = [:]

        func key(of network: Network) -> Network {
            misses[network] != nil || misses.count < capacity ? network : others
        }

        func misses(of network: Network) -> Int { misses[key(of: network)] ?? 0 }
    }

    private static let window = Int64.minutes(1)
    /// Networks counted at once; beyond it, all that are new share one count.
    private static let capacity = 50_000
    private static let others = Network(address: "")

    private let perMinute: Int
    private let state = NIOLockedValueBox(State())

    init(perMinute: Int) { self.perMinute = perMinute }

    /// - Throws: `Problem.tooManyLookups` with `Retry-After` when the network has had its misses of this minute.
    func requireRoom(for network: Network, at now: Int64) throws(Problem) {
        let wait: Int64? = state.withLockedValue { state in
            let age = now - state.windowStart
            // A clock that was set back counts anew: the wait that is left is never more than a minute.
            guard (0..<Self.window).contains(age), state.misses(of: network) >= perMinute else { return nil }
            return Self.window - age
        }
        if let wait { throw .tooManyLookups.retryAfter(seconds: (wait + .microsecondsPerSecond - 1).unixSeconds) }
    }

    func countMiss(of network: Network, at now: Int64) {
        state.withLockedValue { state in
            if now - state.windowStart >= Self.window || now < state.windowStart {
                state.windowStart = now
                state.misses.removeAll(keepingCapacity: true)
            }
            state.misses[state.key(of: network), default: 0] += 1
        }
    }
}
