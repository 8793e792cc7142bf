import Mustache

/// Text as it may stand in an element or in a quoted attribute.
///
/// The library escapes by `Character`, which leaves a quotation mark alone that has a combining mark behind it. Browsers see
/// two characters there, the first of which ends the attribute.
struct EscapedHTML: MustacheContentType {
    private static let name: String = {
        let name = "GATEHOUSE-HTML"
        MustacheContentTypes.register(EscapedHTML(), named: name)
        return name
    }()

    /// - Throws: `MustacheTemplate.ParserError`.
    static func template(_ text: String) throws -> MustacheTemplate {
        try MustacheTemplate(string: "{{% CONTENT_TYPE:\(name)}}" + text)
    }

    func escapeText(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
            case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
            case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
            case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
