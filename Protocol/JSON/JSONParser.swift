/// What a document may demand of us.
package struct JSONLimits: Sendable {
    /// How many arrays and objects may be open at once; `[[1]]` has depth 2. The parser calls itself once per level, so
    /// this also bounds its use of the stack.
    package let maximumDepth: Int

    package init(maximumDepth: Int = 32) {
        precondition((0...512).contains(maximumDepth), "deeper documents could exhaust the stack")
        self.maximumDepth = maximumDepth
    }

    /// What every door of the server allows: 32 levels.
    package static let standard = JSONLimits()
}

extension JSONValue {
    /// Reads one JSON document, strictly as RFC 8259 has it: UTF-8 without byte order mark, no member twice, no lone
    /// surrogates, nothing but white space after the value.
    ///
    /// Takes time and memory in proportion to the number of bytes; limit that number before.
    package init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
        var parser = JSONParser(bytes: bytes, limits: limits)
        self = try parser.document()
    }
}

/// Walks once over the bytes.
private struct JSONParser {
    let bytes: [UInt8]
    let limits: JSONLimits
    var position = 0

    init(bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSONValue {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw error(.byteOrderMark) }
        skipWhiteSpace()
        let value = try value(depth: 0)
        skipWhiteSpace()
        guard position == bytes.count else {
            throw firstInvalidByte(from: position) == position ? error(.notUTF8) : error(.trailingBytes)
        }
        return value
    }

