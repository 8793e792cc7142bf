import GatehouseCryptography

/// Sees to it that what was signed once counts once.
public struct ReplayCheck: Sendable {
    let isNew: @Sendable (_ identity: [UInt8], _ until: Int64) async throws -> Bool

    /// A check of one's own. Where several processes take the same keys, or a restart must not forget, it belongs into a
    /// store that they share.
    ///
    /// - Parameter isNew: records the identity (32 octets), and says whether it was not there before: both in one step,
    ///   such as one `INSERT` with a unique key, since two copies may come at the same moment, and lasting before it
    ///   returns. What it recorded may be forgotten after the second `until` (Unix time). Called when everything else
    ///   about a request was found good. When it throws, the request is refused with 503.
    public init(_ isNew: @escaping @Sendable (_ identity: [UInt8], _ until: Int64) async throws -> Bool) {
        self.isNew = isNew
    }

    /// Remembers in memory: enough for one process, and for as long as it runs. After a restart, what was accepted
    /// during the window before it may be accepted once more.
    ///
    /// - Parameter maximumCount: how many are remembered at once. None is forgotten before its time; while there is no
    ///   room, requests that would have to be remembered are refused with 503.
    public static func inMemory(maximumCount: Int = 100_000) -> ReplayCheck {
        inMemory(maximumCount: maximumCount, nowSeconds: TimeOfDay.unixSeconds)
    }

    /// With a clock of one's own, in Unix seconds; for tests.
    package static func inMemory(
        maximumCount: Int, nowSeconds: @escaping @Sendable () -> Int64
    ) -> ReplayCheck {
        precondition(maximumCount > 0, "something has to be remembered")
        let seen = Locked(SeenSignatures(maximumCount: maximumCount))
        return ReplayCheck { identity, until in
            let outcome = seen.withLock { $0.record(identity, until: until, now: nowSeconds()) }
            guard let isNew = outcome else { throw NoRoomLeft() }
            return isNew
        }
    }

    private struct NoRoomLeft: Error, CustomStringConvertible {
        let description = "no room to remember another signature"
    }
}

/// What was accepted, each until its time.
private struct SeenSignatures {
    private let maximumCount: Int
    private var ends: [[UInt8]: Int64] = [:]
    private var lastTidied = Int64.min

    init(maximumCount: Int) { self.maximumCount = maximumCount }

    /// - Returns: whether it is new; nil when there is no room for it.
    mutating func record(_ identity: [UInt8], until: Int64, now: Int64) -> Bool? {
        // When its time ended on the way here, an earlier one may be forgotten already.
        guard now <= until else { return false }
        if let end = ends[identity], now <= end { return false }
        // Looking through all of them at each request would be slow just when many come.
        if ends.count >= maximumCount, lastTidied != now {
            ends = ends.filter { now <= $0.value }
            lastTidied = now
        }
        guard ends.count < maximumCount else { return nil }
        ends[identity] = until
        return true
    }
}
