import GatehouseJSON
import HTTPTypes

extension Gatehouse {
    /// Changes one's own password (`POST /api/password`). Every session of the account ends, so this signs in again with the new
    /// one, which replaces what the client's store keeps. Make a new client when the old one was made with the old password.
    ///
    /// - Throws: code `invalid_credentials` for a wrong old password, `weak_password`.
    public func changePassword(from old: String, to new: String) async throws(GatehouseError) {
        guard let name = try await tokens.name(self) else { throw .signInRequired(nil) }
        _ = try await send(
            Call(
                method: .post, target: "/api/password", body: ["old": .string(old), "new": .string(new)],
                authorization: .token, repetition: .unlessArrived))
        try await signIn(name: name, password: new)
    }
}
