import GatehouseMessages
import NIOConcurrencyHelpers

/// Bounds how often one network may do something in a minute, such as ask for unknown aliases.
///
/// Counted in memory and by each node alone: a look-up must not write, and what is forgotten at a restart is one minute of counting.
final class MinuteLimit: Sendable {
    private struct State {
        var windowStart: Int64 = 0
        var counts: [Network: Int] = [:]

        func key(of network: Network) -> Network {
            counts[network] != nil || counts.count < capacity ? network : others
        }

        func count(of network: Network) -> Int { counts[key(of: network)] ?? 0 }
    }

    private static let window = Int64.minutes(1)
    /// Networks counted at once; beyond it, all that are new share one count.
    private static let capacity = 50_000
    private static let others = Network(address: "")

    private let perMinute: Int
    private let refusal: Problem
    private let state = NIOLockedValueBox(State())

    /// - Parameter refusal: what is thrown beyond it, with `Retry-After`.
    init(perMinute: Int, refusal: Problem) {
        self.perMinute = perMinute
        self.refusal = refusal
    }

    /// - Throws: the refusal when the network has had its share of this minute.
    func requireRoom(for network: Network, at now: Int64) throws(Problem) {
        let wait: Int64? = state.withLockedValue { state in
            let age = now - state.windowStart
            // A clock that was set back counts anew: the wait that is left is never more than a minute.
            guard (0..<Self.window).contains(age), state.count(of: network) >= perMinute else { return nil }
            return Self.window - age
        }
        if let wait { throw refusal.retryAfter(seconds: (wait + .microsecondsPerSecond - 1).unixSeconds) }
    }

    func count(_ network: Network, at now: Int64) {
        state.withLockedValue { state in
            if now - state.windowStart >= Self.window || now < state.windowStart {
                state.windowStart = now
                state.counts.removeAll(keepingCapacity: true)
            }
            state.counts[state.key(of: network), default: 0] += 1
        }
    }
}
