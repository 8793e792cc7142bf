/// The time, passed in so that tests can set it. Only the command reads the real one.
package struct Clock: Sendable {
    /// Microseconds since 1970 UTC, the unit of the store.
    package let now: @Sendable () -> Int64
    package init(now: @escaping @Sendable () -> Int64) { self.now = now }
}

extension Int64 {
    package static let microsecondsPerSecond: Int64 = 1_000_000
    static func seconds(_ count: Int64) -> Int64 { count * microsecondsPerSecond }
    static func minutes(_ count: Int64) -> Int64 { seconds(count * 60) }
    static func days(_ count: Int64) -> Int64 { seconds(count * 86_400) }
    /// Whole seconds since 1970 of a time in microseconds, as tokens have them.
    package var unixSeconds: Int64 { self / Int64.microsecondsPerSecond }
}
