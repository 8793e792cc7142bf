/// What the steps of a run know: the variables that a text can see, and the requests that were kept.
package struct Scope: Sendable {
    private var values: [String: String] = [:]
    /// Texts that are made when they are asked for, because steps capture their parts later.
    private var provisions: [String: Template] = [:]
    /// Requests that steps kept, by their names.
    private var messages: [String: PreparedRequest] = [:]

    package init(_ values: [String: String] = [:]) { self.values = values }

    package mutating func set(_ name: String, to value: String) { values[name] = value }

    mutating func keep(_ name: String, _ message: PreparedRequest) { messages[name] = message }

    func message(_ kept: KeptMessage) throws(MissingVariable) -> PreparedRequest {
        guard let message = messages[kept.name] else { throw MissingVariable(name: kept.name) }
        return message
    }

    mutating func provide(_ name: String, as template: Template) { provisions[name] = template }

    /// The value of a variable; nil when nothing has given it one yet.
    package func value(_ name: String) -> String? { try? require(name) }

    package func require(_ name: String) throws(MissingVariable) -> String { try require(name, depth: 0) }

    private func require(_ name: String, depth: Int) throws(MissingVariable) -> String {
        if let value = values[name] { return value }
        if name == "braces" { return "{{" }
        if let count = CallerVariable.letterCount(name) { return String(repeating: "a", count: count) }
        // Provisions that name each other in a circle end here.
        guard let template = provisions[name], depth < 16 else { throw MissingVariable(name: name) }
        var text = ""
        for part in template.parts {
            switch part {
            case .text(let literal): text += literal
            case .variable(let inner): text += try require(inner, depth: depth + 1)
            }
        }
        return text
    }
}

/// A variable that has no value (yet).
package struct MissingVariable: Error, Hashable, Sendable {
    package let name: String
}
