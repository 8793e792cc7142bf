import GatehouseJSON
import GatehouseMessages
import GatehousePasswords
import HTTPTypes

/// Turns HTTP into calls on `Accounts` and back, in the manner of the C3-PRO IDM: users of the study, named by e-mail
/// addresses. Decides nothing itself.
struct UserHandlers: Sendable {
    let accounts: Accounts
    let faults: Faults

    /// `POST /user`
    @Sendable func create(_ call: Call, _ admin: Admin) async throws -> Answer {
        let body = try call.jsonObject()
        guard let username = try Self.text("username", in: body), !username.isEmpty else {
            throw Problem.missingMember.saying("you must provide a username")
        }
        guard let password = try Self.text("password", in: body),
            password.unicodeScalars.count >= accounts.policy.minimumLength
        else {
            throw Problem.weakPassword.saying(
                "you must provide a password with at least \(accounts.policy.minimumLength) characters")
        }
        let isAdmin = try faults.takesAnyFlag ? body["admin"] != nil : body.optionalFlag("admin") ?? false
        let email: EmailAddress
        do { email = try EmailAddress(username) } catch { throw Problem.invalidName.saying(error.description) }
        let newPassword = try accounts.checkNewPassword(password, for: [.email(email)])
        do {
            try await accounts.create(
                email: email, alias: nil, password: newPassword, roles: isAdmin ? [.admin, .staff] : [.staff],
                by: admin.account.actor)
        } catch AccountError.nameTaken {
            throw Problem.nameTaken
        }
        return .data(Self.user(email, isAdmin: isAdmin))
    }

    /// `DELETE /user`
    @Sendable func delete(_ call: Call, _ admin: Admin) async throws -> Answer {
        let body = try call.jsonObject()
        guard let username = try Self.text("username", in: body), !username.isEmpty else {
            throw Problem.missingMember.saying("you must provide a username")
        }
        guard let email = try? EmailAddress(username) else { throw Problem.unknownAccount }
        do { try await accounts.delete(.email(email), by: admin.account.actor) } catch AccountError.unknown {
            throw Problem.unknownAccount
        } catch AccountError.lastAdmin {
            throw Problem.lastAdmin
        }
        return Answer(status: .noContent)
    }

    /// `GET /user/{username}`
    @Sendable func read(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        let email = try? EmailAddress(call.parameters[0])
        let isOneself = email != nil && email?.text == caller.account.email
        guard isOneself || caller.account.roles.contains(.admin) || faults.showsUsersToAll else {
            throw Problem.insufficientRole
        }
        guard let email, let user = try await accounts.find(.email(email)) else {
            throw Problem.unknownAccount
        }
        return .data(Self.user(email, isAdmin: user.roles.contains(.admin)))
    }

    private static func user(_ email: EmailAddress, isAdmin: Bool) -> JSONValue {
        ["username": .string(email.text), "admin": .bool(isAdmin)]
    }

    /// A string; null is the same as none.
    private static func text(_ name: String, in body: JSONValue) throws(Problem) -> String? {
        if let value = body[name], value.isNull { return nil }
        return try body.optionalString(name)
    }
}
