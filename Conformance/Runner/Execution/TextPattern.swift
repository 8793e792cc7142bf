internal import _StringProcessing

/// Regular expressions in expectations: `~^[0-9]+$`.
///
/// Values of variables inside are literal text: an alias contains `$` and `.`.
enum TextPattern {
    /// A pattern is looked for in so many characters at most, so that a long answer cannot keep the runner busy.
    static let longestText = 65_536

    /// What is wrong with the pattern, nil when nothing is.
    static func problem(in template: Template) -> String? {
        let pattern = template.parts.map { if case .text(let text) = $0 { text } else { "x" } }.joined()
        do {
            _ = try regex(dropTilde(pattern))
            return nil
        } catch {
            return "not a regular expression: \(error)"
        }
    }

    /// Whether the expression occurs in the text.
    static func matches(_ template: Template, in text: String, scope: Scope) throws(MissingVariable) -> Bool {
        try firstMatch(of: template, in: text, scope: scope) != nil
    }

    /// Where a text, or with `~` an expression, first occurs in another.
    static func firstRange(
        of template: Template, in text: String, scope: Scope
    ) throws(MissingVariable) -> Range<String.Index>? {
        guard template.isPattern else { return text.firstRange(of: try template.resolved(in: scope)) }
        return try firstMatch(of: template, in: text, scope: scope)
    }

    /// What the first group of an expression matches first, or all that it matches when it has no group.
    static func capture(_ template: Template, in text: String, scope: Scope) throws(MissingVariable) -> String? {
        guard let match = try match(of: template, in: text, scope: scope) else { return nil }
        let group = match.output.count > 1 ? match.output[1].substring : text[match.range]
        return group.map(String.init)
    }

    private static func firstMatch(
        of template: Template, in text: String, scope: Scope
    ) throws(MissingVariable) -> Range<String.Index>? {
        try match(of: template, in: text, scope: scope)?.range
    }

    private static func match(
        of template: Template, in text: String, scope: Scope
    ) throws(MissingVariable) -> Regex<AnyRegexOutput>.Match? {
        let pattern = dropTilde(try template.resolved(in: scope, encode: literal))
        guard let regex = try? regex(pattern) else { return nil }
        let searched = text.unicodeScalars.prefix(longestText)
        return (try? regex.firstMatch(in: Substring(searched))) ?? nil
    }

    /// The text of the template as a person would write it, `~` included.
    static func description(_ template: Template, scope: Scope) throws(MissingVariable) -> String {
        let text = try template.resolved(in: scope)
        return text.hasPrefix("~") ? text : "~" + text
    }

    private static func dropTilde(_ text: String) -> String { text.hasPrefix("~") ? String(text.dropFirst()) : text }

    private static func regex(_ pattern: String) throws -> Regex<AnyRegexOutput> {
        // Code points, not grapheme clusters: "\r\n" are two characters on the wire.
        try Regex(pattern).matchingSemantics(.unicodeScalar)
    }

    /// The text with everything escaped that could mean something in an expression.
    private static func literal(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if "\\^$.|?*+()[]{}/-#&~".unicodeScalars.contains(scalar) { escaped.append("\\") }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }
}
