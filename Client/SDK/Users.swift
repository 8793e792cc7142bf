import GatehouseJSON
import HTTPTypes

/// Somebody who works on a study: staff, or an administrator.
public struct User: Sendable, Equatable {
    /// An e-mail address, in lower case.
    public let name: String
    /// Whether it is an administrator.
    public let isAdmin: Bool

    init(_ value: JSONValue) throws(GatehouseError) {
        guard let name = value["username"]?.string, let isAdmin = value["admin"]?.bool else {
            throw .unexpectedAnswer("a user has no username or admin")
        }
        self.name = name
        self.isAdmin = isAdmin
    }
}

/// The accounts of those who work on a study. Needs an administrator, except for looking at one's own.
public struct Users: Sendable {
    let gatehouse: Gatehouse

    /// Makes an account (`POST /user`).
    ///
    /// - Parameter name: an e-mail address.
    /// - Throws: code `name_taken`, `weak_password`, `invalid_name`, `insufficient_role`. When it fails as `.unreachable` and the
    ///   request may have arrived, the account may exist.
    @discardableResult
    public func create(_ name: String, password: String, isAdmin: Bool = false) async throws(GatehouseError) -> User {
        let answer = try await gatehouse.send(
            Call(
                method: .post, target: "/user",
                body: ["username": .string(name), "password": .string(password), "admin": .bool(isAdmin)],
                authorization: .token, repetition: .unlessArrived))
        return try User(try answer.data())
    }

    /// Deletes an account (`DELETE /user`). Its tokens open nothing any more.
    ///
    /// - Throws: code `unknown_account`, `last_admin`, `insufficient_role`.
    public func delete(_ name: String) async throws(GatehouseError) {
        _ = try await gatehouse.send(
            Call(
                method: .delete, target: "/user", body: ["username": .string(name)], authorization: .token,
                doneCode: "unknown_account"))
    }

    /// One account (`GET /user/{username}`).
    ///
    /// - Throws: code `unknown_account`, `insufficient_role`.
    public func user(_ name: String) async throws(GatehouseError) -> User {
        let answer = try await gatehouse.send(
            Call(method: .get, target: "/user/\(Percent.encode(name))", authorization: .token))
        return try User(try answer.data())
    }
}

extension Gatehouse {
    /// Those who work on the study.
    public var users: Users { Users(gatehouse: self) }
}
