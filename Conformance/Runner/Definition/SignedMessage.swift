/// `sign`: a request with signatures, which need not be good ones.
package struct SignStep: Sendable {
    package let message: Message
    /// In this order: one can cover those before it.
    package let signatures: [Signing]
    /// The name under which later steps find the request.
    package let name: String?
    /// Whether it is sent, or only made.
    package let isSent: Bool
    package let expectation: Expectation
    package let position: SourcePosition
}

/// How one signature is made.
package struct Signing: Sendable {
    package let family: Family
    package let key: Template
    package let material: Material
    /// What the key signs with; HMAC with SHA-256 for a secret when nil. A name of `SignatureAlgorithm`.
    package let algorithm: Template?
    /// Identifiers of components, in this order; what servers commonly want when nil.
    package let covered: [Template]?
    /// Beside the usual parameters, or in their place.
    package let parameters: [MemberChange]
    package let position: SourcePosition

    package enum Family: Sendable, Hashable {
        /// draft-cavage-http-signatures, in a header of this name.
        case cavage(Form)
        /// RFC 9421, under this label.
        case rfc9421(label: Template)
    }

    package enum Form: String, Sendable, CaseIterable {
        /// draft-cavage-http-signatures-12 §3.1
        case authorization
        /// draft-cavage-http-signatures-12 §4.1
        case signature
    }

    package enum Material: Sendable {
        /// The octets of the text.
        case secret(Template)
        /// What the text encodes in Base64.
        case secretInBase64(Template)
        /// In PEM.
        case privateKey(Template)

        var template: Template {
            switch self {
            case .secret(let text), .secretInBase64(let text), .privateKey(let text): text
            }
        }
    }

    var templates: [Template] {
        var all = [key, material.template]
        if case .rfc9421(let label) = family { all.append(label) }
        return all + (algorithm.map { [$0] } ?? []) + (covered ?? []) + parameters.flatMap(\.templates)
    }
}

/// A kept request, and where a step names it.
package struct KeptMessage: Sendable, Hashable {
    package let name: String
    package let position: SourcePosition
}

/// `tamper`: a kept request sent with something changed, and not signed anew.
package struct TamperStep: Sendable {
    package let original: KeptMessage
    package let method: String?
    package let target: Template?
    /// All lines of the name give way to this one; without a value they go.
    package let headers: [Message.Header]
    /// More lines.
    package let added: [Message.Header]
    package let edits: [Edit]
    /// Unchanged when nil.
    package let body: Message.Body
    package let flips: [Flip]
    package let name: String?
    package let expectation: Expectation
    package let position: SourcePosition

    /// The first place of a header where something stands.
    package struct Edit: Sendable, Hashable {
        package let header: String
        /// A text, or `~` and a regular expression.
        package let find: Template
        package let put: Template
    }

    /// One bit of an octet, counted from 0.
    package struct Flip: Sendable, Hashable {
        package let part: Part
        package let octet: Int

        package enum Part: String, Sendable, CaseIterable { case body, signature }
    }

    var templates: [Template] {
        (target.map { [$0] } ?? []) + (headers + added).flatMap(\.value.templates)
            + edits.flatMap { [$0.find, $0.put] } + body.templates + expectation.templates
    }
}

/// `replay`: a kept request once more, octet by octet.
package struct ReplayStep: Sendable {
    package let original: KeptMessage
    package let expectation: Expectation
}

extension Step {
    /// The kept requests that the step needs.
    package var usedMessages: [KeptMessage] {
        switch verb {
        case .tamper(let step): return [step.original]
        case .replay(let step): return [step.original]
        case .parallel(let step):
            if case .kept(let original) = step.request { return [original] }
            return []
        case .send, .sign, .forge, .makeKey, .raw, .wait, .waitMail: return []
        }
    }

    /// The name of the request that the step keeps.
    package var keptMessage: String? {
        switch verb {
        case .sign(let step): step.name
        case .tamper(let step): step.name
        case .send, .replay, .parallel, .forge, .makeKey, .raw, .wait, .waitMail: nil
        }
    }

    /// The texts that hold secrets whatever their variables are called.
    package var secrets: [Template] {
        if case .sign(let step) = verb { step.signatures.map(\.material.template) } else { [] }
    }
}
