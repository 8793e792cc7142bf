internal import Yams

/// One YAML file while it is read: its root and the mistakes found so far.
///
/// Reading goes on after a mistake, so that a person sees all of them at once. Yams' decoder would ignore unknown
/// keys, therefore everything is read from its nodes, which also know their place.
final class YAMLFile {
    let name: String
    private(set) var root: Node?
    private(set) var mistakes: [FileMistake] = []

    /// The names that a caller can give a value.
    private let callerVariables: Set<String>

    /// - Parameter name: the name to print in mistakes.
    init(name: String, text: String, callerVariables: Set<String> = []) {
        self.name = name
        self.callerVariables = callerVariables
        root = compose(text)
    }

    /// Adds a mistake at a place of this file.
    func mistake(_ text: String, at position: SourcePosition) {
        // The stand-in for a duplicate key has been reported as such.
        guard !text.contains(Self.duplicateMark) else { return }
        mistakes.append(FileMistake(text, at: position))
    }

    func mistake(_ text: String, at node: Node) { mistake(text, at: position(of: node)) }

    func position(of node: Node) -> SourcePosition {
        SourcePosition(file: name, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    func isCallerVariable(_ name: String) -> Bool { callerVariables.contains(name) }

    var start: SourcePosition { SourcePosition(file: name, line: 1, column: 1) }

    // MARK: Parsing

    /// A character that no scenario uses (private use area); it takes the place of a duplicate key's last character.
    private static let duplicateMark: Character = "\u{E000}"

    private func compose(_ text: String) -> Node? {
        var text = text
        while true {
            do {
                return try Yams.compose(yaml: text)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                // Yams stops at the first mapping with a duplicate and knows the key's first place only. Renaming it
                // without moving anything lets the rest of the file be read too.
                let place = SourcePosition(file: name, line: context.mark.line, column: context.mark.column)
                let key = keys.first ?? ""
                mistakes.append(FileMistake("the key `\(key)` stands more than once in this mapping", at: place))
                guard let renamed = Self.renaming(key, at: place, in: text) else { return nil }
                text = renamed
            } catch {
                mistakes.append(Self.syntaxMistake(error, file: name))
                return nil
            }
        }
    }

    private static func renaming(_ key: String, at place: SourcePosition, in text: String) -> String? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard !key.isEmpty, lines.indices.contains(place.line - 1) else { return nil }
        var line = String(lines[place.line - 1])
        let start = line.unicodeScalars.index(
            line.startIndex, offsetBy: place.column - 1, limitedBy: line.endIndex)
        guard let start, let range = line[start...].firstRange(of: key) else { return nil }
        line.replaceSubrange(range, with: key.dropLast() + String(duplicateMark))
        lines[place.line - 1] = line[...]
        return lines.joined(separator: "\n")
    }

    private static func syntaxMistake(_ error: any Error, file: String) -> FileMistake {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            FileMistake(
                "not valid YAML: \(problem)", at: SourcePosition(file: file, line: mark.line, column: mark.column))
        default:
            FileMistake("not valid YAML: \(error)", at: SourcePosition(file: file, line: 1, column: 1))
        }
    }
}

extension YAMLFile {
    /// The node's text, when it is one value.
    func scalar(_ node: Node, _ what: String) -> String? {
        guard case .scalar(let scalar) = node else {
            if case .mapping(let mapping) = node, mapping.first.map({ !$0.key.isScalar }) ?? false {
                mistake("\(what): a text that begins with {{ must stand in quotes", at: node)
            } else {
                mistake("\(what) must be a text, not a \(node.kindName)", at: node)
            }
            return nil
        }
        return scalar.string
    }

    /// A text with variables.
    func template(_ node: Node, _ what: String) -> Template? {
        guard let text = scalar(node, what) else { return nil }
        do {
            return try Template(text, at: position(of: node))
        } catch {
            mistake(error.text, at: error.position)
            return nil
        }
    }

    /// A whole number, written plainly.
    func integer(_ node: Node, _ what: String, in range: ClosedRange<Int>) -> Int? {
        guard case .scalar(let scalar) = node, scalar.isPlain, let number = Int(scalar.string), range.contains(number)
        else {
            mistake("\(what) must be a whole number from \(range.lowerBound) to \(range.upperBound)", at: node)
            return nil
        }
        return number
    }

