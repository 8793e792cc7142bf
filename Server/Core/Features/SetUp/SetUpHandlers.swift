import GatehouseMessages
import GatehousePasswords

/// `/init`: turns forms into calls on `SetUp` and its answers into pages; decides nothing itself.
struct SetUpHandlers: Sendable {
    let setUp: SetUp

    /// `GET /init`
    @Sendable func show(_ call: Call, _: Anyone) async throws -> Answer {
        let standing = try await setUp.standing()
        guard standing != .closed else { return Self.ready.answer() }
        return Self.form(standing, call).answer()
    }

    /// `POST /init`
    @Sendable func create(_ call: Call, _: Anyone) async throws -> Answer {
        // Whether `admin` is ticked makes no difference.
        let form = try call.formMembers("username", "password", "code")
        let standing = try await setUp.standing()
        guard standing != .closed else { return Self.ready.answer() }
        let username = form["username"] ?? ""
        var page = Self.form(standing, call, username: username)
        do {
            guard !username.isEmpty else {
                throw FormMistake("You must provide a username", "username", .invalidName)
            }
            let email: EmailAddress
            do { email = try EmailAddress(username) } catch {
                throw FormMistake(error.description, "username", .invalidName)
            }
            try await setUp.makeAdmin(
                email, password: form["password"] ?? "", code: form["code"],
                isFromThisMachine: call.isFromThisMachine)
            return Self.ready.answer()
        } catch let mistake as FormMistake {
            page.failure = mistake.failure
            return page.answer(code: mistake.code)
        } catch let error as PasswordPolicyError {
            page.failure = WebPage.Failure(message: Self.text(of: error), field: "password")
            return page.answer(code: error.problem.code)
        } catch SetUpRefusal.nameTaken {
            page.failure = WebPage.Failure(message: "This username has already been taken", field: "username")
            return page.answer(code: Problem.nameTaken.code)
        } catch SetUpRefusal.codeNeeded {
            page.failure = WebPage.Failure(message: Problem.setUpCodeNeeded.title, field: "code")
            return page.answer(status: Problem.setUpCodeNeeded.status, code: Problem.setUpCodeNeeded.code)
        } catch SetUpRefusal.closed {
            return Self.ready.answer()
        }
    }

    // MARK: Pages

    private static let ready = WebPage(
        heading: "IDM Ready", paragraphs: ["Admin users have been created, system is ready."],
        links: [WebPage.Link(text: "Start page", path: "/")])

    private static func form(_ standing: SetUp.Standing, _ call: Call, username: String = "") -> WebPage {
        let isFirst = standing == .open
        var fields = [
            WebPage.Field(
                name: "username", label: "Email address", autocomplete: "username",
                hint: "The administrator signs in by it.", value: username),
            WebPage.Field(
                name: "password", label: "Password", kind: .newPassword, hint: "Long is better than complicated."),
        ]
        if !isFirst || !call.isFromThisMachine {
            fields.append(
                WebPage.Field(
                    name: "code", label: "Set-up code",
                    hint: "The server printed it to its log when it started, or gatehouse init --reopen did."))
        }
        return WebPage(
            heading: isFirst ? "Set up the first administrator" : "Set up an administrator",
            paragraphs: [
                isFirst
                    ? "No admin users are present on the system, you can create one now:"
                    : "An operator has opened this page, so that one more admin can be made."
            ],
            form: WebPage.Form(action: "/init", fields: fields, button: "Create administrator"))
    }

    private static func text(of error: PasswordPolicyError) -> String {
        if case .tooShort(let minimum) = error {
            return "You must provide a password with at least \(minimum) characters"
        }
        return error.description
    }
}

/// What is wrong with one field of a form.
struct FormMistake: Error {
    let failure: WebPage.Failure
    /// For `Error-Code`.
    let code: String

    init(_ message: String, _ field: String, _ problem: Problem) {
        failure = WebPage.Failure(message: message, field: field)
        code = problem.code
    }
}
