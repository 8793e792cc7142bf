import Synchronization

/// What DNS said of domains, for as long as it said.
final class TargetCache: Sendable {
    private struct Entry {
        /// Empty when the domain offers nothing.
        let targets: [Target]
        let until: ContinuousClock.Instant
    }

    private static let shortest: Duration = .seconds(5)
    private static let longest: Duration = .seconds(24 * 3600)
    /// For what there is not, which may have just been made.
    private static let longestNegative: Duration = .seconds(30)
    private static let maximumCount = 1000

    private let now: @Sendable () -> ContinuousClock.Instant
    private let entries = Mutex<[String: Entry]>([:])

    init(now: @escaping @Sendable () -> ContinuousClock.Instant) { self.now = now }

    subscript(domain: String) -> [Target]? {
        let now = now()
        return entries.withLock { entries in
            guard let entry = entries[domain] else { return nil }
            guard now < entry.until else {
                entries[domain] = nil
                return nil
            }
            return entry.targets
        }
    }

    /// - Parameter seconds: as DNS says; nil when it says nothing.
    func remember(_ domain: String, _ targets: [Target], for seconds: UInt32?) {
        let now = now()
        let longest = targets.isEmpty ? Self.longestNegative : Self.longest
        let time = min(max(.seconds(seconds ?? 0), targets.isEmpty ? Self.longestNegative : Self.shortest), longest)
        entries.withLock { entries in
            if entries.count >= Self.maximumCount, entries[domain] == nil {
                entries = entries.filter { now < $0.value.until }
                if entries.count >= Self.maximumCount, let first = entries.min(by: { $0.value.until < $1.value.until })
                {
                    entries[first.key] = nil
                }
            }
            entries[domain] = Entry(targets: targets, until: now + time)
        }
    }
}
