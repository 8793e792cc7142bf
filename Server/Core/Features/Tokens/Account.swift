package import GatehouseOpenCAP
import GatehouseStorage

/// Who a token speaks for, as the store knows it now.
package struct Account: Sendable, Equatable {
    package let id: String
    package let email: String?
    package let alias: Alias?
    package let roles: Set<Role>

    /// The name that it is shown by; the e-mail address when it has both.
    var login: String { email ?? alias?.text ?? id }

    /// All that it signs in by.
    var names: [AccountName] { Self.names(email: email, alias: alias?.text) }

    static func names(email: String?, alias: String?) -> [AccountName] {
        [email, alias].compactMap { text in text.flatMap { try? AccountName($0) } }
    }

    /// RFC 8693 §4.2: scopes are one string, separated by spaces.
    var scope: String { Role.allCases.filter(roles.contains).map(\.rawValue).joined(separator: " ") }

    /// The same account with fewer roles, for one call.
    func limited(to roles: Set<Role>) -> Account {
        Account(id: id, email: email, alias: alias, roles: self.roles.intersection(roles))
    }

    /// The account, unless it is disabled or gone.
    static func load(_ id: String, in sql: borrowing Transaction) throws -> Account? {
        guard
            let row = try sql("SELECT email, username, domain FROM accounts WHERE id = \(id) AND disabled_at IS NULL")
                .first
        else { return nil }
        let alias = try row.optionalText("username").map { username in
            try Alias(username: username, domain: try row.text("domain"))
        }
        return Account(
            id: id, email: try row.optionalText("email"), alias: alias,
            roles: try Role.all(of: id, hasAlias: alias != nil, in: sql))
    }
}
