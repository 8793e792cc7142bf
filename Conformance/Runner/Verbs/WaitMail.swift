internal import _StringProcessing

extension StepContext {
    /// The next mail to somebody, taken out of the box, or the certainty that none comes.
    func waitMail(_ step: WaitMailStep, scope: Scope) async throws -> Attempt {
        let recipient = try step.recipient.resolved(in: scope)
        // Without a sink the scenario is skipped.
        let mail = try await mailSink?.take(to: recipient, within: step.limit)
        guard case .mail(let checks) = step.expectation else {
            let mismatches = mail.map { mail in
                [
                    Mismatch(
                        subject: "mail", expected: "none to \(recipient) within \(step.limit.inSeconds)",
                        actual: "one: \(mail.subject)", position: step.position)
                ]
            }
            return Attempt(mismatches: mismatches ?? [], outcome: mail == nil ? "no mail" : "a mail")
        }
        guard let mail else {
            return Attempt(
                mismatches: [
                    Mismatch(
                        subject: "mail", expected: "one to \(recipient) within \(step.limit.inSeconds)",
                        actual: "none", position: step.position)
                ], outcome: "no mail")
        }
        var attempt = Attempt(mail: mail, outcome: "a mail")
        for check in checks where try !Self.holds(check, in: mail, scope: scope) {
            attempt.mismatches.append(
                Mismatch(
                    subject: "mail's \(check.part.name)", expected: try check.value.resolved(in: scope),
                    actual: mail.part(check.part).map(Self.withoutKeys) ?? "absent", position: check.position))
        }
        return attempt
    }

    private static func holds(
        _ check: MailExpectation.Check, in mail: ReceivedMail, scope: Scope
    ) throws(MissingVariable) -> Bool {
        guard let part = mail.part(check.part) else { return false }
        if check.value.isPattern { return try TextPattern.matches(check.value, in: part, scope: scope) }
        return part == (try check.value.resolved(in: scope))
    }

    /// The text of a mail for reports: a link in it opens an account for whoever reads it, so values of queries are left
    /// out.
    private static func withoutKeys(_ text: String) -> String {
        text.replacing(/([?&][A-Za-z0-9._~-]+=)[^\s"&<>]+/) { "\($0.1){{masked}}" }
    }
}

extension ReceivedMail {
    func part(_ part: MailPart) -> String? {
        switch part {
        case .subject: value(of: "Subject")
        case .text: text
        case .html: html
        case .header(let name): value(of: name)
        }
    }
}
