import Foundation

/// The time of day as this machine has it: the one place of this library that reads it.
enum TimeOfDay {
    /// Seconds since 1970 UTC.
    @Sendable static func unixSeconds() -> Int64 { Int64(Date.now.timeIntervalSince1970) }
}