    /// - Parameter depth: how many arrays and objects are open around this value.
    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try number())
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default: throw unexpected()
        }
    }

    // MARK: Arrays and objects

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        try enter(depth)
        var elements: [JSONValue] = []
        if peek() == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            elements.append(try value(depth: depth + 1))
            if try isAtEnd(closing: UInt8(ascii: "]")) { return elements }
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> [JSONValue.Member] {
        try enter(depth)
        var members: [JSONValue.Member] = []
        var names = MemberNames()
        if peek() == UInt8(ascii: "}") {
            position += 1
            return members
        }
        while true {
            let start = position
            guard peek() == UInt8(ascii: "\"") else { throw unexpected() }
            let name = try string()
            guard names.insert(name, after: members) else { throw error(.duplicateMember(name), at: start) }
            skipWhiteSpace()
            guard peek() == UInt8(ascii: ":") else { throw unexpected() }
            position += 1
            skipWhiteSpace()
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
            if try isAtEnd(closing: UInt8(ascii: "}")) { return members }
        }
    }

    /// Steps over the opening bracket and the white space behind it.
    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth < limits.maximumDepth else { throw error(.tooDeep) }
        position += 1
        skipWhiteSpace()
    }

    /// After an element: steps over the closing bracket (`true`) or over the comma before the next element (`false`).
    private mutating func isAtEnd(closing bracket: UInt8) throws(JSONError) -> Bool {
        skipWhiteSpace()
        let byte = peek()
        guard byte == bracket || byte == UInt8(ascii: ",") else { throw unexpected() }
        position += 1
        if byte == bracket { return true }
        skipWhiteSpace()
        return false
    }

    // MARK: Strings

    /// Reads from the opening quotation mark to behind the closing one.
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        skipPlainCharacters()
        if peek() == UInt8(ascii: "\\") { return try stringWithEscapes(from: start) }
        guard let text = String(validating: bytes[start..<position], as: UTF8.self) else { throw notUTF8(from: start) }
        try closeString()
        return text
    }

    /// - Parameter start: behind the opening quotation mark; `position` is at the first backslash.
    private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
        var unescaped = Array(bytes[start..<position])
        while peek() == UInt8(ascii: "\\") {
            unescaped.append(contentsOf: UTF8.encode(try escapedCharacter())!)
            let runStart = position
            skipPlainCharacters()
            unescaped.append(contentsOf: bytes[runStart..<position])
        }
        // An escape stands for a whole character, so it can neither break nor repair the bytes around it.
        guard let text = String(validating: unescaped, as: UTF8.self) else { throw notUTF8(from: start) }
        try closeString()
        return text
    }

    /// Moves to the next quotation mark, backslash, control character or the end.
    private mutating func skipPlainCharacters() {
        var here = position
        while here < bytes.count {
            let byte = bytes[here]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            here += 1
        }
        position = here
    }

    private mutating func closeString() throws(JSONError) {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        guard bytes[position] == UInt8(ascii: "\"") else { throw error(.controlCharacter) }
        position += 1
    }

    /// Reads one escape sequence (RFC 8259 §7), or the two that make up a character beyond U+FFFF.
    private mutating func escapedCharacter() throws(JSONError) -> Unicode.Scalar {
        let start = position
        position += 2
        guard position <= bytes.count else { throw error(.unexpectedEnd, at: bytes.count) }
        switch bytes[position - 1] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw error(.invalidEscape, at: start)
        }
        let first = try fourHexDigits(escapeStart: start)
        // Only surrogates are no characters by themselves.
        if let character = Unicode.Scalar(first) { return character }
        guard UTF16.isLeadSurrogate(first), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { throw error(.loneSurrogate, at: start) }
        position += 2
        let second = try fourHexDigits(escapeStart: position - 2)
        guard UTF16.isTrailSurrogate(second),
            let character = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else { throw error(.loneSurrogate, at: start) }
        return character
    }

    private mutating func fourHexDigits(escapeStart: Int) throws(JSONError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw error(.unexpectedEnd, at: bytes.count) }
        var value: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = hexDigit(byte) else { throw error(.invalidEscape, at: escapeStart) }
            value = value << 4 | digit
        }
        position += 4
        return value
    }

    private func hexDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    // MARK: Numbers and words

    /// RFC 8259 §6. The value is not looked at, so a number may be of any size.
    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        if peek() == UInt8(ascii: "-") { position += 1 }
        let integer = skipDigits()
        guard integer == 1 || integer > 1 && bytes[position - integer] != UInt8(ascii: "0") else {
            throw error(position == bytes.count && integer == 0 ? .unexpectedEnd : .invalidNumber, at: start)
        }
        if peek() == UInt8(ascii: ".") {
            position += 1
            guard skipDigits() > 0 else { throw error(.invalidNumber, at: start) }
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            position += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw error(.invalidNumber, at: start) }
        }
        return JSONNumber(checkedText: String(decoding: bytes[start..<position], as: UTF8.self))
    }

    /// - Returns: how many digits there were.
    private mutating func skipDigits() -> Int {
        let start = position
        while position < bytes.count, case UInt8(ascii: "0")...UInt8(ascii: "9") = bytes[position] { position += 1 }
        return position - start
    }

    private mutating func word(_ expected: String) throws(JSONError) {
        for byte in expected.utf8 {
            guard peek() == byte else { throw unexpected() }
            position += 1
        }
    }

    // MARK: Bytes and errors

    /// The byte at the current place; 0, which no rule of the grammar accepts, at the end.
    private func peek() -> UInt8 {
        position < bytes.count ? bytes[position] : 0
    }

    private mutating func skipWhiteSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func error(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
        JSONError(reason: reason, offset: offset ?? position)
    }

    /// The current byte has no place in the grammar.
    private func unexpected() -> JSONError {
        guard position < bytes.count else { return error(.unexpectedEnd) }
        return firstInvalidByte(from: position) == position ? error(.notUTF8) : error(.malformed)
    }

    private func notUTF8(from start: Int) -> JSONError {
        error(.notUTF8, at: firstInvalidByte(from: start))
    }

    /// Where the first sequence begins that is not UTF-8. Slow; only for errors.
    private func firstInvalidByte(from start: Int) -> Int {
        var decoder = UTF8.ForwardParser()
        var rest = bytes[start...].makeIterator()
        var here = start
        while case .valid(let character) = decoder.parseScalar(from: &rest) { here += character.count }
        return here
    }
}

/// The names that one object has so far.
///
/// Few names are compared one by one, which is fastest. Many go into a set, because comparing each with each would let
/// a hostile document of 64 KiB cost a hundred million comparisons.
private struct MemberNames {
    private var set: Set<ExactText> = []
    private static let few = 12

    /// - Returns: false when the name is one of `members` already.
    mutating func insert(_ name: String, after members: [JSONValue.Member]) -> Bool {
        guard members.count >= Self.few else { return !members.contains { isSameText($0.name, name) } }
        if set.isEmpty { set = Set(members.map { ExactText($0.name) }) }
        return set.insert(ExactText(name)).inserted
    }
}
