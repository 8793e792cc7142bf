package import GatehouseJSON
import GatehouseStorage

/// By what a domain is hosted here.
package enum DomainState: String, Sendable {
    /// An operator added it.
    case added
    /// Its record in DNS says whose it is.
    case verified
    /// So it was, and the record is not in DNS any more.
    case missing

    init(hasRecord: Bool, isMissing: Bool) {
        self = hasRecord ? isMissing ? .missing : .verified : .added
    }
}

/// A hosted domain as those see it who look after it; no secret.
package struct DomainSummary: Sendable, Equatable {
    /// Its name and what is chosen for it.
    package let hosted: HostedDomain
    /// Further host names under which the server is reached for this domain.
    package let hosts: [String]
    /// The name of the account that owns it.
    package let owner: String?
    let ownerID: String?
    package let state: DomainState
    /// Microseconds since 1970.
    package let createdAt: Int64

    package var name: String { hosted.name }

    /// As the command line and the wire show it.
    package var json: JSONValue {
        let types = hosted.addressTypes?.numbers.map { JSONValue.number(JSONNumber(Int64($0))) }
        return [
            "domain": .string(name), "hosts": .array(hosts.map(JSONValue.string)),
            "owner": owner.map(JSONValue.string) ?? .null, "sign_up": .string(hosted.signUp.rawValue),
            "allowed_origins": .array(hosted.allowedOrigins.sorted().map(JSONValue.string)),
            "address_types": types.map(JSONValue.array) ?? .null, "state": .string(state.rawValue),
            "created": .string(RFC3339.text(createdAt)),
        ]
    }
}

extension DomainSummary {
    static let rows: Query = """
        SELECT d.name AS name, d.sign_up AS sign_up, d.allowed_origins AS allowed_origins,
            d.address_types AS address_types, d.created_at AS created_at, d.owner_id AS owner_id,
            d.verified_record IS NOT NULL AS has_record, d.record_missing_since IS NOT NULL AS is_missing,
            a.email AS email, a.username AS username, a.domain AS account_domain
        FROM domains d LEFT JOIN accounts a ON a.id = d.owner_id
        """

    /// - Parameter row: of `rows`.
    init(_ row: Row, in sql: borrowing Transaction) throws {
        hosted = try HostedDomain(row)
        hosts = try sql(
            "SELECT host FROM domain_hosts WHERE domain = \(hosted.name) AND host <> \(hosted.name) ORDER BY host"
        )
        .map { try $0.text("host") }
        let alias = try row.optionalText("username").map { "\($0)$\(try row.text("account_domain"))" }
        owner = try row.optionalText("email") ?? alias
        ownerID = try row.optionalText("owner_id")
        state = DomainState(
            hasRecord: try row.integer("has_record") == 1, isMissing: try row.integer("is_missing") == 1)
        createdAt = try row.integer("created_at")
    }
}
