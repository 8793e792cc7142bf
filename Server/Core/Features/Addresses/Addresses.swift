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

    /// One indexed read.
    ///
    /// - Throws: `Problem.unknownAlias`, also for an alias whose account is disabled.
    func lookUp(_ alias: Alias) async throws -> Listing {
        let rows = try await database.rows(query(for: alias))
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

    private func query(for alias: Alias) -> Query {
        """
        SELECT a.id, a.addresses_version, x.address_type, x.address, x.extensions
        FROM accounts a LEFT JOIN addresses x ON x.account_id = a.id
        WHERE \(owner(alias)) ORDER BY x.address_type
        """
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
            try Self.touch(account, in: sql)
            guard try HostedDomain.addressTypes(ofAccount: account, in: sql)?.contains(address.type) ?? true else {
                throw Problem.invalidAddressType.saying("The domain takes no addresses of type \(type).")
            }
            let last = try sql("SELECT MAX(written_at) AS last FROM addresses WHERE account_id = \(account)")
                .first?.optionalInteger("last")
            let writtenAt = max(now, (last ?? 0) + 1)
            let before = try sql(
                "SELECT address, extensions FROM addresses WHERE account_id = \(account) AND address_type = \(type)"
            ).first
            try sql(
                """
                INSERT INTO addresses (account_id, address_type, address, extensions, written_at)
                VALUES (\(account), \(type), \(address.address), \(address.extensions ?? "{}"), \(writtenAt))
                ON CONFLICT (account_id, address_type) DO UPDATE SET address = excluded.address,
                    extensions = CASE WHEN \(address.extensions != nil) = 1 THEN excluded.extensions
                        ELSE addresses.extensions END,
                    written_at = excluded.written_at
                """)
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
            try Self.touch(account, in: sql)
            let gone = try sql(
                """
                DELETE FROM addresses WHERE account_id = \(account) AND address_type = \(Int64(type.rawValue))
                RETURNING address
                """)
            guard let row = gone.first else { throw Problem.addressNotSet }
            try AuditLog.record(
                "delete \(type.rawValue): \(try row.text("address"))", on: AuditObject("address", account), by: actor,
                at: now, in: sql)
        }
    }

    /// Raises the version, and makes sure in the same breath that there still is an alias to write to.
    static func touch(_ account: String, raisingVersion: Bool = true, in sql: borrowing Transaction) throws {
        let touched = try sql(
            """
            UPDATE accounts SET addresses_version = addresses_version + \(Int64(raisingVersion ? 1 : 0))
            WHERE id = \(account) AND username IS NOT NULL AND disabled_at IS NULL RETURNING id
            """)
        guard !touched.isEmpty else { throw Problem.noAlias }
    }
}
