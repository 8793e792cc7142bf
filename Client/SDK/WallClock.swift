import Foundation

/// The time of day and a way to wait, as a client sees them.
public struct WallClock: Sendable {
    /// Seconds since 1970 in UTC.
    public let now: @Sendable () -> Double
    /// Waits at least this long; throws when the task is cancelled.
    public let sleep: @Sendable (Duration) async throws -> Void

    /// A clock of one's own, for tests.
    public init(now: @escaping @Sendable () -> Double, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    /// This machine's.
    public static let system = WallClock(
        now: { Date.now.timeIntervalSince1970 }, sleep: { try await Task.sleep(for: $0) })
}
