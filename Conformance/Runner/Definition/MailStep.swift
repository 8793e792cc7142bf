/// `wait-mail`: the next mail that the target sends to somebody.
package struct WaitMailStep: Sendable {
    package let recipient: Template
    /// How long it may take.
    package let limit: Duration
    package let expectation: MailExpectation
    package let position: SourcePosition
}

/// What must come.
package enum MailExpectation: Sendable {
    /// No mail in the whole time.
    case nothing
    /// A mail in which all of these are so.
    case mail([Check])

    package struct Check: Sendable {
        package let part: MailPart
        /// The text, or `~` and a regular expression.
        package let value: Template
        package let position: SourcePosition
    }

    var templates: [Template] {
        switch self {
        case .nothing: []
        case .mail(let checks): checks.map(\.value)
        }
    }
}

/// A part of a mail that scenarios look at.
package enum MailPart: Sendable, Hashable {
    case subject, text, html
    case header(String)

    var name: String {
        switch self {
        case .subject: "subject"
        case .text: "text"
        case .html: "html"
        case .header(let name): "header \(name)"
        }
    }
}
