import GatehouseJSON
import Testing

@Suite("Numbers in JSON")
struct JSONNumberTests {
    @Test(
        "a whole number is an integer however it is written",
        arguments: [
            ("0", 0), ("-0", 0), ("-0.0e-7", 0), ("0e999999999999999999999", 0), ("1.0", 1), ("1e3", 1000),
            ("1E+3", 1000), ("1.5e1", 15), ("100e-2", 1),
            ("-12.340e2", -1234), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("922337203685477580.70e1", .max),
            ("0.00000000000000000000000001e26", 1), ("1000000000000000000000000e-24", 1),
            ("1e18", 1_000_000_000_000_000_000),
            ("9223372036854775807.000", .max), ("12e00000000000000000000000000000000000001", 120),
        ] as [(String, Int64)])
    func integers(text: String, expected: Int64) throws {
        #expect(try parse(text).int64 == expected)
    }

    @Test(
        "what is no integer of 64 bits is none, and nothing overflows",
        arguments: [
            "0.5", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "1e20", "99999999999999999999",
            "1e999999999999999999999999",
            "1e9223372036854775807", "-1e9223372036854775808", "1e-9223372036854775809", "0.1e-9223372036854775808",
            "10e9223372036854775807",
            "1e-99999999999999999999999999", "123.456", "18446744073709551616", "1.0000000000000000000000001",
        ])
    func noIntegers(text: String) throws {
        #expect(try parse(text).int64 == nil)
    }

    @Test("a number of 60 000 digits is read, kept as written, and is no integer")
    func hugeNumber() throws {
        let text = String(repeating: "9", count: 60_000)
        let value = try parse(text)
        #expect(value.int64 == nil)
        #expect(value.double == nil)
        #expect(value.text == text)
        #expect(try parse("1" + String(repeating: "0", count: 60_000) + "e-60000").int64 == 1)
    }

    @Test("a fraction is the nearest double, and what is too large is none")
    func doubles() throws {
        #expect(try parse("-2.5e-1").double == -0.25)
        #expect(try parse("0.1").double == 0.1)
        #expect(try parse("1e400").double == nil)
        #expect(try parse("1e-400").double == 0)
        #expect(try parse("\"1\"").double == nil)
    }

    @Test("numbers made from Swift's read back as the same")
    func fromSwift() throws {
        for number in [Int64.min, -1, 0, 1, .max] { #expect(JSONNumber(number).int64 == number) }
        for number in [0.1, -1e300, .leastNonzeroMagnitude, 1e22, 123456.789] {
            let written = try #require(JSONNumber(number))
            #expect(try parse(written.text).double == number)
        }
        #expect(JSONNumber(.infinity) == nil)
        #expect(JSONNumber(.nan) == nil)
    }

    @Test("numbers are equivalent when their values are, exactly")
    func equivalence() throws {
        for (a, b, expected) in [
            ("1", "1.0", true), ("10e-1", "1", true), ("0", "-0", true), ("1e400", "10e399", true),
            ("1e400", "1e401", false), ("-1", "1", false),
            ("9007199254740993", "9007199254740992", false), ("0.1", "0.10000000000000001", false),
        ] {
            #expect(try parse(a).isEquivalent(to: parse(b)) == expected, "\(a) and \(b)")
        }
    }
}
