import GatehouseMessages
import NIOConcurrencyHelpers

/// Bounds how often one network may do something in a minute or an hour, such as ask for unknown aliases.
///
/// Counted in memory and by each node alone: a look-up must not write, and what is forgotten at a restart is no more than that time of counting.
final class NetworkLimit: Sendable {
    private struct State {
        var windowStart: Int64 = 0
        var counts: [Network: Int] = [:]

        func key(of network: Network) -> Network {
            counts[network] != nil || counts.count < capacity ? network : others
        }

        func count(of network: Network) -> Int { counts[key(of: network)] ?? 0 }
    }

    /// Networks counted at once; beyond it, all that are new share one count.
    private static let capacity = 50_000
    private static let others = Network(address: "")

    private let most: Int
    /// Microseconds.
    private let window: Int64
    private let refusal: Problem
    private let state = NIOLockedValueBox(State())

    /// - Parameter refusal: what is thrown beyond it, with `Retry-After`.
    init(perMinute: Int, refusal: Problem) {
        most = perMinute
        window = .minutes(1)
        self.refusal = refusal
    }

    init(perHour: Int, refusal: Problem) {
        most = perHour
        window = .minutes(60)
        self.refusal = refusal
    }

    /// - Throws: the refusal when the network has had its share of this time.
    func requireRoom(for network: Network, at now: Int64) throws(Problem) {
        try refuse(for: state.withLockedValue { state in wait(of: network, at: now, state) })
    }

    func count(_ network: Network, at now: Int64) {
        state.withLockedValue { state in count(network, at: now, &state) }
    }

    /// Both in one, so that many at the same moment get no more.
    func take(for network: Network, at now: Int64) throws(Problem) {
        let wait: Int64? = state.withLockedValue { state in
            if let wait = self.wait(of: network, at: now, state) { return wait }
            count(network, at: now, &state)
            return nil
        }
        try refuse(for: wait)
    }

    private func wait(of network: Network, at now: Int64, _ state: borrowing State) -> Int64? {
        let age = now - state.windowStart
        // A clock that was set back counts anew: the wait that is left is never longer than the whole time.
        guard (0..<window).contains(age), state.count(of: network) >= most else { return nil }
        return window - age
    }

    private func count(_ network: Network, at now: Int64, _ state: inout State) {
        if now - state.windowStart >= window || now < state.windowStart {
            state.windowStart = now
            state.counts.removeAll(keepingCapacity: true)
        }
        state.counts[state.key(of: network), default: 0] += 1
    }

    private func refuse(for wait: Int64?) throws(Problem) {
        if let wait { throw refusal.retryAfter(seconds: (wait + .microsecondsPerSecond - 1).unixSeconds) }
    }
}