    /// A number of seconds, fractions allowed.
    func seconds(_ node: Node, _ what: String, upTo maximum: Double) -> Duration? {
        guard case .scalar(let scalar) = node, scalar.isPlain, let number = Double(scalar.string), number >= 0,
            number <= maximum
        else {
            mistake("\(what) must be a number of seconds from 0 to \(Int(maximum))", at: node)
            return nil
        }
        return .seconds(number)
    }

    /// One of a few words.
    func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ node: Node, _ what: String, from choices: Choice.Type
    ) -> Choice? {
        guard let text = scalar(node, what) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            mistake("\(what) must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))", at: node)
            return nil
        }
        return choice
    }

    /// Yes or no.
    func flag(_ node: Node, _ what: String) -> Bool? {
        guard case .scalar(let scalar) = node, scalar.isPlain, let flag = Bool(scalar.string) else {
            mistake("\(what) must be true or false", at: node)
            return nil
        }
        return flag
    }

    /// The elements of a list.
    func list(_ node: Node, _ what: String) -> [Node]? {
        guard case .sequence(let sequence) = node else {
            mistake("\(what) must be a list, not a \(node.kindName)", at: node)
            return nil
        }
        return Array(sequence)
    }

    /// The pairs of a mapping whose keys are texts.
    func pairs(_ node: Node, _ what: String) -> [(key: String, keyNode: Node, value: Node)]? {
        guard case .mapping(let mapping) = node else {
            mistake("\(what) must be a mapping, not a \(node.kindName)", at: node)
            return nil
        }
        return mapping.compactMap { key, value in
            guard case .scalar(let scalar) = key else {
                mistake("a key must be a text; a text that begins with {{ must stand in quotes", at: key)
                return nil
            }
            return (scalar.string, key, value)
        }
    }

    /// A value for JSON: plain `null`, `~`, `true`, `false` and numbers mean themselves (YAML 1.2 §10.2, and a number
    /// only in JSON's own form), everything else is a string; so `no` and `on` are strings.
    func json(_ node: Node, _ what: String) -> JSONTemplate? {
        switch node {
        case .scalar(let scalar):
            if scalar.isPlain {
                switch scalar.string {
                case "", "~", "null": return .null
                case "true": return .bool(true)
                case "false": return .bool(false)
                case let text where JSONNumberText.isValid(text): return .number(text)
                default: break
                }
            }
            return template(node, what).map { .string($0) }
        case .sequence(let sequence):
            let elements = sequence.compactMap { json($0, what) }
            return elements.count == sequence.count ? .array(elements) : nil
        case .mapping:
            guard let pairs = pairs(node, what) else { return nil }
            let members = pairs.compactMap { pair -> JSONTemplate.Member? in
                guard let name = template(pair.keyNode, "a member's name"), let value = json(pair.value, what) else {
                    return nil
                }
                return JSONTemplate.Member(name: name, value: value, position: position(of: pair.keyNode))
            }
            return members.count == pairs.count ? .object(members) : nil
        case .alias:
            mistake("\(what): an alias that cannot be followed", at: node)
            return nil
        }
    }
}

extension Node {
    fileprivate var isScalar: Bool { if case .scalar = self { true } else { false } }

    /// Whether the node is a plain `null`, `~` or nothing.
    var isNull: Bool {
        guard case .scalar(let scalar) = self, scalar.isPlain else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    var kindName: String {
        switch self {
        case .scalar: "text"
        case .mapping: "mapping"
        case .sequence: "list"
        case .alias: "alias"
        }
    }
}

extension Node.Scalar {
    /// Whether the text stands without quotes.
    var isPlain: Bool { style == .plain || style == .any }
}

/// The form of a JSON number (RFC 8259 §6).
enum JSONNumberText {
    static func isValid(_ text: String) -> Bool {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        guard let first = rest.first else { return false }
        if first == UInt8(ascii: "0") { rest.removeFirst() } else if !takeDigits(&rest) { return false }
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            guard takeDigits(&rest) else { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
            guard takeDigits(&rest) else { return false }
        }
        return rest.isEmpty
    }

    private static func takeDigits(_ text: inout Substring.UTF8View) -> Bool {
        let digits = text.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        text = text.dropFirst(digits.count)
        return !digits.isEmpty
    }
}
