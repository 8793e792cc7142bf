/// What an answer must be like. Everything named must hold; nothing named means any 2xx.
package struct Expectation: Sendable {
    package var position: SourcePosition
    package var status: Check<[Int]>?
    package var code: Check<Template>?
    package var headers: [Header] = []
    package var json: Check<JSONTemplate>?
    package var jsonIncludes: Check<JSONTemplate>?
    package var jsonLength: Check<Int>?
    package var body: Check<Template>?
    package var bodyMatches: Check<Template>?

    package init(position: SourcePosition) { self.position = position }

    /// An expected value and where it is written.
    package struct Check<Value: Sendable>: Sendable {
        package let value: Value
        package let position: SourcePosition
    }

    package struct Header: Sendable {
        package let name: String
        package let value: Value
        package let position: SourcePosition

        package enum Value: Sendable {
            case absent
            /// The text of one of the header's lines, or `~` and a regular expression.
            case text(Template)
        }
    }

    package var templates: [Template] {
        var all: [Template] = []
        if let code { all.append(code.value) }
        for header in headers { if case .text(let template) = header.value { all.append(template) } }
        all += json?.value.templates ?? []
        all += jsonIncludes?.value.templates ?? []
        if let body { all.append(body.value) }
        if let bodyMatches { all.append(bodyMatches.value) }
        return all
    }
}

extension Step {
    /// All texts in which variables can stand.
    package var templates: [Template] {
        switch verb {
        case .send(let step): step.message.templates + step.expectation.templates
        case .sign(let step):
            step.message.templates + step.signatures.flatMap(\.templates) + step.expectation.templates
        case .tamper(let step): step.templates
        case .replay(let step): step.expectation.templates
        case .parallel(let step):
            switch step.request {
            case .message(let message): message.templates
            case .kept: []
            }
        case .forge(let step): step.templates
        case .raw(let step):
            switch step.bytes {
            case .text(let template): [template] + step.expectation.templates
            case .bytes: step.expectation.templates
            }
        case .waitMail(let step): [step.recipient] + step.expectation.templates + captures.flatMap(\.templates)
        case .makeKey, .wait: []
        }
    }

    /// What the step does, in a few words, with variables as written.
    package var summary: String {
        switch verb {
        case .send(let step): "\(step.message.method) \(step.message.target.source)"
        case .sign(let step): "sign \(step.message.method) \(step.message.target.source)"
        case .tamper(let step): "tamper \(step.original.name)"
        case .replay(let step): "replay \(step.original.name)"
        case .parallel(let step):
            switch step.request {
            case .message(let message): "\(step.times) × \(message.method) \(message.target.source)"
            case .kept(let original): "\(step.times) × replay \(original.name)"
            }
        case .forge(let step): "forge \(step.token.source)"
        case .makeKey(let step): "make-key \(step.type)"
        case .raw: "raw"
        case .wait(let step): "wait \(step.duration)"
        case .waitMail(let step): "wait-mail \(step.recipient.source)"
        }
    }
}
