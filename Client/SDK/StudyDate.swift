public import Foundation

/// A day or a moment of a study, as whoever recorded it wrote it: `1981-02-03`, or RFC 3339 with an offset.
///
/// The server keeps the text, since it says more than the moment: which day it was there.
public struct StudyDate: Sendable, Hashable {
    /// As it was sent.
    public let text: String

    /// - Parameter text: `YYYY-MM-DD` or RFC 3339, from 1900 to 2100; the server refuses anything else.
    public init(_ text: String) { self.text = text }

    /// A moment, in UTC and whole seconds.
    public init(_ date: Date) { text = date.formatted(.iso8601) }

    /// A day without a time.
    public static func day(_ year: Int, _ month: Int, _ day: Int) -> StudyDate {
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return StudyDate("\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))")
    }

    /// Whether it names a day and no time.
    public var isDay: Bool { text.utf8.count == 10 }

    /// The moment; of a day its begin in UTC, as the server compares. Nil for a text that is no date.
    public var date: Date? {
        // Foundation takes the 30th of February for the 1st of March, and 25 o'clock for the next day.
        let calendar = Date.ISO8601FormatStyle.iso8601.year().month().day()
        let day = String(text.prefix(10))
        guard let begin = try? Date(day, strategy: calendar), begin.formatted(calendar) == day else { return nil }
        if isDay { return begin }
        guard text.dropFirst(10).prefixMatch(of: /[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)/) != nil else {
            return nil
        }
        return (try? Date.ISO8601FormatStyle().parse(text))
            ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
    }
}

extension StudyDate: ExpressibleByStringLiteral {
    /// A date that a program names.
    public init(stringLiteral text: String) { self.init(text) }
}

extension StudyDate: CustomStringConvertible, CustomReflectable {
    /// Nothing of the date: it may be somebody's birthday.
    public var description: String { "StudyDate" }
    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
