import Foundation
import Mustache

/// The texts of all mails, those of the deployer in the place of ours.
package struct MailTemplates: Sendable {
    /// One of the three files of a mail.
    enum Part: String, CaseIterable, Sendable {
        case subject, text, html
    }

    private let parts: [MailTemplate: [Part: MustacheTemplate]]

    /// - Parameter folder: with files that replace ours, such as `password-reset.text.mustache`.
    /// - Throws: `SettingsMistakes` that name each file that is no use, with the reason.
    package init(folder: String?) throws(SettingsMistakes) {
        var mistakes: [String] = []
        var parts: [MailTemplate: [Part: MustacheTemplate]] = [:]
        if let folder { mistakes += Self.strangers(in: folder) }
        for template in MailTemplate.allCases {
            for part in Part.allCases {
                do {
                    parts[template, default: [:]][part] = try Self.parse(
                        try Self.source(template, part, folder), template, part)
                } catch let error as UnusableTemplate {
                    mistakes.append("\(error.file): \(error.reason)")
                } catch {
                    mistakes.append("\(error)")
                }
            }
        }
        guard mistakes.isEmpty else { throw SettingsMistakes(mistakes: mistakes) }
        self.parts = parts
    }

    /// - Parameter values: by the template's names; escaped in HTML, as they are elsewhere.
    func render(_ template: MailTemplate, _ values: [String: String]) -> MailContent {
        func render(_ part: Part) -> String { parts[template]?[part]?.render(values) ?? "" }
        // One line, whatever a value holds.
        let subject = render(.subject).split(whereSeparator: \.isNewline).joined(separator: " ")
        return MailContent(subject: subject, text: Self.withoutEnd(render(.text)), html: Self.withoutEnd(render(.html)))
    }

    /// Without the line breaks with which a file ends.
    private static func withoutEnd(_ text: String) -> String {
        String(text.reversed().drop(while: \.isNewline).reversed())
    }

    // MARK: The files

    private struct UnusableTemplate: Error {
        let file: String
        let reason: String
    }

    private static func name(_ template: MailTemplate, _ part: Part) -> String {
        "\(template.rawValue).\(part.rawValue).mustache"
    }

    /// What would be overlooked: a folder that is none, and misspelt files.
    private static func strangers(in folder: String) -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
            let reason = unsafe String(cString: strerror(error.systemCode))
            return ["The folder \(folder) cannot be read: \(reason)."]
        }
        let known = MailTemplate.allCases.flatMap { template in Part.allCases.map { name(template, $0) } }
        return names.filter { $0.hasSuffix(".mustache") && !known.contains($0) }.sorted().map { file in
            "\(folder)/\(file): no mail has a file of this name; there are \(known.joined(separator: ", "))"
        }
    }

    private static func source(
        _ template: MailTemplate, _ part: Part, _ folder: String?
    ) throws -> (text: String, file: String) {
        let name = name(template, part)
        if let folder {
            let path = "\(folder)/\(name)"
            do {
                guard let text = String(validating: try GivenFile.read(path), as: UTF8.self) else {
                    throw UnusableTemplate(file: path, reason: "it is not UTF-8")
                }
                return (text, path)
            } catch let error as UnreadableFile where error.isMissing {}
        }
        return (String(decoding: embedded(template, part), as: UTF8.self), name)
    }

    private static func embedded(_ template: MailTemplate, _ part: Part) -> [UInt8] {
        switch (template, part) {
        case (.passwordReset, .subject): PackageResources.password_reset_subject_mustache
        case (.passwordReset, .text): PackageResources.password_reset_text_mustache
        case (.passwordReset, .html): PackageResources.password_reset_html_mustache
        case (.domainRecordMissing, .subject): PackageResources.domain_record_missing_subject_mustache
        case (.domainRecordMissing, .text): PackageResources.domain_record_missing_text_mustache
        case (.domainRecordMissing, .html): PackageResources.domain_record_missing_html_mustache
        case (.test, .subject): PackageResources.test_subject_mustache
        case (.test, .text): PackageResources.test_text_mustache
        case (.test, .html): PackageResources.test_html_mustache
        }
    }

    private static func parse(
        _ source: (text: String, file: String), _ template: MailTemplate, _ part: Part
    ) throws -> MustacheTemplate {
        func unusable(_ reason: String) -> UnusableTemplate { UnusableTemplate(file: source.file, reason: reason) }
        // A value that is not there would silently be nothing, and `{{{…}}}` would not be escaped.
        for tag in source.text.matches(of: #/\{\{([^}]*)\}\}/#) {
            let inner = tag.1.trimmingCharacters(in: .whitespacesAndNewlines)
            if inner.hasPrefix("!") { continue }
            let name = inner.first.map { "#^/".contains($0) } == true ? String(inner.dropFirst()) : inner
            guard template.values.contains(name.trimmingCharacters(in: .whitespaces)) else {
                throw unusable(
                    "{{\(inner)}} is not among what this mail can say: "
                        + template.values.sorted().map { "{{\($0)}}" }.joined(separator: ", "))
            }
        }
        let parsed: MustacheTemplate
        do {
            // Text is not escaped; what comes before it must not take a line of its own.
            parsed =
                try part == .html
                ? EscapedHTML.template(source.text) : MustacheTemplate(string: "{{% CONTENT_TYPE:TEXT}}" + source.text)
        } catch let error as MustacheTemplate.ParserError {
            // Of the text before it, one line more or less does not count.
            throw unusable("line \(error.context.lineNumber): \(error.error)")
        } catch {
            throw unusable("\(error)")
        }
        let marks = Dictionary(uniqueKeysWithValues: template.values.map { ($0, "mark-of-\($0)") })
        let rendered = parsed.render(marks)
        switch part {
        case .subject:
            guard rendered.split(whereSeparator: \.isNewline).count == 1, rendered.utf8.count <= 200 else {
                throw unusable("a subject is one line of 200 octets at most")
            }
        case .text, .html:
            guard let missing = template.necessary.sorted().first(where: { !rendered.contains("mark-of-\($0)") }) else {
                break
            }
            throw unusable("{{\(missing)}} does not occur in it, and without that the mail is no use")
        }
        return parsed
    }
}
