import GatehouseMessages
import GatehousePasswords

/// `/iforgot` and `/reset`: turns forms into calls on `PasswordReset` and its answers into pages; decides nothing itself.
struct PasswordResetHandlers: Sendable {
    let reset: PasswordReset
    let limit: NetworkLimit
    let clock: Clock

    /// `GET /iforgot`
    @Sendable func ask(_: Call, _: Anyone) async throws -> Answer { Self.question.answer() }

    /// `POST /iforgot`
    @Sendable func request(_ call: Call, _: Anyone) async throws -> Answer {
        let username = try call.formMembers("username")["username"] ?? ""
        guard username.contains(where: { !$0.isWhitespace }) else {
            var page = Self.question
            page.failure = WebPage.Failure(message: "You must provide a username", field: "username")
            return page.answer(code: Problem.invalidName.code)
        }
        let now = clock.now()
        try limit.requireRoom(for: call.network, at: now)
        limit.count(call.network, at: now)
        #if DEBUG
        if reset.faults.active.contains(.forgotTells), let told = try await tell(username) { return told }
        #endif
        try await reset.request(username, host: call.original.host)
        return Self.sent.answer()
    }

    /// `GET /reset`. Says nothing about the key: mail scanners follow links.
    @Sendable func show(_ call: Call, _: Anyone) async throws -> Answer {
        let key = try call.queryMembers("k")["k"] ?? ""
        return key.isEmpty ? Self.refusal(.noKey) : Self.form(key: key).answer()
    }

    /// `POST /reset`
    @Sendable func set(_ call: Call, _: Anyone) async throws -> Answer {
        let form = try call.formMembers("key", "pass1", "pass2")
        let key = form["key"] ?? ""
        do {
            try await reset.setPassword(key: key, first: form["pass1"] ?? "", second: form["pass2"] ?? "")
            return Self.done.answer()
        } catch let refusal as ResetRefusal {
            return Self.refusal(refusal, key: key)
        }
    }

    // MARK: Pages

    private static let again = WebPage.Link(text: "I forgot my password", path: "/iforgot")

    private static let question = WebPage(
        heading: "I forgot my password",
        paragraphs: ["You will get an email with a link to set a new password."],
        form: WebPage.Form(
            action: "/iforgot",
            fields: [
                WebPage.Field(
                    name: "username", label: "Username", autocomplete: "username",
                    hint: "The email address that you sign in by.")
            ], button: "Send the link"))

    private static let sent = WebPage(
        heading: "Please check your email",
        paragraphs: [
            "A password reset link has been sent to your email address. Follow the link in the email to set a new password.",
            "It works once, within \(PasswordReset.keyHours) hours. If nothing arrives within a few minutes, check how the "
                + "username is spelled and look among unwanted mail.",
        ], links: [WebPage.Link(text: "Ask for another link", path: "/iforgot")])

    private static let done = WebPage(
        heading: "Your password has been set",
        paragraphs: ["Sign in with it from now on. Wherever you were signed in before, you are signed out."])

    private static func form(key: String) -> WebPage {
        WebPage(
            heading: "Set a new password",
            form: WebPage.Form(
                action: "/reset",
                fields: [
                    WebPage.Field(
                        name: "pass1", label: "New password", kind: .newPassword,
                        hint: "Long is better than complicated."),
                    WebPage.Field(name: "pass2", label: "New password once more", kind: .newPassword),
                ], hidden: [("key", key)], button: "Set password"))
    }

    /// The original answers all of these with 200.
    private static func refusal(_ refusal: ResetRefusal, key: String = "") -> Answer {
        switch refusal {
        case .noKey:
            return dead(
                """
                Your password reset link seems to be broken, no reset key was detected. Please check your email and try again \
                or request a new reset link by clicking “I forgot”.
                """, "missing_reset_key")
        case .invalid:
            return dead(
                "Your password reset link is invalid, please request a new one by clicking “I forgot”",
                "invalid_reset_key")
        case .expired:
            return dead(
                "Your password reset link has expired, please request a new one by clicking “I forgot”",
                "expired_reset_key")
        case .password(let error):
            let isShort = if case .tooShort = error { true } else { false }
            return again(
                isShort ? "Your password is too short" : error.description, "pass1", error.problem.code, key: key)
        case .mismatch: return again("Passwords do not match", "pass2", "passwords_differ", key: key)
        }
    }

    private static func dead(_ message: String, _ code: String) -> Answer {
        WebPage(
            heading: "Set a new password", failure: WebPage.Failure(message: message), links: [again]
        ).answer(code: code)
    }

    private static func again(_ message: String, _ field: String, _ code: String, key: String) -> Answer {
        var page = form(key: key)
        page.failure = WebPage.Failure(message: message, field: field)
        return page.answer(code: code)
    }

    #if DEBUG
    private func tell(_ username: String) async throws -> Answer? {
        guard try await !reset.knows(username) else { return nil }
        var page = Self.question
        page.failure = WebPage.Failure(message: "No user with the given username", field: "username")
        return page.answer(code: Problem.invalidName.code)
    }
    #endif
}
