import GatehouseTransfer

/// Whether mail can be sent, for `/status`: one look serves everybody who asks within ten seconds.
package actor MailStatus {
    private static let freshness = Int64.seconds(10)
    /// Nobody who asks for the status waits longer.
    private static let timeout: Duration = .seconds(5)

    private let probe: (@Sendable () async -> Bool)?
    private let clock: Clock
    private var known: (isReachable: Bool, at: Int64)?
    private var running: Task<Bool, Never>?

    init(_ delivery: MailDelivery?, clock: Clock) {
        guard let delivery else {
            self.init(probe: nil, clock: clock)
            return
        }
        self.init(
            probe: {
                do { try await delivery.probe(timeout: Self.timeout) } catch { return false }
                return true
            }, clock: clock)
    }

    init(probe: (@Sendable () async -> Bool)?, clock: Clock) {
        self.probe = probe
        self.clock = clock
    }

    /// `ok`, `off` without a mail server, or `unavailable`.
    package func current() async -> String {
        guard let probe else { return "off" }
        // A clock that was set back makes nothing older.
        if let known, (0..<Self.freshness).contains(clock.now() - known.at) { return Self.word(known.isReachable) }
        if let running { return Self.word(await running.value) }
        let look = Task { await probe() }
        running = look
        let isReachable = await look.value
        running = nil
        known = (isReachable, clock.now())
        return Self.word(isReachable)
    }

    private static func word(_ isReachable: Bool) -> String { isReachable ? "ok" : "unavailable" }
}
