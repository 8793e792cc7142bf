import GatehouseCryptography
package import GatehouseStorage

/// Who made a change.
package enum Actor: Sendable, Equatable {
    /// Somebody who signed in or signed the request; `login` is the name of the account at that moment.
    case account(id: String, login: String)
    /// Whoever holds the secret of a domain.
    case domainSecret(String)
    /// Whoever may start `gatehouse` on the store.
    case commandLine
    /// The server by itself.
    case server
    /// A stranger, such as who holds a link.
    case anonymous
    /// Who did it in the program that an event came along from: the account that the user is here, else the identifier that they had
    /// there, and no login.
    case formerUser(id: String, login: String?)

    /// Nil unless it is an account.
    var accountID: String? {
        switch self {
        case .account(let id, _), .formerUser(let id, .some): id
        default: nil
        }
    }

    /// The name to show; nil for a stranger. Those of our own cannot be names of accounts.
    var name: String? {
        switch self {
        case .account(_, let login): login
        case .domainSecret(let domain): "(secret of \(domain))"
        case .commandLine: "(command line)"
        case .server: "(server)"
        case .formerUser(let id, let login): login ?? "(former user \(id))"
        case .anonymous: nil
        }
    }
}

extension Account {
    var actor: Actor { .account(id: id, login: login) }
}

/// What was changed.
package struct AuditObject: Sendable, Equatable {
    /// `account`, `address`, `domain`, `key`, `signing-key`, `audit`, `subject`, `link`, …
    package let kind: String
    package let id: String
    /// The subject whose audits the event is among.
    let subject: Int64?

    package init(_ kind: String, _ id: String, subject: Int64? = nil) {
        self.kind = kind
        self.id = id
        self.subject = subject
    }

    static func account(_ id: String) -> AuditObject { AuditObject("account", id) }
    static func key(_ id: String) -> AuditObject { AuditObject("key", id) }
    static func signingKey(_ id: String) -> AuditObject { AuditObject("signing-key", id) }
}

/// The log of every change: one event each, written in the transaction of the change.
package enum AuditLog {
    /// - Returns: the event's identifier.
    @discardableResult
    package static func record(
        _ action: String, on object: AuditObject, by actor: Actor, at now: Int64, in sql: borrowing Transaction
    ) throws -> String {
        let id = SystemRandom.identifier()
        try sql(
            """
            INSERT INTO audit_events (id, at, actor_id, actor, action, object_kind, object_id, subject)
            VALUES (\(id), \(now), \(actor.accountID), \(actor.name), \(action), \(object.kind),
                \(object.id), \(object.subject))
            """)
        return id
    }
}
