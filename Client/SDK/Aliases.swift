import GatehouseJSON
import HTTPTypes

/// By what right an alias is made.
public enum AliasRight: Sendable {
    /// The secret of the alias's domain.
    case domainSecret(String)
    /// The secret of the alias's domain in the body, where servers before Gatehouse look for it.
    case createUserPassword(String)
    /// The client's own credential: an admin, or the owner of the domain.
    case credential
}

extension AliasRight: CustomStringConvertible, CustomReflectable {
    /// Names the kind, never the secret.
    public var description: String {
        switch self {
        case .domainSecret: "domainSecret"
        case .createUserPassword: "createUserPassword"
        case .credential: "credential"
        }
    }

    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Gatehouse {
    /// Makes an alias (`POST /v1/users`).
    ///
    /// - Throws: code `alias_taken`, `weak_password`, `invalid_alias`, `invalid_credentials`, `wrong_domain`. When it fails as
    ///   `.unreachable` and the request may have arrived, the alias may exist.
    public func createAlias(
        _ alias: String, password: String, by right: AliasRight = .credential
    ) async throws(GatehouseError) {
        var members: [JSONValue.Member] = [
            .init(name: "alias", value: .string(alias)), .init(name: "password", value: .string(password)),
        ]
        var authorization = Call.Authorization.none
        switch right {
        case .domainSecret(let secret): authorization = .secret(secret)
        case .createUserPassword(let secret):
            members.append(.init(name: "create_user_password", value: .string(secret)))
        case .credential: authorization = .token
        }
        _ = try await send(
            Call(
                method: .post, target: "/v1/users", body: .object(members), authorization: authorization,
                repetition: .unlessArrived))
    }

    /// Deletes an alias with its addresses (`DELETE /v1/users`).
    ///
    /// - Parameter alias: nil for one's own; another needs an admin or the owner of its domain.
    /// - Throws: code `alias_required`, `insufficient_role`, `wrong_domain`, `unknown_alias`.
    public func deleteAlias(_ alias: String? = nil) async throws(GatehouseError) {
        let query = alias.map { "?alias=\(Percent.encode($0))" } ?? ""
        // With one's own alias the token ends too, so a second attempt could not be told from a refusal.
        _ = try await send(
            Call(
                method: .delete, target: "/v1/users\(query)", authorization: .token, repetition: .unlessArrived))
    }
}
