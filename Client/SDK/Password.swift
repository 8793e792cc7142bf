import GatehouseJSON
import HTTPTypes

extension Gatehouse {
    /// Changes one's own password (`POST /api/password`). Every session of the account ends, so this signs in again with the new
    /// one, which the client uses from now on. A client that signs its requests just goes on.
    ///
    /// - Throws: code `invalid_credentials` for a wrong old password, `weak_password`.
    public func changePassword(from old: String, to new: String) async throws(GatehouseError) {
        let call = Call(
            method: .post, target: "/api/password", body: ["old": .string(old), "new": .string(new)],
            authorization: .token, repetition: .unlessArrived)
        guard signing == nil else {
            _ = try await send(call)
            return
        }
        try await tokens.signInAgain(self, password: new) { () throws(GatehouseError) in _ = try await send(call) }
    }
}
