import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on `Accounts` and back; decides nothing itself.
struct AccountHandlers: Sendable {
    let accounts: Accounts

    /// `GET /api/accounts[?name=…&after=…&limit=…]`
    @Sendable func list(_ call: Call, _: Admin) async throws -> Answer {
        let query = try call.queryMembers("name", "after", "limit")
        let name = try query["name"].map { text throws(Problem) in try Self.name(text) }
        return try await accounts.list(name: name, try PageRequest(query)).answer(\.json)
    }

    /// `POST /api/accounts`
    @Sendable func create(_ call: Call, _ caller: Admin) async throws -> Answer {
        let body = try call.jsonObject(only: "email", "alias", "password", "roles")
        let email = try body.optionalString("email").map { text throws(Problem) in try Self.email(text) }
        let alias = try body.optionalString("alias").map { text throws(Problem) in try Alias(checking: text) }
        guard email != nil || alias != nil else {
            throw Problem.missingMember.saying("The member \"email\" or \"alias\" is missing.")
        }
        let names = [email.map(AccountName.email), alias.map(AccountName.alias)].compactMap { $0 }
        let password = try accounts.checkNewPassword(try body.requireString("password"), for: names)
        let roles = try Self.roles(body) ?? []
        let id = try await Self.problems {
            try await accounts.create(
                email: email, alias: alias, password: password, roles: roles, by: caller.account.actor)
        }
        var answer = Answer.json(try await accounts.require(id).json.bytes(), status: .created)
        answer.headers[.location] = "/api/accounts/\(id)"
        return answer
    }

    /// `GET /api/accounts/{id}`
    @Sendable func read(_ call: Call, _: Admin) async throws -> Answer {
        .json(try await accounts.require(call.parameters[0]).json.bytes())
    }

    /// `PATCH /api/accounts/{id}`
    @Sendable func change(_ call: Call, _ caller: Admin) async throws -> Answer {
        let body = try call.jsonObject(only: "roles", "disabled", "password")
        let roles = try Self.roles(body)
        let isDisabled = try body.optionalFlag("disabled")
        let password = try body.optionalString("password")
        let account = try await accounts.require(call.parameters[0])
        let newPassword = try password.map { text throws(Problem) in
            try accounts.checkNewPassword(text, for: account.names)
        }
        try await Self.problems {
            try await accounts.change(
                account.id, roles: roles, isDisabled: isDisabled, password: newPassword, by: caller.account.actor)
        }
        return Answer(status: .noContent)
    }

    /// `DELETE /api/accounts/{id}`
    @Sendable func delete(_ call: Call, _ caller: Admin) async throws -> Answer {
        try await Self.problems { try await accounts.delete(id: call.parameters[0], by: caller.account.actor) }
        return Answer(status: .noContent)
    }

    // MARK: Both ways

    private static func name(_ text: String) throws(Problem) -> AccountName {
        do { return try AccountName(text) } catch { throw .invalidName.saying(error.description) }
    }

    private static func email(_ text: String) throws(Problem) -> EmailAddress {
        do { return try EmailAddress(text) } catch { throw .invalidName.saying(error.description) }
    }

    private static func roles(_ body: JSONValue) throws(Problem) -> Set<Role>? {
        guard let value = body["roles"] else { return nil }
        guard let words = value.array else { throw .wrongType.saying("The member \"roles\" must be an array.") }
        var roles: Set<Role> = []
        for word in words {
            guard let role = word.string.flatMap({ Role(rawValue: $0) }), Role.given.contains(role) else {
                throw .invalidRole
            }
            roles.insert(role)
        }
        return roles
    }

    /// What the rules refuse, in the words of the wire.
    private static func problems<T>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch let error as AccountError {
            switch error {
            case .nameTaken: throw Problem.nameTaken
            case .unknown: throw Problem.unknownAccount
            case .domainNotHosted: throw Problem.unknownDomain
            case .lastAdmin, .adminExists: throw Problem.lastAdmin
            }
        }
    }
}
