import Foundation

/// Times as RFC 3339 §5.6 writes them.
package enum RFC3339 {
    /// Whole seconds, UTC, such as `2026-01-31T23:59:59Z`.
    ///
    /// - Parameter microseconds: since 1970.
    package static func text(_ microseconds: Int64) -> String {
        let seconds = (Double(microseconds) / 1_000_000).rounded(.down)
        let days = Int64((seconds / 86_400).rounded(.down))
        let time = Int64(seconds) - days * 86_400
        // Days to a date of the Gregorian calendar, counted in eras of 400 years that begin in March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let day = shifted - era * 146_097
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        let calendarMonth = month < 10 ? month + 3 : month - 9
        let calendarYear = year + era * 400 + (calendarMonth <= 2 ? 1 : 0)
        return "\(digits(calendarYear, 4))-\(digits(calendarMonth, 2))-\(digits(dayOfMonth, 2))T"
            + "\(digits(time / 3600, 2)):\(digits(time / 60 % 60, 2)):\(digits(time % 60, 2))Z"
    }

    /// Reads `2026-01-31T23:59:59Z`, with or without a fraction, or with an offset; nil for anything else.
    package static func microseconds(_ text: String) -> Int64? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.utf8.contains(UInt8(ascii: ".")))
        // Beyond that no clock counts in microseconds.
        guard let date = try? style.parse(text), abs(date.timeIntervalSince1970) < 1e11 else { return nil }
        return Int64((date.timeIntervalSince1970 * 1_000_000).rounded())
    }

    private static func digits(_ number: Int64, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}
