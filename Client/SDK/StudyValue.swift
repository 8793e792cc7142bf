import GatehouseJSON

/// A member that a study adds to its subjects.
public enum StudyValue: Sendable, Hashable {
    case string(String)
    /// As it is written in JSON, `1.50` for example.
    case number(String)
    /// There is nothing; in a change it takes the member away.
    case null
}

extension StudyValue {
    /// The text, when it is one.
    public var string: String? { if case .string(let text) = self { text } else { nil } }

    /// The number, rounded to the nearest `Double`, when it is one.
    public var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }

    /// - Throws: `.unexpectedAnswer` for what no study can add.
    init(_ value: JSONValue) throws(GatehouseError) {
        switch value {
        case .null: self = .null
        case .string(let text): self = .string(text)
        case .number: self = .number(value.text)
        case .bool, .array, .object: throw .unexpectedAnswer("a member of a subject is \(value.kind)")
        }
    }

    func json() throws(GatehouseError) -> JSONValue {
        switch self {
        case .null: return .null
        case .string(let text): return .string(text)
        case .number(let text):
            guard let value = try? JSONValue(parsing: Array(text.utf8)), case .number = value else {
                throw .invalidArgument("A member's number is not written as JSON has it.")
            }
            return value
        }
    }
}

extension StudyValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByNilLiteral
{
    /// A text.
    public init(stringLiteral text: String) { self = .string(text) }
    /// A whole number.
    public init(integerLiteral number: Int64) { self = .number(String(number)) }
    /// A number.
    public init(floatLiteral number: Double) { self = .number("\(number)") }
    /// Nothing.
    public init(nilLiteral: ()) { self = .null }
}

extension StudyValue: CustomStringConvertible, CustomReflectable {
    /// Names the kind, never the value.
    public var description: String {
        switch self {
        case .string: "string"
        case .number: "number"
        case .null: "null"
        }
    }

    /// Nothing, so that `dump` shows no health data.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
