import GatehouseMessages
import GatehouseStorage

/// What an account may do. `owner` and `alias` follow from what the account owns; the others are given.
package enum Role: String, CaseIterable, Sendable {
    /// Everything.
    case admin
    /// The study: subjects, links, audits.
    case staff
    /// The aliases of the domains it owns.
    case owner
    /// Its own addresses.
    case alias

    /// Roles that an admin gives and takes.
    package static let given: [Role] = [.admin, .staff]

    /// What an account may do, given or following from what it owns. `account` is its identifier.
    static func all(of account: String, hasAlias: Bool, in sql: borrowing Transaction) throws -> Set<Role> {
        var roles = Set(
            try sql("SELECT role FROM account_roles WHERE account_id = \(account)").compactMap {
                Role(rawValue: try $0.text("role"))
            })
        if hasAlias { roles.insert(.alias) }
        if try !sql("SELECT 1 FROM domains WHERE owner_id = \(account) LIMIT 1").isEmpty { roles.insert(.owner) }
        return roles
    }
}

extension Transaction {
    /// Ends every cached verdict about who may do what; see `Database.generation()`.
    func authorizationsChanged() throws { try self("UPDATE generation SET value = value + 1 WHERE id = 1") }
}
