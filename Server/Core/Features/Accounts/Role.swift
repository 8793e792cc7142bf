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
}

extension Transaction {
    /// Ends every cached verdict about who may do what; see `Database.generation()`.
    func authorizationsChanged() throws { try self("UPDATE generation SET value = value + 1 WHERE id = 1") }
}
