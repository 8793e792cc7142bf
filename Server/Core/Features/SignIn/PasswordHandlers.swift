import GatehouseMessages
import HTTPTypes

/// Turns HTTP into a change of one's own password; decides nothing itself.
struct PasswordHandlers: Sendable {
    let signIn: SignIn
    let accounts: Accounts

    /// `POST /api/password`
    @Sendable func change(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let body = try call.jsonObject(only: "old", "new")
        let old = try body.requireString("old")
        let new = try accounts.checkNewPassword(try body.requireString("new"), for: caller.account.names)
        try await signIn.changePassword(of: caller.account, from: old, to: new, from: call.network)
        return Answer(status: .noContent)
    }
}
