/// Text with variables: `Bearer {{alice.token}}`.
package struct Template: Sendable, Hashable {
    package enum Part: Sendable, Hashable {
        case text(String)
        case variable(String)
    }

    package let parts: [Part]
    package let position: SourcePosition

    /// - Throws: `FileMistake` for an opening `{{` without its `}}` and for what is no name between them.
    package init(_ text: String, at position: SourcePosition) throws(FileMistake) {
        var parts: [Part] = []
        var rest = text[...]
        while let opening = rest.firstRange(of: "{{") {
            if opening.lowerBound > rest.startIndex {
                parts.append(.text(String(rest[..<opening.lowerBound])))
            }
            guard let closing = rest[opening.upperBound...].firstRange(of: "}}") else {
                throw FileMistake("`{{` without `}}`; two literal braces are written {{braces}}", at: position)
            }
            let name = rest[opening.upperBound..<closing.lowerBound].trimmingSpaces()
            guard VariableName.isValid(name) else {
                throw FileMistake(
                    "`\(name)` is not the name of a variable; two literal braces are written {{braces}}", at: position)
            }
            parts.append(.variable(name))
            rest = rest[closing.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
        self.position = position
    }

    /// The variables that stand in the text, in order, repeated ones repeated.
    package var variables: [String] {
        parts.compactMap { if case .variable(let name) = $0 { name } else { nil } }
    }

    /// The text as it was written.
    package var source: String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .variable(let name): "{{\(name)}}"
            }
        }.joined()
    }

    /// Whether the text is a regular expression: it begins with a written `~` (one that comes from a variable is text).
    package var isPattern: Bool {
        if case .text(let text) = parts.first { text.hasPrefix("~") } else { false }
    }

    /// The text with every variable replaced.
    ///
    /// - Parameter encode: what is done to each value, for example percent-encoding.
    package func resolved(
        in scope: Scope, encode: (String) -> String = { $0 }
    ) throws(MissingVariable) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let literal): text += literal
            case .variable(let name): text += encode(try scope.require(name))
            }
        }
        return text
    }
}

/// The grammar of variable names: words of letters, digits, `_` and `-`, joined by single dots.
package enum VariableName {
    package static func isValid(_ name: String) -> Bool {
        let words = name.split(separator: ".", omittingEmptySubsequences: false)
        return words.count <= 2 && words.allSatisfy(isWord)
    }

    /// Whether the text can name a capture, a fixture instance or a caller's variable.
    package static func isWord(_ word: some StringProtocol) -> Bool {
        guard !word.isEmpty else { return false }
        return word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// Whether a value under this name is a secret: the last word of the name is, or ends in, one of the words below.
    package static func isSecret(_ name: String) -> Bool {
        let lowered = name.lowercased()
        return ["secret", "password", "key", "token", "jwt"].contains { lowered.hasSuffix($0) }
    }
}

extension StringProtocol {
    /// The text without spaces and tabs at its ends.
    func trimmingSpaces() -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
