import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on `Aliases` and back; decides nothing itself.
struct AliasHandlers: Sendable {
    let aliases: Aliases
    let callers: Callers

    /// `POST /v1/users`. The body may hold the credential, so it is read first.
    @Sendable func create(_ call: Call, _: Anyone) async throws -> Answer {
        let body = try call.jsonObject()
        let alias = try Alias(checking: try body.requireString("alias"))
        let password = try body.requireString("password")
        let secret = try body.optionalString("create_user_password")
        try await aliases.create(
            alias, password: password, with: { try await credential(of: call, secret: secret, for: alias.domain) },
            from: call.network)
        return .emptyObject
    }

    /// `DELETE /v1/users[?alias=…]`
    @Sendable func delete(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let alias = try call.queryMembers("alias")["alias"].map(Alias.init(checking:))
        try await aliases.delete(alias, by: caller.account)
        return .emptyObject
    }

    /// The header decides when there is one. A token has two dots (RFC 7515 §3.1), which a secret of ours cannot have.
    private func credential(
        of call: Call, secret: String?, for domain: String
    ) async throws -> Aliases.Credential {
        if call.isSigned { return .caller(try await callers.admit(call).account) }
        if let value = try call.headers.bearerToken(), value.filter({ $0 == "." }).count != 2 { return .secret(value) }
        if call.headers[.authorization] == nil {
            if let secret { return .secret(secret) }
            if try await aliases.isOpen(domain) { return .nothing }
        }
        return .caller(try await callers.admit(call).account)
    }
}
