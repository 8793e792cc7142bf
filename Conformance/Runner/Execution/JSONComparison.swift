internal import GatehouseJSON

/// Looks for an expected subset in a JSON value: named members must be there, others may be; arrays have as many
/// elements as expected; texts that begin with `~` are regular expressions.
struct JSONComparison {
    let scope: Scope
    private(set) var mismatches: [Mismatch] = []

    init(scope: Scope) { self.scope = scope }

    mutating func compare(
        _ expected: JSONTemplate, with actual: JSONValue, path: String, at position: SourcePosition
    ) throws(MissingVariable) {
        switch expected {
        case .object(let members):
            guard actual.object != nil else { return add(path, "an object", actual.text, position) }
            for member in members {
                let name = try member.name.resolved(in: scope)
                let inner = "\(path).\(name)"
                guard let value = actual[name] else {
                    add(inner, try describe(member.value), "no such member", member.position)
                    continue
                }
                try compare(member.value, with: value, path: inner, at: member.position)
            }
        case .array(let elements):
            guard let values = actual.array else { return add(path, "an array", actual.text, position) }
            guard values.count == elements.count else {
                return add(path, "\(elements.count) elements", actual.text, position)
            }
            for (index, (element, value)) in zip(elements, values).enumerated() {
                try compare(element, with: value, path: "\(path).\(index)", at: position)
            }
        case .string(let template) where template.isPattern:
            guard let text = actual.string, try TextPattern.matches(template, in: text, scope: scope) else {
                return add(path, try TextPattern.description(template, scope: scope), actual.text, position)
            }
        default:
            let value = try expected.resolved(in: scope)
            if !value.isEquivalent(to: actual) { add(path, value.text, actual.text, position) }
        }
    }

    private func describe(_ expected: JSONTemplate) throws(MissingVariable) -> String {
        try expected.resolved(in: scope).text
    }

    private mutating func add(_ subject: String, _ expected: String, _ actual: String, _ position: SourcePosition) {
        mismatches.append(Mismatch(subject: subject, expected: expected, actual: actual, position: position))
    }
}

extension JSONTemplate {
    /// The value with every variable replaced.
    func resolved(in scope: Scope) throws(MissingVariable) -> JSONValue {
        switch self {
        case .null: return .null
        case .bool(let flag): return .bool(flag)
        case .number(let text):
            // The reader has checked the form, so this parses; a number too odd for the parser stays visible as text.
            return (try? JSONValue(parsing: Array(text.utf8))) ?? .string(text)
        case .string(let template): return .string(try template.resolved(in: scope))
        case .array(let elements):
            var values: [JSONValue] = []
            for element in elements { values.append(try element.resolved(in: scope)) }
            return .array(values)
        case .object(let members):
            var values: [JSONValue.Member] = []
            for member in members {
                values.append(
                    JSONValue.Member(
                        name: try member.name.resolved(in: scope), value: try member.value.resolved(in: scope)))
            }
            return .object(values)
        }
    }
}
