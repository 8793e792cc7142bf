/// The form of dates that HTTP messages must have (RFC 9110 §5.6.7).
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else. The name of the day is not compared.
    package static func unixSeconds(_ text: String) -> Int64? { unixSeconds(Array(text.utf8)) }

    /// As `unixSeconds(_:)` of a text.
    package static func unixSeconds(_ octets: [UInt8]) -> Int64? {
        // By place, since all parts have fixed lengths: this is looked at for each signed request.
        guard octets.count == 29, octets[3] == UInt8(ascii: ","), octets[0..<3].allSatisfy(\.isLetter),
            [4, 7, 11, 16, 25].allSatisfy({ octets[$0] == 0x20 }), octets[19] == UInt8(ascii: ":"),
            octets[22] == UInt8(ascii: ":"), octets[26...].elementsEqual("GMT".utf8),
            let day = number(octets[5..<7]), let year = number(octets[12..<16]), (1...31).contains(day),
            let month = months.firstIndex(where: { octets[8..<11].elementsEqual($0.utf8) }),
            // 60 is a leap second.
            let hour = number(octets[17..<19]), let minute = number(octets[20..<22]),
            let second = number(octets[23..<25]), hour < 24, minute < 60, second <= 60
        else { return nil }
        return days(year, Int64(month) + 1, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Writes `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// - Parameter seconds: from 1970 to 9999.
    package static func text(_ seconds: Int64) -> String {
        let days = seconds / 86_400
        let (year, month, day) = date(days)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let rest = seconds % 86_400
        let clock = "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
        return "\(weekdays[Int(days % 7)]), \(two(day)) \(months[Int(month) - 1]) \(year) \(clock) GMT"
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy(\.isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// Days since 1970 in the Gregorian calendar. Years begin in March here, so that the leap day comes last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        // Year 0 lies in the era before the first when its January and February count to the year before.
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// What `days` was made of.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
