import GatehouseMessages
import GatehouseOpenCAP

/// Turns HTTP into calls on `Aliases` and back; decides nothing itself.
struct AliasHandlers: Sendable {
    let aliases: Aliases

    /// `POST /v1/users`. The body may hold the credential, so it is read first.
    @Sendable func create(_ call: Call, _: Anyone) async throws -> Answer {
        let body = try call.jsonObject()
        let alias = try Alias(checking: try body.requireString("alias"))
        let password = try body.requireString("password")
        let secret = try body.optionalString("create_user_password")
        try await aliases.create(
            alias, password: password, with: { try Self.credential(of: call, secret: secret) }, from: call.network)
        return .emptyObject
    }

    /// `DELETE /v1/users[?alias=…]`
    @Sendable func delete(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let alias = try call.queryMembers("alias")["alias"].map(Alias.init(checking:))
        try await aliases.delete(alias, by: caller.account)
        return .emptyObject
    }

    /// The header decides when there is one. A token has two dots (RFC 7515 §3.1), which a secret of ours cannot have.
    private static func credential(of call: Call, secret: String?) throws -> Aliases.Credential {
        if let value = try call.headers.bearerToken() {
            return value.filter { $0 == "." }.count == 2 ? .token(value) : .secret(value)
        }
        guard let secret else { throw Problem.authenticationRequired }
        return .secret(secret)
    }
}
