import HTTPTypes

/// Choosing a new password with a key that came by mail. Needs no credential.
public struct PasswordReset: Sendable {
    let gatehouse: Gatehouse

    /// Asks for a mail with a link (`POST /iforgot`). The server says the same whether or not the account exists.
    ///
    /// - Parameter name: the account's e-mail address.
    public func request(for name: String) async throws(GatehouseError) {
        _ = try await gatehouse.send(
            Call(method: .post, target: "/iforgot", form: [("username", name)], repetition: .unlessArrived))
    }

    /// Sets the password (`POST /reset`). Every session of the account ends, and every other key that was sent.
    ///
    /// - Parameter key: what stands behind `?k=` in the link. It works once, for two hours.
    /// - Throws: code `invalid_reset_key`, `expired_reset_key`, `weak_password`, as `.refused`, although the page has the status 200.
    public func confirm(key: String, new password: String) async throws(GatehouseError) {
        let page = try await gatehouse.send(
            Call(
                method: .post, target: "/reset", form: [("key", key), ("pass1", password), ("pass2", password)],
                repetition: .unlessArrived))
        // A page for people that shows the form once more is no error to a browser.
        guard let code = page.header("Error-Code") else { return }
        throw .refused(
            GatehouseError.Refusal(
                status: page.status, code: code, message: "The password was not set.", retryAfter: nil))
    }
}

extension Gatehouse {
    /// For whoever forgot a password.
    public var passwordReset: PasswordReset { PasswordReset(gatehouse: self) }
}
