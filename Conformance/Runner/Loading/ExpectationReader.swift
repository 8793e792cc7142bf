internal import HTTPTypes
internal import Yams

/// Reads `expect`.
struct ExpectationReader {
    let file: YAMLFile

    func expectation(_ node: Node?, of step: Node) -> Expectation {
        var expectation = Expectation(position: file.position(of: node ?? step))
        guard let node, let reader = MappingReader(node, in: file, what: "`expect`") else { return expectation }
        read(reader, into: &expectation)
        reader.finish()
        return expectation
    }

    /// What `raw` can expect besides: that the server closes the connection.
    func rawExpectation(_ node: Node?, of step: Node) -> (Expectation, closesWithin: Duration?) {
        var expectation = Expectation(position: file.position(of: node ?? step))
        guard let node, let reader = MappingReader(node, in: file, what: "`expect`") else { return (expectation, nil) }
        read(reader, into: &expectation)
        let closes = reader.optional("closes-within-s").flatMap { file.seconds($0, "`closes-within-s`", upTo: 600) }
        reader.finish()
        return (expectation, closes)
    }

    private func read(_ reader: MappingReader, into expectation: inout Expectation) {
        expectation.status = check(reader, "status", statuses)
        expectation.code = check(reader, "code") { file.template($0, "`code`") }
        expectation.headers = reader.optional("headers").map(headers) ?? []
        expectation.json = check(reader, "json") { file.json($0, "`json`") }
        expectation.jsonIncludes = check(reader, "json-includes") { file.json($0, "`json-includes`") }
        expectation.jsonLength = check(reader, "json-length") { file.integer($0, "`json-length`", in: 0...1_000_000) }
        expectation.body = check(reader, "body") { file.template($0, "`body`") }
        expectation.bodyMatches = check(reader, "body-matches", pattern)
        checkPatterns(expectation.jsonIncludes?.value.templates ?? [])
    }

    private func check<Value: Sendable>(
        _ reader: MappingReader, _ key: String, _ read: (Node) -> Value?
    ) -> Expectation.Check<Value>? {
        let position = reader.keyPosition(key)
        return reader.optional(key).flatMap(read).map { Expectation.Check(value: $0, position: position) }
    }

    private func statuses(_ node: Node) -> [Int]? {
        let nodes = if case .sequence(let list) = node { Array(list) } else { [node] }
        if nodes.isEmpty { file.mistake("`status` is empty", at: node) }
        let statuses = nodes.compactMap { file.integer($0, "`status`", in: 100...599) }
        return statuses.isEmpty ? nil : statuses
    }

    private func headers(_ node: Node) -> [Expectation.Header] {
        (file.pairs(node, "`headers`") ?? []).compactMap { pair in
            let position = file.position(of: pair.keyNode)
            guard HTTPField.Name(pair.key) != nil else {
                file.mistake("`\(pair.key)` is not the name of a header", at: pair.keyNode)
                return nil
            }
            if pair.value.isNull { return Expectation.Header(name: pair.key, value: .absent, position: position) }
            guard let template = file.template(pair.value, "the header `\(pair.key)`") else { return nil }
            checkPatterns([template])
            return Expectation.Header(name: pair.key, value: .text(template), position: position)
        }
    }

    /// A regular expression, with or without the `~` that marks one elsewhere.
    private func pattern(_ node: Node) -> Template? {
        guard let template = file.template(node, "`body-matches`") else { return nil }
        if let problem = TextPattern.problem(in: template) { file.mistake(problem, at: node) }
        return template
    }

    private func checkPatterns(_ templates: [Template]) {
        for template in templates where template.isPattern {
            if let problem = TextPattern.problem(in: template) { file.mistake(problem, at: template.position) }
        }
    }
}
