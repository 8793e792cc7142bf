import GatehouseStorage

/// Whether the store can be used, for `/status`: one look serves everybody who asks within ten seconds.
actor DatabaseStatus {
    private static let freshness = Int64.seconds(10)

    private let database: any Database
    private let clock: Clock
    private var known: (isReachable: Bool, at: Int64)?
    private var running: Task<Bool, Never>?

    init(database: any Database, clock: Clock) {
        self.database = database
        self.clock = clock
    }

    /// `ok` or `unavailable`.
    func current() async -> String {
        // A clock that was set back makes nothing older.
        if let known, (0..<Self.freshness).contains(clock.now() - known.at) { return Self.word(known.isReachable) }
        if let running { return Self.word(await running.value) }
        let look = Task { [database] in
            do { try await database.checkReachable() } catch { return false }
            return true
        }
        running = look
        let isReachable = await look.value
        running = nil
        known = (isReachable, clock.now())
        return Self.word(isReachable)
    }

    private static func word(_ isReachable: Bool) -> String { isReachable ? "ok" : "unavailable" }
}
