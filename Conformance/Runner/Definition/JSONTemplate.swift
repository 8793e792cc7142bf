/// A JSON value as a scenario writes it, in YAML, with variables in its strings.
package indirect enum JSONTemplate: Sendable, Hashable {
    case null
    case bool(Bool)
    /// The number's text, kept as written.
    case number(String)
    case string(Template)
    case array([JSONTemplate])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package let name: Template
        package let value: JSONTemplate
        package let position: SourcePosition
    }

    /// All templates inside, in order.
    package var templates: [Template] {
        switch self {
        case .null, .bool, .number: []
        case .string(let template): [template]
        case .array(let elements): elements.flatMap(\.templates)
        case .object(let members): members.flatMap { [$0.name] + $0.value.templates }
        }
    }
}
