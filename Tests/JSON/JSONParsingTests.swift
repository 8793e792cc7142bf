import GatehouseJSON
import Testing

@Suite("Reading JSON")
struct JSONParsingTests {
    @Test("a document of every kind is read as it is written")
    func everyKind() throws {
        let value = try parse(
            #" { "a" : [ 1 , -2.50e+3 , true , false , null ] , "b" : { } , "c" : "x\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00" } "#
        )
        #expect(
            value == [
                "a": [1, .number(try #require(try parse("-2.50e+3").numberText)), true, false, nil],
                "b": [:],
                "c": "x\"\\/\u{8}\u{C}\n\r\té😀",
            ])
        #expect(value.object?.map(\.name) == ["a", "b", "c"])
    }

    @Test(
        "a scalar alone is a document",
        arguments: [
            ("1", 1 as JSONValue), ("\t\"a\"\r\n", "a"), (" null ", nil), ("true", true), ("[]", JSONValue.array([])),
            ("{}", JSONValue.object([])),
        ])
    func scalars(text: String, expected: JSONValue) throws {
        #expect(try parse(text) == expected)
    }

    @Test(
        "what the grammar does not know is malformed",
        arguments: [
            "[1,]", "[,1]", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "{1:1}", "tru_", "nul1", "True",
            "NaN", "Infinity", "#",
            "[1 2]", "[1}", "{\"a\":1]", "\u{B}1", "\u{A0}1", "//x\n1", "undefined", "]", "}", ":", ",", "\0",
        ])
    func malformed(text: String) {
        #expect(reason(text) == .malformed)
    }

    @Test(
        "a document that stops early is incomplete",
        arguments: [
            "", " ", "[", "[1", "[1,", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "\"", "\"abc", "\"\\",
            "\"\\u", "\"\\u12", "tr", "-",
        ])
    func incomplete(text: String) {
        #expect(reason(text) == .unexpectedEnd)
    }

    @Test(
        "every beginning of a document is refused",
        arguments: [#"{"a":[1,"\u00e9é\uD83D\uDE00",{"b":null}],"c":-1.5e9}"#])
    func everyPrefix(text: String) throws {
        let bytes = Array(text.utf8)
        _ = try JSONValue(parsing: bytes)
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self, "after \(count) bytes") { try JSONValue(parsing: Array(bytes[..<count])) }
        }
    }

    @Test("nothing but white space may follow", arguments: ["1 1", "{}{}", "[]]", "null,", "\"a\"b", "{}\0", "1//"])
    func trailing(text: String) {
        #expect(reason(text) == .trailingBytes)
    }

    @Test(
        "a number with another notation than JSON's is refused",
        arguments: [
            "01", "-01", "00", "+1", ".5", "1.", "-.5", "1.e3", "1e", "1e+", "1E-", "-a", "[1.,2]", "0123", "-00",
            "--1", "[-]",
        ])
    func invalidNumbers(text: String) {
        #expect(reason(text) == .invalidNumber)
    }

    @Test(
        "hexadecimal, grouped and split numbers are refused",
        arguments: ["0x1F", "1_000", "1,000", "1 000", "1e5.5", "1.5.5", "0b1", "1f"])
    func foreignNumbers(text: String) {
        #expect(reason(text) == .trailingBytes)
    }

    @Test("the offset points at the byte where the document goes wrong")
    func offsets() {
        #expect(error(#"{"a":1,"b":x}"#)?.offset == 11)
        #expect(error(#"{"a":1,"a":2}"#)?.offset == 7)
        #expect(error(#"["é","\ud800"]"#)?.offset == 7)
        #expect(error("[1,\"a\nb\"]")?.offset == 5)
        #expect(error("[1")?.offset == 2)
    }

    @Test("an error is a sentence for the sender that repeats at most a little of what was sent, harmlessly")
    func sentences() {
        let name = "\u{1B}[31m\n" + String(repeating: "x", count: 10_000)
        let text = JSONError(reason: .duplicateMember(name), offset: 3).description
        #expect(text.utf8.count < 200)
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 })
        #expect(error("[")?.description == "The JSON is incomplete: it ends at byte 1.")
    }
}

@Suite("Text in JSON")
struct JSONTextTests {
    @Test("a byte order mark is refused")
    func byteOrderMark() {
        #expect(reason(bytes: [0xEF, 0xBB, 0xBF] + Array("{}".utf8)) == .byteOrderMark)
        #expect(reason(bytes: [0xFE, 0xFF, 0, 0x31]) == .notUTF8)
        #expect(reason(bytes: [0xFF, 0xFE, 0x31, 0]) == .notUTF8)
    }

    @Test("U+FEFF inside a string is a character like any other")
    func zeroWidthSpace() throws {
        #expect(try parse("\"\u{FEFF}\"").string == "\u{FEFF}")
    }

