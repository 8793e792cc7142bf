import GatehouseCryptography
import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
package import GatehouseStorage

/// The payment addresses that an alias resolves to.
package struct Addresses: Sendable {
    let database: any Database
    let clock: Clock
    let faults: Faults

    package init(database: any Database, clock: Clock, faults: Faults) {
        self.database = database
        self.clock = clock
        self.faults = faults
    }

    /// What an alias resolves to, ready to send.
    struct Listing: Sendable {
        /// Changes with every write to the alias's addresses, and never comes back. Tells strangers neither the account's
        /// identifier nor how often it wrote.
        let version: String
        /// Ordered by type.
        let addresses: [(type: Int64, address: String, extensions: String)]
    }

    /// Reads the rows of the alias, and its account only when it has none.
    ///
    /// - Throws: `Problem.unknownAlias`, also for an alias whose account is disabled.
    func lookUp(_ alias: Alias) async throws -> Listing {
        var rows = try await database.rows(addresses(of: alias))
        #if DEBUG
        if !faults.active.isDisjoint(with: [.usernameCheckDropped, .domainCheckDropped]) { rows = [] }
        #endif
        if rows.isEmpty { rows = try await database.rows(accountAndAddresses(of: alias)) }
        guard let first = rows.first else { throw Problem.unknownAlias }
        return Listing(
            version: String(
                Base64URL.encode(Digest.sha256(Array("\(try first.text(at: 0)).\(try first.integer(at: 1))".utf8)))
                    .prefix(22)),
            addresses: try rows.compactMap { row in
                guard let type = try row.optionalInteger(at: 2) else { return nil }
                return (type, try row.text(at: 3), try row.text(at: 4))
            })
    }

    /// None for an alias without addresses, and for one that nobody has or may see.
    func addresses(of alias: Alias) -> Query {
        """
        SELECT account_id, version, address_type, address, extensions FROM addresses
        WHERE username = \(alias.username) AND domain = \(alias.domain) AND NOT EXISTS (
            SELECT 1 FROM accounts WHERE username || '$' || domain = \(alias.text) AND disabled_at IS NOT NULL)
        ORDER BY address_type
        """
    }

    private func accountAndAddresses(of alias: Alias) -> Query {
        """
        SELECT a.id, a.addresses_version, x.address_type, x.address, x.extensions
        FROM accounts a LEFT JOIN addresses x ON x.username = a.username AND x.domain = a.domain
        WHERE \(owner(alias)) ORDER BY x.address_type
        """
    }

    /// That an account `a` is the one of an alias, and not disabled.
    func owner(_ alias: Alias) -> Query {
        var owner: Query = "a.username = \(alias.username) AND a.domain = \(alias.domain)"
        #if DEBUG
        if faults.active.contains(.usernameCheckDropped) {
            owner = "a.id = (SELECT MIN(id) FROM accounts WHERE domain = \(alias.domain))"
        } else if faults.active.contains(.domainCheckDropped) {
            owner = "a.id = (SELECT MIN(id) FROM accounts WHERE username = \(alias.username))"
        }
        #endif
        return "\(owner) AND a.disabled_at IS NULL"
    }

    /// Creates or replaces the address of its type.
    ///
    /// It is the one written last, whatever the clock says, also when it is the same as before.
    ///
    /// - Throws: `Problem.noAlias` when the account has none (any more); `.invalidAddressType` for one that its domain does not take.
    func set(_ address: PaymentAddress, of account: String, by actor: Actor) async throws {
        let now = clock.now()
        let type = Int64(address.type.rawValue)
        try await database.transaction { [faults] sql in
            let (username, domain) = try Self.touch(account, in: sql)
            guard try HostedDomain.addressTypes(ofAccount: account, in: sql)?.contains(address.type) ?? true else {
                throw Problem.invalidAddressType.saying("The domain takes no addresses of type \(type).")
            }
            let last = try sql(
                "SELECT MAX(written_at) AS last FROM addresses WHERE username = \(username) AND domain = \(domain)"
            ).first?.optionalInteger("last")
            let writtenAt = max(now, (last ?? 0) + 1)
            let before = try sql(
                """
                SELECT address, extensions FROM addresses
                WHERE username = \(username) AND domain = \(domain) AND address_type = \(type)
                """
            ).first
            try sql(
                """
                INSERT INTO addresses
                    (username, domain, address_type, address, extensions, written_at, account_id, version)
                VALUES (\(username), \(domain), \(type), \(address.address), \(address.extensions ?? "{}"), \(writtenAt),
                    \(account), 0)
                ON CONFLICT (username, domain, address_type) DO UPDATE SET address = excluded.address,
                    extensions = CASE WHEN \(address.extensions != nil) = 1 THEN excluded.extensions
                        ELSE addresses.extensions END,
                    written_at = excluded.written_at
                """)
            try Self.noteVersion(username, domain, in: sql)
            // An event only when anything is another than before.
            if let before, isSameText(try before.text("address"), address.address),
                try address.extensions.map({ isSameText($0, try before.text("extensions")) }) ?? true
            {
                return
            }
            #if DEBUG
            if faults.active.contains(.auditEventMissing) { return }
            #endif
            try AuditLog.record(
                "set \(type): \(address.address)", on: AuditObject("address", account), by: actor, at: now, in: sql)
        }
    }

    /// - Throws: `Problem.addressNotSet`, `.noAlias`.
    func delete(_ type: AddressType, of account: String, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { sql in
            let (username, domain) = try Self.touch(account, in: sql)
            let gone = try sql(
                """
                DELETE FROM addresses
                WHERE username = \(username) AND domain = \(domain) AND address_type = \(Int64(type.rawValue))
                RETURNING address
                """)
            guard let row = gone.first else { throw Problem.addressNotSet }
            try Self.noteVersion(username, domain, in: sql)
            try AuditLog.record(
                "delete \(type.rawValue): \(try row.text("address"))", on: AuditObject("address", account), by: actor,
                at: now, in: sql)
        }
    }

    /// Raises the version, and makes sure in the same breath that there still is an alias to write to.
    ///
    /// - Returns: the names by which its addresses are kept.
    @discardableResult
    static func touch(
        _ account: String, raisingVersion: Bool = true, in sql: borrowing Transaction
    ) throws -> (username: String, domain: String) {
        let touched = try sql(
            """
            UPDATE accounts SET addresses_version = addresses_version + \(Int64(raisingVersion ? 1 : 0))
            WHERE id = \(account) AND username IS NOT NULL AND disabled_at IS NULL RETURNING username, domain
            """)
        guard let row = touched.first else { throw Problem.noAlias }
        return (try row.text("username"), try row.text("domain"))
    }

    /// Gives the addresses of an alias the version of its account, after each write to them.
    static func noteVersion(_ username: String, _ domain: String, in sql: borrowing Transaction) throws {
        try sql(
            """
            UPDATE addresses SET version = (
                SELECT a.addresses_version FROM accounts a WHERE a.username = \(username) AND a.domain = \(domain))
            WHERE username = \(username) AND domain = \(domain)
            """)
    }
}
