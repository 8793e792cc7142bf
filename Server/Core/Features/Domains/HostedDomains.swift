import GatehouseMessages
package import GatehouseOpenCAP
package import GatehouseStorage
import NIOConcurrencyHelpers

/// Who makes the aliases of a domain, besides admins and its owner.
package enum SignUpPolicy: String, CaseIterable, Sendable {
    /// Nobody else.
    case `operator`
    /// Whoever has the domain's secret.
    case secret
    /// Anybody.
    case open

    /// All of them, for a sentence.
    package static let words = "operator, secret or open"
}

/// What every request on a hosted domain's host needs to know of it.
package struct HostedDomain: Sendable, Equatable {
    package let name: String
    package let signUp: SignUpPolicy
    /// Origins whose pages may call the server under this domain's hosts.
    package let allowedOrigins: Set<String>
    /// Nil for all.
    package let addressTypes: Set<AddressType>?

    /// Nil for a domain that is not hosted.
    static func find(_ name: String, in sql: borrowing Transaction) throws -> HostedDomain? {
        try sql("SELECT name, sign_up, allowed_origins, address_types FROM domains WHERE name = \(name)").first
            .map { row throws in try HostedDomain(row) }
    }

    /// What may be written for an alias of the account's domain; nil for all.
    static func addressTypes(ofAccount id: String, in sql: borrowing Transaction) throws -> Set<AddressType>? {
        try sql("SELECT d.address_types FROM accounts a JOIN domains d ON d.name = a.domain WHERE a.id = \(id)").first
            .flatMap { row throws in try row.optionalText("address_types").map(types) }
    }

    private static func types(_ text: String) -> Set<AddressType> {
        Set(text.split(separator: ",").compactMap { Int($0).flatMap(AddressType.init(rawValue:)) })
    }

    /// - Parameter row: has `name`, `sign_up`, `allowed_origins`, `address_types`.
    init(_ row: Row) throws {
        name = try row.text("name")
        // A policy that this version does not know lets in the fewest.
        signUp = SignUpPolicy(rawValue: try row.text("sign_up")) ?? .operator
        allowedOrigins = Set(try row.text("allowed_origins").split(separator: " ").map(String.init))
        addressTypes = try row.optionalText("address_types").map(Self.types)
    }
}

/// The domain of each host that is served and was asked for, in memory: good as long as nothing changed in the store that bears on
/// who may do what.
package final class HostedDomains: Sendable {
    let database: any Database
    let faults: Faults
    private static let capacity = 10_000

    private struct Known {
        let generation: Int64
        let domain: HostedDomain
    }

    private let known = NIOLockedValueBox<[String: Known]>([:])

    package init(database: any Database, faults: Faults = Faults()) {
        self.database = database
        self.faults = faults
    }

    /// The domain of the host that a call names; nil when it has none.
    func domain(of call: Call) async throws -> HostedDomain? {
        let found = try await domain(ofHost: faults.hostName(of: call.original))
        if found == nil, faults.breaksOnUnknownDomain { throw Problem.internalError }
        return found
    }

    /// - Parameter host: as `Call.host` has it.
    /// - Returns: nil for a host that belongs to no domain.
    func domain(ofHost host: String) async throws -> HostedDomain? {
        let generation = try await database.generation()
        if let found = known.withLockedValue({ $0[host] }), found.generation == generation { return found.domain }
        let domain = try await database.read { sql in
            try sql(
                """
                SELECT d.name AS name, d.sign_up AS sign_up, d.allowed_origins AS allowed_origins,
                    d.address_types AS address_types
                FROM domain_hosts h JOIN domains d ON d.name = h.domain WHERE h.host = \(host)
                """
            ).first.map { row throws in try HostedDomain(row) }
        }
        known.withLockedValue { known in
            if let newer = known[host], newer.generation > generation { return }
            if known.count >= Self.capacity { known.removeAll(keepingCapacity: true) }
            // Hosts of nobody are not kept, or strangers could fill the memory with them.
            known[host] = domain.map { Known(generation: generation, domain: $0) }
        }
        return domain
    }

    /// Whether a host belonged to a domain when that was last looked at, for refusals that must not wait for the store.
    func isKnown(host: String) -> Bool { known.withLockedValue { $0[host] != nil } }
}
