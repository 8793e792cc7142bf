/// A date as a study keeps it: the text that was sent, and the instant that it means.
struct StudyDate: Sendable, Equatable {
    /// `YYYY-MM-DD` or RFC 3339, as it came.
    let text: String
    /// Microseconds since 1970 UTC; a date without a time means its first moment in UTC.
    let instant: Int64

    /// Nil for anything but `YYYY-MM-DD` or RFC 3339 §5.6 of the years 1900 to 2100.
    init?(_ text: String) {
        var reader = Reader(text: Array(text.utf8))
        guard let instant = reader.instant() else { return nil }
        self.text = text
        self.instant = instant
    }

    private struct Reader {
        let text: [UInt8]
        var place = 0

        var rest: Int { text.count - place }

        mutating func takes(_ character: Character) -> Bool {
            guard rest > 0, text[place] == character.asciiValue else { return false }
            place += 1
            return true
        }

        mutating func number(_ digits: Int, _ range: ClosedRange<Int64>) -> Int64? {
            guard rest >= digits else { return nil }
            var number: Int64 = 0
            for octet in text[place..<place + digits] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet) else { return nil }
                number = number * 10 + Int64(octet - UInt8(ascii: "0"))
            }
            place += digits
            return range.contains(number) ? number : nil
        }

        mutating func instant() -> Int64? {
            guard let year = number(4, 1900...2100), takes("-"), let month = number(2, 1...12), takes("-"),
                let day = number(2, 1...Self.days(in: month, of: year))
            else { return nil }
            var seconds = Self.daysSince1970(year, month, day) * 86_400
            if rest == 0 { return .seconds(seconds) }
            guard takes("T") || takes("t"), let hour = number(2, 0...23), takes(":"), let minute = number(2, 0...59),
                takes(":"), let second = number(2, 0...59), let fraction = fraction(), let offset = offset(), rest == 0
            else { return nil }
            seconds += hour * 3600 + minute * 60 + second - offset
            return .seconds(seconds) + fraction
        }

        /// Microseconds; what is finer is not kept.
        private mutating func fraction() -> Int64? {
            guard takes(".") else { return 0 }
            var (value, unit, count): (Int64, Int64, Int) = (0, 100_000, 0)
            while rest > 0, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[place]), count < 9 {
                value += Int64(text[place] - UInt8(ascii: "0")) * unit
                unit /= 10
                count += 1
                place += 1
            }
            return count > 0 ? value : nil
        }

        /// Seconds east of UTC.
        private mutating func offset() -> Int64? {
            if takes("Z") || takes("z") { return 0 }
            let isEast = takes("+")
            guard isEast || takes("-"), let hours = number(2, 0...23), takes(":"), let minutes = number(2, 0...59)
            else {
                return nil
            }
            return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
        }

        private static func days(in month: Int64, of year: Int64) -> Int64 {
            switch month {
            case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        }

        /// Of the Gregorian calendar, counted from March so that the leap day is the last of its year.
        private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
            let shifted = month > 2 ? year : year - 1
            let era = shifted / 400
            let yearOfEra = shifted - era * 400
            let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
            return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        }
    }
}
