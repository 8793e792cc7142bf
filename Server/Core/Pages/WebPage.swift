import GatehouseMessages
import HTTPTypes
import Mustache

/// A page for people: what it says, and how it becomes an answer. `Templates/page.mustache` is how it looks.
package struct WebPage: Sendable {
    /// What a person fills in.
    struct Field: Sendable {
        enum Kind: Sendable { case text, newPassword, checkbox }

        /// Of the form's member, and of the element.
        let name: String
        let label: String
        var kind = Kind.text
        /// What a browser may offer (HTML, autofill).
        var autocomplete = "off"
        var hint: String?
        /// What the person has written before. Passwords are never sent back.
        var value = ""
    }

    struct Form: Sendable {
        /// A path of ours.
        let action: String
        let fields: [Field]
        var hidden: [(name: String, value: String)] = []
        let button: String
    }

    /// Why a form was not taken.
    struct Failure: Sendable {
        let message: String
        /// The name of the field that it is about.
        var field: String?
    }

    struct Link: Sendable {
        let text: String
        /// Of ours.
        let path: String
    }

    let heading: String
    var paragraphs: [String] = []
    var failure: Failure?
    var form: Form?
    var links: [Link] = []

    /// - Parameter code: the stable word of a refusal, for `Error-Code`.
    func answer(status: HTTPResponse.Status = .ok, code: String? = nil) -> Answer {
        var answer = Answer(status: status, contentType: "text/html; charset=utf-8", body: Array(html.utf8))
        answer.headers[.contentSecurityPolicy] = Self.contentSecurityPolicy
        // The link of a reset has its key in the URL, which no other site may learn. Not `no-referrer`: with it browsers send
        // `Origin: null` along with our own forms (Fetch §3.2), which is what a stranger's form looks like.
        answer.headers[HTTPField.Name("Referrer-Policy")!] = "same-origin"
        answer.headers[.cacheControl] = "no-store"
        answer.headers[.vary] = "Accept"
        answer.headers[.errorCode] = code
        return answer
    }

    /// No scripts, nothing from elsewhere, in nobody's frame.
    static let contentSecurityPolicy = """
        default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'
        """

    // MARK: HTML

    var html: String { PageTemplate.shared.render(context) }

    private var context: [String: Any] {
        var context: [String: Any] = [
            "title": failure == nil ? heading : "Error: \(heading)", "heading": heading, "paragraphs": paragraphs,
            "hasLinks": !links.isEmpty, "links": links.map { ["text": $0.text, "path": $0.path] },
            "icon": PageAsset.icon.url, "stylesheet": PageAsset.stylesheet.url,
        ]
        if let failure {
            var error: [String: Any] = ["message": failure.message]
            if let field = form?.fields.first(where: { $0.name == failure.field }) {
                error["field"] = ["id": field.name, "label": field.label]
            }
            context["error"] = error
        }
        if let form {
            context["form"] = [
                "action": form.action, "button": form.button,
                "hidden": form.hidden.map { ["name": $0.name, "value": $0.value] }, "fields": form.fields.map(values),
            ]
        }
        return context
    }

    private func values(of field: Field) -> [String: Any] {
        let isWrong = failure?.field == field.name
        var values: [String: Any] = [
            "id": field.name, "name": field.name, "label": field.label, "isCheckbox": field.kind == .checkbox,
            "isTicked": field.kind == .checkbox && !field.value.isEmpty, "isWrong": isWrong,
            "type": field.kind == .newPassword ? "password" : "text",
            "autocomplete": field.kind == .newPassword ? "new-password" : field.autocomplete,
            "value": field.kind == .text ? field.value : "",
        ]
        values["hint"] = field.hint
        let describedBy = (isWrong ? ["error"] : []) + (field.hint == nil ? [] : ["\(field.name)-hint"])
        if !describedBy.isEmpty { values["describedBy"] = describedBy.joined(separator: " ") }
        return values
    }
}

/// The one template, parsed once.
private struct PageTemplate: Sendable {
    static let shared = PageTemplate()

    private let template: MustacheTemplate

    private init() {
        let text = String(decoding: PackageResources.page_mustache, as: UTF8.self)
        do { template = try EscapedHTML.template(text) } catch {
            preconditionFailure("the template of the pages cannot be read: \(error)")
        }
    }

    func render(_ context: [String: Any]) -> String { template.render(context) }
}
