/// Why bytes are not acceptable JSON, and where.
package struct JSONError: Error, Equatable, Sendable {
    package let reason: Reason
    /// Bytes from the start of the document.
    package let offset: Int

    package init(reason: Reason, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package enum Reason: Equatable, Sendable {
        /// Something stands where the grammar of RFC 8259 has no place for it.
        case malformed
        /// The document ends in the middle of a value, or has none at all.
        case unexpectedEnd
        /// Something other than white space follows the value.
        case trailingBytes
        /// A name occurs twice in one object; readers disagree about which one counts.
        case duplicateMember(String)
        /// More nested arrays and objects than `JSONLimits.maximumDepth`.
        case tooDeep
        /// RFC 8259 §8.1: text between systems is UTF-8.
        case notUTF8
        /// RFC 8259 §8.1: no byte order mark is written, and we do not read one.
        case byteOrderMark
        /// `\uD800` to `\uDFFF` without its other half stands for no character.
        case loneSurrogate
        /// A control character inside a string must be escaped.
        case controlCharacter
        /// `\` followed by something that RFC 8259 §7 does not know.
        case invalidEscape
        /// A number with leading zeros, a plus sign, a lone point, …
        case invalidNumber
    }
}

extension JSONError: CustomStringConvertible {
    /// A sentence that may be shown to the sender.
    package var description: String {
        switch reason {
        case .malformed: "The JSON is malformed at byte \(offset)."
        case .unexpectedEnd: "The JSON is incomplete: it ends at byte \(offset)."
        case .trailingBytes: "Something follows the end of the JSON value at byte \(offset)."
        case .duplicateMember(let name): "The JSON has the member \(quoted(name)) twice, again at byte \(offset)."
        case .tooDeep: "The JSON is nested too deeply at byte \(offset)."
        case .notUTF8: "The JSON is not valid UTF-8 at byte \(offset)."
        case .byteOrderMark: "The JSON begins with a byte order mark, which it must not have."
        case .loneSurrogate: "The JSON has half of a surrogate pair at byte \(offset)."
        case .controlCharacter: "The JSON has an unescaped control character inside a string at byte \(offset)."
        case .invalidEscape: "The JSON has an unknown escape sequence at byte \(offset)."
        case .invalidNumber: "The JSON has a number in an invalid form at byte \(offset)."
        }
    }

    /// The sender's own text, shortened and without anything that could disturb a log or a terminal.
    private func quoted(_ name: String) -> String {
        let start = String(name.unicodeScalars.prefix(40))
        return JSONValue.string(start.unicodeScalars.count < name.unicodeScalars.count ? start + "…" : start).text
    }
}
