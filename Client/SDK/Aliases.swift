import GatehouseJSON
import HTTPTypes

/// By what right an alias is made.
public enum AliasRight: Sendable {
    /// The secret of the alias's domain.
    case domainSecret(String)
    /// The client's own credential: an admin, or the owner of the domain.
    case credential
}

extension Gatehouse {
    /// Makes an alias (`POST /v1/users`).
    ///
    /// - Throws: `GatehouseError`; code `alias_taken`, `weak_password`, `invalid_alias`, `invalid_credentials`, `wrong_domain`.
    public func createAlias(_ alias: String, password: String, by right: AliasRight = .credential) async throws {
        let authorization: Authorization =
            switch right {
            case .domainSecret(let secret): .secret(secret)
            case .credential: .token
            }
        _ = try await send(
            Call(
                method: .post, target: "/v1/users", body: ["alias": .string(alias), "password": .string(password)],
                authorization: authorization, isRepeatable: false))
    }

    /// Deletes an alias with its addresses (`DELETE /v1/users`).
    ///
    /// - Parameter alias: nil for one's own; another needs an admin or the owner of its domain.
    /// - Throws: `GatehouseError`; code `alias_required`, `insufficient_role`, `wrong_domain`, `unknown_alias`.
    public func deleteAlias(_ alias: String? = nil) async throws {
        let query = alias.map { "?alias=\(Percent.encode($0))" } ?? ""
        _ = try await send(
            Call(method: .delete, target: "/v1/users\(query)", authorization: .token, isRepeatable: false))
    }
}
