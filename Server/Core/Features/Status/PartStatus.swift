import GatehouseStorage

/// Whether a part of the server works, for `/status`: one look serves everybody who asks within ten seconds.
actor PartStatus {
    private static let freshness = Int64.seconds(10)
    /// Nobody who asks for the status waits longer for a mail server.
    private static let timeout: Duration = .seconds(5)

    private let look: (@Sendable () async -> Bool)?
    private let clock: Clock
    /// Nothing is remembered when the fault is that every question is a look.
    private let faults: Faults
    private var known: (works: Bool, at: Int64)?
    private var running: Task<Bool, Never>?

    /// - Parameter look: nil for a part that is off.
    init(clock: Clock, faults: Faults = Faults(), look: (@Sendable () async -> Bool)?) {
        self.look = look
        self.clock = clock
        self.faults = faults
    }

    static func of(_ database: any Database, clock: Clock) -> PartStatus {
        PartStatus(clock: clock) {
            do { try await database.checkReachable() } catch { return false }
            return true
        }
    }

    /// - Parameter delivery: nil when mail is off.
    static func of(_ delivery: MailDelivery?, clock: Clock, faults: Faults) -> PartStatus {
        guard let delivery else { return PartStatus(clock: clock, look: nil) }
        return PartStatus(clock: clock, faults: faults) {
            do { try await delivery.probe(timeout: timeout) } catch { return false }
            return true
        }
    }

    /// `ok`, `off`, or `unavailable`.
    func current() async -> String {
        guard let look else { return "off" }
        // A clock that was set back makes nothing older.
        if let known, (0..<Self.freshness).contains(clock.now() - known.at), !faults.forgetsStatus {
            return Self.word(known.works)
        }
        if let running { return Self.word(await running.value) }
        let began = Task { await look() }
        running = began
        let works = await began.value
        running = nil
        known = (works, clock.now())
        return Self.word(works)
    }

    private static func word(_ works: Bool) -> String { works ? "ok" : "unavailable" }
}