    @Test(
        "bytes that are not UTF-8 are refused wherever they stand",
        arguments: [
            [0x80], [0xC3], [0xC3, 0x28], [0xC0, 0xAF], [0xC1, 0x81], [0xE0, 0x80, 0xAF], [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x80, 0x80, 0xAF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func invalidUTF8(sequence: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(reason(bytes: [quote] + sequence + [quote]) == .notUTF8)
        #expect(error(bytes: [quote, 0x61, 0xC3, 0xA9] + sequence + [0x62, quote])?.offset == 4)
        #expect(reason(bytes: Array("\"\\n".utf8) + sequence + [quote]) == .notUTF8)
        #expect(reason(bytes: [quote] + sequence + Array("\\u00a9\"".utf8)) == .notUTF8)
        #expect(reason(bytes: [UInt8(ascii: "{"), quote] + sequence + Array("\":1}".utf8)) == .notUTF8)
        #expect(reason(bytes: sequence + Array("1".utf8)) == .notUTF8)
        #expect(reason(bytes: Array("1".utf8) + sequence) == .notUTF8)
    }

    @Test(
        "characters of every length, and noncharacters, are kept",
        arguments: ["\u{7F}", "é", "€", "😀", "\u{FFFF}", "\u{10FFFF}", "\u{2028}"])
    func characters(text: String) throws {
        #expect(try parse("\"\(text)\"").string == text)
    }

    @Test(
        "half of a surrogate pair is refused",
        arguments: [
            #""\uD800""#, #""\uDFFF""#, #""\uDC00\uD800""#, #""\uD83D""#, #""\uD83Dx""#, #""\uD83D\n""#,
            #""\uD83D\u0041""#,
            #""\uD83D\uD83D\uDE00""#, #"{"\uDEAD":1}"#,
        ])
    func loneSurrogates(text: String) {
        #expect(reason(text) == .loneSurrogate)
    }

    @Test("escapes for the first and the last character of each plane's edge are right")
    func escapedEdges() throws {
        #expect(
            try parse(#""\u0000\uFFFF\uD800\uDC00\uDBFF\uDFFF\ud83d\ude00""#).string
                == "\u{0}\u{FFFF}\u{10000}\u{10FFFF}😀")
    }

    @Test(
        "an unknown escape is refused",
        arguments: [
            #""\a""#, #""\x41""#, #""\'""#, #""\U0041""#, #""\u00G1""#, #""\u+041""#, #""\0""#, "\"\\\n\"", "\"\\é\"",
        ])
    func unknownEscapes(text: String) {
        #expect(reason(text) == .invalidEscape)
    }

    @Test("each control character must be escaped", arguments: UInt8(0)..<0x20)
    func controlCharacters(byte: UInt8) throws {
        let quote = UInt8(ascii: "\"")
        #expect(reason(bytes: [quote, byte, quote]) == .controlCharacter)
        #expect(reason(bytes: Array("\"\\n".utf8) + [byte, quote]) == .controlCharacter)
        let digits = String(byte, radix: 16)
        #expect(try parse("\"\\u00\(digits.count == 1 ? "0" : "")\(digits)\"").string == String(Unicode.Scalar(byte)))
    }
}

@Suite("Members of a JSON object")
struct JSONMemberTests {
    @Test(
        "a repeated member is refused, also when it is escaped differently",
        arguments: [
            #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"\u0061":3}"#, #"{"é":1,"\u00e9":2}"#, #"{"":1,"":2}"#,
            #"[{"x":{"a\/":1,"a/":2}}]"#,
            #"{"\ud83d\ude00":1,"😀":2}"#,
        ])
    func duplicates(text: String) {
        guard case .duplicateMember = reason(text) else {
            Issue.record("\(text) was read, or refused for another reason")
            return
        }
    }

    @Test("the same name in different objects is no repetition")
    func notDuplicates() throws {
        #expect(try parse(#"{"a":{"a":[{"a":1},{"a":2}]},"A":1,"a ":2}"#)["a"]?["a"]?[1]?["a"]?.int64 == 2)
    }

    @Test("names that only look alike are different, and a look-up finds exactly the name asked for")
    func exactNames() throws {
        // The Kelvin sign, and é in one and in two code points: equal for Swift's String, not for RFC 8259 §8.3.
        let value = try parse("{\"\u{212A}ey\":1,\"Key\":2,\"\u{E9}\":3,\"e\u{301}\":4}")
        #expect(value["Key"]?.int64 == 2)
        #expect(value["\u{212A}ey"]?.int64 == 1)
        #expect(value["e\u{301}"]?.int64 == 4)
        #expect(value["k"] == nil)
    }

    @Test(
        "a repetition is found among any number of members", arguments: [1, 2, 11, 12, 13, 14, 100, 3000],
        [false, true])
    func manyMembers(count: Int, escaped: Bool) throws {
        let members = (0..<count).map { "\"m\($0)\":\($0)" }.joined(separator: ",")
        let value = try parse("{\(members)}")
        #expect(value.object?.count == count)
        #expect(value["m\(count - 1)"]?.int64 == Int64(count - 1))
        for repeated in Set([0, count / 2, count - 1]) {
            let name = escaped ? "\\u006d\(repeated)" : "m\(repeated)"
            #expect(reason("{\(members),\"\(name)\":0}") == .duplicateMember("m\(repeated)"))
        }
    }

    @Test("names that look alike stay different among many members")
    func exactNamesAmongMany() throws {
        let members = (0..<50).map { "\"m\($0)\":0," }.joined()
        #expect(try parse("{\(members)\"\u{E9}\":3,\"e\u{301}\":4}").object?.count == 52)
    }

    @Test("time grows with the number of members, not with its square")
    func linearTime() throws {
        func seconds(_ count: Int) throws -> Duration {
            let text = "{" + (0..<count).map { "\"member\($0)\":0" }.joined(separator: ",") + "}"
            let start = ContinuousClock.now
            #expect(try parse(text).object?.count == count)
            return ContinuousClock.now - start
        }
        // Sixteen times the members may take sixteen times as long; squared it would be 256 times. The best of some
        // runs, because other tests run at the same time.
        let few = try #require(try (0..<5).map { _ in try seconds(2_000) }.min())
        let many = try #require(try (0..<3).map { _ in try seconds(32_000) }.min())
        #expect(many < few * 120, "\(few) and \(many)")
    }
}

@Suite("Depth and size of JSON")
struct JSONDepthTests {
    @Test("32 levels are read and 33 are refused, of arrays, objects and both")
    func depth() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let perPair = open.contains("[{") ? 2 : 1
            let core = perPair == 2 || open == "[" ? "" : "1"
            func nested(_ levels: Int) -> String {
                let pairs = levels / perPair
                let text =
                    String(repeating: open, count: pairs) + (perPair == 2 ? "0" : core)
                    + String(repeating: close, count: pairs)
                return levels % perPair == 0 ? text : "[\(text)]"
            }
            _ = try parse(nested(32))
            #expect(reason(nested(33)) == .tooDeep)
        }
        _ = try parse(String(repeating: "[", count: 31) + "[1,2],{}" + String(repeating: "]", count: 31))
    }

    @Test("a million open brackets are refused at the 33rd", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func hostileDepth(open: String) {
        let found = error(String(repeating: open, count: 1_000_000))
        #expect(found?.reason == .tooDeep)
        #expect((found?.offset ?? .max) < 400)
    }

    @Test("depth counts what is open, not what has been")
    func siblings() throws {
        #expect(try parse("[" + String(repeating: "[[]],", count: 1000) + "{}]").array?.count == 1001)
    }

    @Test("another limit can be set")
    func otherLimit() throws {
        let limits = JSONLimits(maximumDepth: 1)
        _ = try JSONValue(parsing: Array("[1]".utf8), limits: limits)
        #expect(throws: JSONError(reason: .tooDeep, offset: 1)) {
            try JSONValue(parsing: Array("[[]]".utf8), limits: limits)
        }
        #expect(throws: JSONError(reason: .tooDeep, offset: 0)) {
            try JSONValue(parsing: Array("[]".utf8), limits: JSONLimits(maximumDepth: 0))
        }
    }

    @Test("a document of any bytes is read or refused, never a crash")
    func randomBytes() {
        var generator = SplitMix(state: 7)
        let alphabet = Array("{}[]\",:\\u0123456789eE+-.truefalsn \nD8".utf8) + [0xC3, 0xA9, 0xED, 0xA0, 0x80, 0xFF, 0]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<24, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
            if let value = try? JSONValue(parsing: bytes) {
                #expect((try? JSONValue(parsing: value.bytes())) == value)
            }
        }
    }
}

/// A generator with a known start, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func parse(_ text: String) throws(JSONError) -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

func error(_ text: String) -> JSONError? { error(bytes: Array(text.utf8)) }

func error(bytes: [UInt8]) -> JSONError? {
    do {
        _ = try JSONValue(parsing: bytes)
        return nil
    } catch {
        return error
    }
}

func reason(_ text: String) -> JSONError.Reason? { error(text)?.reason }

func reason(bytes: [UInt8]) -> JSONError.Reason? { error(bytes: bytes)?.reason }

extension JSONValue {
    var numberText: JSONNumber? {
        guard case .number(let number) = self else { return nil }
        return number
    }
}
