/// One promise of a protocol, and the steps that show whether a server keeps it. Never holds a result.
package struct Scenario: Sendable {
    /// Path of the file below the folder of suites, without `.yaml`: `opencap/addresses/read-by-anyone`.
    package let id: String
    package let position: SourcePosition
    package let title: String
    package let sources: [PromiseSource]
    package let level: Level
    package let profile: String
    package let tags: Set<String>
    package let uses: [FixtureUse]
    /// The caller's variables without which the scenario is skipped: those under `needs` and those that its texts name.
    package let needs: [String]
    package let steps: [Step]
    package let cleanup: [Step]

    /// The id without its last part, for grouping.
    package var area: String {
        guard let slash = id.lastIndex(of: "/") else { return id }
        return String(id[..<slash])
    }

    /// Whether the scenario must not run beside others.
    package var runsAlone: Bool { tags.contains("alone") }
}

/// How binding a promise is (RFC 2119 §1, §3, §5).
package enum Level: String, Sendable, CaseIterable, Comparable {
    case must, should, may

    package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .must: 0
        case .should: 1
        case .may: 2
        }
    }
}

/// Where a promise is written: `API.md#O-12`, or `RFC 6750 §3`.
package struct PromiseSource: Sendable, Hashable {
    package let text: String
    package let position: SourcePosition

    /// The file of a numbered promise and its identifier; nil for a section of another document.
    package var numbered: (document: String, promise: String)? {
        guard let hash = text.firstIndex(of: "#") else { return nil }
        return (String(text[..<hash]), String(text[text.index(after: hash)...]))
    }
}

/// `{ fixture: alias, as: alice }`
package struct FixtureUse: Sendable, Hashable {
    package let fixture: String
    package let instance: String
    package let position: SourcePosition
}

/// Things that scenarios need before they can begin, such as an account, and how to take them away again.
package struct Fixture: Sendable {
    package let name: String
    package let position: SourcePosition
    package let needs: [String]
    package let steps: [Step]
    package let cleanup: [Step]
    package let provides: [Provision]

    /// One variable that users of the fixture see as `{{instance.name}}`.
    package struct Provision: Sendable, Hashable {
        package let name: String
        package let value: Template
    }
}

/// One act and what must come of it.
package struct Step: Sendable {
    package let position: SourcePosition
    package let note: String?
    package let verb: Verb
    package let captures: [Capture]
}

package enum Verb: Sendable {
    case send(SendStep)
    case sign(SignStep)
    case tamper(TamperStep)
    case replay(ReplayStep)
    case parallel(ParallelStep)
    case forge(ForgeStep)
    case makeKey(MakeKeyStep)
    case raw(RawStep)
    case wait(WaitStep)
    case waitMail(WaitMailStep)
}

/// `{ token: json.jwt }`: a name for a part of the answer.
package struct Capture: Sendable, Hashable {
    package let name: String
    package let source: Source
    package let position: SourcePosition

    package enum Source: Sendable, Hashable {
        case status
        case body
        /// The first header line of that name.
        case header(String)
        /// Member names, and numbers for elements of arrays.
        case json([String])
        /// A claim of the token that the body carries as `jwt`.
        case claim([String])
        /// The token that `forge` made.
        case forgedToken
        /// The key that a make-key made.
        case madeKey
        /// The first group of the expression where it first stands in a part of the mail, or all that it matches.
        case mail(MailPart, Template)
    }
}

extension Capture {
    /// The texts in which variables can stand.
    var templates: [Template] {
        if case .mail(_, let expression) = source { [expression] } else { [] }
    }

    /// Whether what is captured is a secret whatever its name: a link in a mail is for its reader alone.
    var isSecret: Bool {
        if case .mail = source { true } else { false }
    }
}
