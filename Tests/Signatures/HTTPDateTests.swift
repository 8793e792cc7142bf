import Foundation
import Testing

@testable import HTTPSignatures

@Suite("Dates of HTTP")
struct HTTPDateTests {
    @Test(
        "dates of HTTP are read",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ] as [(String, Int64)])
    func dates(text: String, seconds: Int64) {
        #expect(HTTPDate.unixSeconds(text) == seconds)
    }

    @Test("the first of every month of 1600 years is read as Foundation writes it")
    func everyMonth() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        for year in stride(from: 1600, through: 3200, by: 7) {
            for month in 1...12 {
                let date = try #require(calendar.date(from: DateComponents(year: year, month: month, day: 1)))
                let text = "Mon, 01 \(names[month - 1]) \(year) 00:00:00 GMT"
                #expect(HTTPDate.unixSeconds(text) == Int64(date.timeIntervalSince1970), "\(text)")
            }
        }
    }

    @Test(
        "anything else is no date",
        arguments: [
            "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994  08:49:37 GMT",
        ])
    func noDates(text: String) {
        #expect(HTTPDate.unixSeconds(text) == nil)
    }

    @Test("what is written is read again, and names the day that Foundation names")
    func written() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        for seconds in stride(from: Int64(0), to: 253_402_300_800, by: 86_400 * 97 + 12_345) {
            let text = HTTPDate.text(seconds)
            #expect(HTTPDate.unixSeconds(text) == seconds, "\(text)")
            let weekday = calendar.component(.weekday, from: Date(timeIntervalSince1970: Double(seconds)))
            #expect(text.hasPrefix(days[weekday - 1] + ", "), "\(text)")
        }
    }
}
