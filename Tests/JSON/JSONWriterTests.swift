import GatehouseJSON
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    @Test("a value is written compactly, in its order")
    func compact() throws {
        let value: JSONValue = ["b": [1, -2, true, nil, "x"], "a": [:], "c": [], "d": false]
        #expect(value.text == #"{"b":[1,-2,true,null,"x"],"a":{},"c":[],"d":false}"#)
        #expect(value.bytes() == Array(value.text.utf8))
    }

    @Test(
        "strings escape what they must and nothing else",
        arguments: [
            ("", #""""#), ("plain", #""plain""#), (#"\"#, #""\\""#), (#"""#, #""\"""#),
            ("é€😀/'<>&\u{7F}\u{2028}", "\"é€😀/'<>&\u{7F}\u{2028}\""),
            (#"a"b\c"#, #""a\"b\\c""#),
            ("\u{8}\t\n\u{C}\r", #""\b\t\n\f\r""#), ("\u{0}\u{1}\u{1F}", #""\u0000\u0001\u001f""#), ("é\n", #""é\n""#),
            ("\r\n", #""\r\n""#),
        ])
    func strings(text: String, expected: String) throws {
        var writer = JSONWriter()
        writer.string(text)
        #expect(writer.bytes == Array(expected.utf8))
        #expect(try JSONValue(parsing: writer.bytes).string == text)
    }

    @Test("every character of the first plane reads back as itself")
    func allCharacters() throws {
        let text = String(String.UnicodeScalarView((0...0xFFFF).compactMap { Unicode.Scalar(UInt32($0)) }))
        let read = try #require(try JSONValue(parsing: JSONValue.string(text).bytes()).string)
        #expect(read.utf8.elementsEqual(text.utf8))
    }

    @Test(
        "integers are written in decimal",
        arguments: [
            0, 1, 9, 10, 99, 100, -1, -10, 1_234_567_890_123_456_789, 999_999_999_999_999_999,
            1_000_000_000_000_000_000, Int64.max, Int64.min,
        ])
    func integers(number: Int64) {
        var writer = JSONWriter()
        writer.integer(number)
        #expect(writer.bytes == Array(String(number).utf8))
    }

    @Test("parts are appended one after the other")
    func parts() {
        var writer = JSONWriter(reserving: 1)
        let stored = "{\"k\":1}"
        writer.raw("{\"a\":")
        writer.integer(-5)
        writer.raw(",\"b\":")
        writer.string("x\ny")
        writer.raw(",\"c\":")
        writer.raw(stored)
        writer.raw(",\"é\":")
        writer.value(["z", nil])
        writer.raw("}")
        #expect(writer.bytes == Array(#"{"a":-5,"b":"x\ny","c":{"k":1},"é":["z",null]}"#.utf8))
    }

    @Test("what was read is written as it was, except for white space and escapes")
    func roundTrip() throws {
        let text = #"{"n":-0.50E+09,"s":"\u00e9\u000a\/","l":[[],{}]}"#
        #expect(try JSONValue(parsing: Array(text.utf8)).text == #"{"n":-0.50E+09,"s":"é\n/","l":[[],{}]}"#)
    }

    @Test("values are equivalent whatever the order of their members")
    func equivalence() throws {
        func areEquivalent(_ a: String, _ b: String) throws -> Bool { try parse(a).isEquivalent(to: parse(b)) }
        #expect(try areEquivalent(#"{"a":1,"b":{"c":[1,2],"d":null}}"#, #"{"b":{"d":null,"c":[1.0,2]},"a":1e0}"#))
        #expect(try !areEquivalent(#"{"a":1}"#, #"{"a":1,"b":null}"#))
        #expect(try !areEquivalent("[1,2]", "[2,1]"))
        #expect(try !areEquivalent("\"\u{E9}\"", "\"e\u{301}\""))
        #expect(try !areEquivalent("0", "false"))
        #expect(try !areEquivalent("null", "{}"))
    }

    @Test("reading a value as something that it is not gives nothing")
    func mismatches() {
        let value: JSONValue = ["one": 1]
        #expect(value.string == nil && value.int64 == nil && value.bool == nil && value.array == nil && value[0] == nil)
        #expect(value["two"] == nil)
        #expect((["x": nil] as JSONValue)["x"]?.isNull == true)
        #expect((["a"] as JSONValue)[1] == nil && (["a"] as JSONValue)[-1] == nil && (["a"] as JSONValue)["a"] == nil)
        #expect(JSONValue.number(JSONNumber(1)).bool == nil)
        #expect(value.kind == "an object")
    }
}
