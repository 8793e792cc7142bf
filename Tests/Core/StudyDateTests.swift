import Foundation
import Testing

@testable import GatehouseCore

@Suite("Dates of a study")
struct StudyDateTests {
    static let good: [(String, Int64)] = [
        ("1970-01-01", 0), ("1981-02-03", 350_006_400), ("1900-01-01", -2_208_988_800),
        ("2100-12-31", 4_133_894_400), ("2000-02-29", 951_782_400), ("2026-02-02T08:00:00+01:00", 1_770_015_600),
        ("2026-02-02T07:00:00Z", 1_770_015_600), ("2026-02-02t07:00:00z", 1_770_015_600),
        ("2026-02-01T19:30:00-11:30", 1_770_015_600),
    ]

    @Test("a date or an RFC 3339 time is the instant that it means", arguments: good)
    func instants(text: String, seconds: Int64) throws {
        let date = try #require(StudyDate(text))
        #expect(date.text == text)
        #expect(date.instant == seconds * 1_000_000)
        let reference = try? Date.ISO8601FormatStyle().parse(text.uppercased())
        if text.count > 10 { #expect(reference?.timeIntervalSince1970 == Double(seconds)) }
    }

    @Test("a fraction counts to the microsecond")
    func fractions() {
        #expect(StudyDate("1970-01-01T00:00:00.5Z")?.instant == 500_000)
        #expect(StudyDate("1970-01-01T00:00:00.123456789Z")?.instant == 123_456)
        #expect(StudyDate("1970-01-01T00:00:00.Z") == nil)
        #expect(StudyDate("1970-01-01T00:00:00.1234567890Z") == nil)
    }

    @Test(
        "anything else is no date",
        arguments: [
            "", "1899-12-31", "2101-01-01", "1980-13-01", "1980-00-01", "1980-02-30", "1900-02-29", "1980-04-31",
            "1980-01-00", "1980", "1980-01", "19800203", "03.02.1980", "1980/02/03", "x1980-02-03y", "1980-02-03 ",
            " 1980-02-03", "1980-2-3", "-980-02-03", "+1980-02-3", "1980-02-03T", "1980-02-03T10:00:00",
            "1980-02-03 10:00:00Z", "1980-02-03T24:00:00Z", "1980-02-03T10:60:00Z", "1980-02-03T10:00:60Z",
            "1980-02-03T10:00Z", "1980-02-03T10:00:00+1:00", "1980-02-03T10:00:00+24:00", "1980-02-03T10:00:00Zx",
            "１９８０-02-03", "1980-02-03\0",
        ])
    func refused(text: String) {
        #expect(StudyDate(text) == nil)
    }

    @Test("each day of two centuries is the day that Foundation says")
    func days() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        var wrong: [String] = []
        for day in stride(from: -25_567, through: 47_846, by: 7) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day], from: date)
            let text = String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
            if StudyDate(text)?.instant != Int64(day) * 86_400_000_000 { wrong.append(text) }
        }
        #expect(wrong.isEmpty)
    }
}
