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
    /// - Throws: code `invalid_reset_key`, `weak_password`.
    public func confirm(key: String, new password: String) async throws(GatehouseError) {
        _ = try await gatehouse.send(
            Call(
                method: .post, target: "/reset", form: [("key", key), ("pass1", password), ("pass2", password)],
                repetition: .unlessArrived))
    }
}

extension Gatehouse {
    /// For whoever forgot a password.
    public var passwordReset: PasswordReset { PasswordReset(gatehouse: self) }
}
