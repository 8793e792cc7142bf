internal import GatehouseJSON

/// One thing that is not as expected. Texts are not masked yet.
struct Mismatch: Sendable {
    /// `status`, `header ETag`, `json-includes.message`
    let subject: String
    let expected: String
    let actual: String
    let position: SourcePosition
}

/// Compares an answer with what was expected, and finds every difference.
struct Judgement {
    let answer: Answer
    let scope: Scope
    private(set) var mismatches: [Mismatch] = []

    init(of answer: Answer, scope: Scope) {
        self.answer = answer
        self.scope = scope
    }

    mutating func judge(_ expectation: Expectation) throws(MissingVariable) {
        judgeStatus(expectation)
        if let code = expectation.code { try judgeCode(code) }
        for header in expectation.headers { try judge(header) }
        try judgeBody(expectation)
        try judgeJSON(expectation)
    }

    private mutating func judgeStatus(_ expectation: Expectation) {
        if let status = expectation.status {
            guard !status.value.contains(answer.status) else { return }
            add("status", status.value.map(String.init).joined(separator: " or "), "\(answer.status)", status.position)
        } else if expectation.code != nil {
            guard !(400...599).contains(answer.status) else { return }
            add("status", "a refusal", "\(answer.status)", expectation.position)
        } else {
            guard !(200...299).contains(answer.status) else { return }
            add("status", "any 2xx", "\(answer.status)", expectation.position)
        }
    }

    private mutating func judgeCode(_ code: Expectation.Check<Template>) throws(MissingVariable) {
        let expected = try code.value.resolved(in: scope)
        let actual = answer.values(of: "Error-Code")
        guard actual != [expected] else { return }
        add("code", expected, actual.isEmpty ? "no Error-Code" : actual.joined(separator: ", "), code.position)
    }

    private mutating func judge(_ header: Expectation.Header) throws(MissingVariable) {
        let actual = answer.values(of: header.name)
        let subject = "header \(header.name)"
        let shown = actual.isEmpty ? "absent" : actual.joined(separator: "\n")
        switch header.value {
        case .absent:
            if !actual.isEmpty { add(subject, "absent", shown, header.position) }
        case .text(let template) where template.isPattern:
            for value in actual where try TextPattern.matches(template, in: value, scope: scope) { return }
            add(subject, try TextPattern.description(template, scope: scope), shown, header.position)
        case .text(let template):
            let expected = try template.resolved(in: scope)
            if !actual.contains(expected) { add(subject, expected, shown, header.position) }
        }
    }

    private mutating func judgeBody(_ expectation: Expectation) throws(MissingVariable) {
        guard expectation.body != nil || expectation.bodyMatches != nil else { return }
        let actual = ReadableBytes.text(answer.body)
        if let body = expectation.body {
            let expected = try body.value.resolved(in: scope)
            if Array(expected.utf8) != answer.body { add("body", expected, actual, body.position) }
        }
        if let pattern = expectation.bodyMatches {
            let text = String(decoding: answer.body, as: UTF8.self)
            if try !TextPattern.matches(pattern.value, in: text, scope: scope) {
                add(
                    "body-matches", try TextPattern.description(pattern.value, scope: scope), actual, pattern.position)
            }
        }
    }

    private mutating func judgeJSON(_ expectation: Expectation) throws(MissingVariable) {
        guard
            let position = expectation.json?.position ?? expectation.jsonIncludes?.position
                ?? expectation.jsonLength?.position
        else { return }
        let actual: JSONValue
        do {
            actual = try JSONValue(parsing: answer.body)
        } catch {
            add("body", "JSON", "not JSON (\(error)): \(ReadableBytes.text(answer.body))", position)
            return
        }
        if let json = expectation.json {
            let expected = try json.value.resolved(in: scope)
            if !expected.isEquivalent(to: actual) { add("json", expected.text, actual.text, json.position) }
        }
        if let includes = expectation.jsonIncludes {
            var comparison = JSONComparison(scope: scope)
            try comparison.compare(includes.value, with: actual, path: "json-includes", at: includes.position)
            mismatches += comparison.mismatches
        }
        if let length = expectation.jsonLength {
            let count = actual.array?.count
            if count != length.value {
                add("json-length", "\(length.value)", count.map(String.init) ?? actual.kind, length.position)
            }
        }
    }

    private mutating func add(_ subject: String, _ expected: String, _ actual: String, _ position: SourcePosition) {
        mismatches.append(Mismatch(subject: subject, expected: expected, actual: actual, position: position))
    }
}
