internal import HTTPTypes
internal import Yams

/// Reads `wait-mail`.
extension StepReader {
    func waitMail(_ step: MappingReader) -> WaitMailStep? {
        guard let node = step.required("wait-mail"),
            let reader = MappingReader(node, in: file, what: "`wait-mail`")
        else { return nil }
        let recipient = reader.required("to").flatMap { file.template($0, "`to`") }
        let limit = reader.required("within").flatMap { file.seconds($0, "`within`", upTo: 600) }
        reader.finish()
        let expectation = step.optional("expect").map(mailExpectation) ?? .mail([])
        guard let recipient, let limit else { return nil }
        return WaitMailStep(
            recipient: recipient, limit: limit, expectation: expectation, position: file.position(of: node))
    }

    /// `none`, or a mapping of parts to texts and expressions.
    private func mailExpectation(_ node: Node) -> MailExpectation {
        if case .scalar(let scalar) = node, scalar.string == "none" { return .nothing }
        guard let reader = MappingReader(node, in: file, what: "`expect`") else { return .mail([]) }
        var checks: [MailExpectation.Check] = []
        for part in [MailPart.subject, .text, .html] {
            let position = reader.keyPosition(part.name)
            guard let value = reader.optional(part.name).flatMap({ file.template($0, "`\(part.name)`") }) else {
                continue
            }
            checks.append(.init(part: part, value: value, position: position))
        }
        for pair in reader.optional("headers").flatMap({ file.pairs($0, "`headers`") }) ?? [] {
            guard HTTPField.Name(pair.key) != nil else {
                file.mistake("`\(pair.key)` is not the name of a header", at: pair.keyNode)
                continue
            }
            guard let value = file.template(pair.value, "the header `\(pair.key)`") else { continue }
            checks.append(.init(part: .header(pair.key), value: value, position: file.position(of: pair.keyNode)))
        }
        reader.finish()
        for check in checks where check.value.isPattern {
            if let problem = TextPattern.problem(in: check.value) {
                file.mistake(problem, at: check.value.position)
            }
        }
        return .mail(checks)
    }

    /// `{ text: 'k=(\S+)' }`: where the expression, or its first group, stands in a part of the mail.
    func mailCapture(_ node: Node) -> Capture.Source? {
        let parts: [String: MailPart] = ["subject": .subject, "text": .text, "html": .html]
        guard let pairs = file.pairs(node, "what is captured from a mail"), let pair = pairs.first else { return nil }
        guard pairs.count == 1, let part = parts[pair.key] else {
            file.mistake("a mail has `subject`, `text` and `html`, and a capture is from one of them", at: node)
            return nil
        }
        guard let expression = file.template(pair.value, "an expression") else { return nil }
        if let problem = TextPattern.problem(in: expression) {
            file.mistake(problem, at: pair.value)
            return nil
        }
        return .mail(part, expression)
    }
}
