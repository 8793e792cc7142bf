import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage

/// The addresses of an alias by coin, as CAP has them: those that OpenCAP has types for are its addresses, others are kept here.
struct Coins: Sendable {
    let database: any Database
    let addresses: Addresses
    let clock: Clock

    /// Octets of an address of a coin that we know nothing of.
    static let longestAddress = 256

    /// Whether a text can be an address of such a coin.
    static func isAddress(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= longestAddress && !text.hasControls
    }

    /// Creates or replaces.
    ///
    /// - Throws: `Problem.invalidAddress` with the reason, `.invalidAddressType`, `.noAlias`.
    func set(_ address: String, of coin: Coin, for account: String, by actor: Actor) async throws {
        switch coin {
        case .typed(let currency):
            let type = try AddressType(ofAddress: address, currency: currency)
            try await addresses.set(PaymentAddress(type: type, address: address), of: account, by: actor)
        case .other(let name):
            guard Self.isAddress(address) else {
                throw Problem.invalidAddress.saying(
                    "An address has 1 to \(Self.longestAddress) octets and no control characters.")
            }
            let now = clock.now()
            try await database.transaction { sql in
                try Addresses.touch(account, in: sql)
                let before = try sql("SELECT address FROM coins WHERE account_id = \(account) AND coin = \(name)").first
                try sql(
                    """
                    INSERT INTO coins (account_id, coin, address, written_at)
                    VALUES (\(account), \(name), \(address), \(now))
                    ON CONFLICT (account_id, coin) DO UPDATE SET address = excluded.address, written_at = excluded.written_at
                    """)
                if let before = try before?.text("address"), isSameText(before, address) { return }
                try AuditLog.record(
                    "set \(name): \(address)", on: AuditObject("address", account), by: actor, at: now, in: sql)
            }
        }
    }

    /// What was written last of the coin's addresses, in one read.
    ///
    /// - Throws: `Problem.unknownAlias`, also for an alias whose account is disabled; `.addressNotSet`.
    func address(of alias: Alias, _ coin: Coin) async throws -> String {
        let owner: Query =
            "SELECT id FROM accounts WHERE username = \(alias.username) AND domain = \(alias.domain) AND disabled_at IS NULL"
        let rows: [Row]
        switch coin {
        case .typed(let currency):
            let numbers = AddressType.types(of: currency).map { Int64($0.rawValue) }
            rows = try await database.rows(
                """
                SELECT x.address FROM (\(owner)) a LEFT JOIN addresses x ON x.account_id = a.id
                    AND x.address_type BETWEEN \(numbers.min() ?? 0) AND \(numbers.max() ?? 0)
                ORDER BY x.written_at DESC, x.address_type DESC LIMIT 1
                """)
        case .other(let name):
            rows = try await database.rows(
                """
                SELECT x.address FROM (\(owner)) a LEFT JOIN coins x ON x.account_id = a.id AND x.coin = \(name)
                """)
        }
        guard let row = rows.first else { throw Problem.unknownAlias }
        guard let address = try row.optionalText(at: 0) else { throw Problem.addressNotSet }
        return address
    }
}
