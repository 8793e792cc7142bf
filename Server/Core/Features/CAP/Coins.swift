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

    /// Coins that we know nothing of, for one alias.
    static let most: Int64 = 100

    /// Whether a text can be an address of such a coin.
    static func isAddress(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= longestAddress && !text.hasControls
    }

    /// Creates or replaces.
    ///
    /// - Throws: `Problem.invalidAddress` with the reason, `.invalidAddressType`, `.noAlias`, `.tooManyCoins`.
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
            try await set(address, ofOther: name, for: account, by: actor)
        }
    }

    private func set(_ address: String, ofOther coin: String, for account: String, by actor: Actor) async throws {
        let now = clock.now()
        try await database.transaction { [addresses] sql in
            // Seen here only, so that the version of the addresses stays.
            try Addresses.touch(account, raisingVersion: false, in: sql)
            guard try HostedDomain.addressTypes(ofAccount: account, in: sql) == nil else {
                throw Problem.invalidAddressType.saying(
                    "The domain takes addresses of certain types only, and this coin has none.")
            }
            let others = try sql("SELECT COUNT(*) AS n FROM coins WHERE account_id = \(account) AND coin <> \(coin)")
            guard try others.first?.integer("n") ?? 0 < Self.most else { throw Problem.tooManyCoins }
            let before = try sql("SELECT address FROM coins WHERE account_id = \(account) AND coin = \(coin)").first
            #if DEBUG
            if before != nil, addresses.faults.keepsFirstCoin { return }
            #endif
            try sql(
                """
                INSERT INTO coins (account_id, coin, address, written_at)
                VALUES (\(account), \(coin), \(address), \(now))
                ON CONFLICT (account_id, coin) DO UPDATE SET address = excluded.address, written_at = excluded.written_at
                """)
            if let before = try before?.text("address"), isSameText(before, address) { return }
            try AuditLog.record(
                "set \(coin): \(address)", on: AuditObject("address", account), by: actor, at: now, in: sql)
        }
    }

    /// What was written last of the coin's addresses, in one read.
    ///
    /// - Parameter coin: nil for one that nobody can have.
    /// - Throws: `Problem.unknownAlias`, also for an alias whose account is disabled; `.addressNotSet`.
    func address(of alias: Alias, _ coin: Coin?) async throws -> String {
        let rows = try await database.rows(
            """
            SELECT x.address FROM accounts a LEFT JOIN \(written(coin)) WHERE \(addresses.owner(alias))
            ORDER BY x.written_at DESC LIMIT 1
            """)
        guard let row = rows.first else { throw Problem.unknownAlias }
        guard let address = try row.optionalText(at: 0) else { throw Problem.addressNotSet }
        return address
    }

    /// The rows `x` of a coin, to be joined to the accounts `a`.
    private func written(_ coin: Coin?) -> Query {
        switch coin {
        case .typed(let currency):
            let numbers = AddressType.types(of: currency).map { Int64($0.rawValue) }
            return """
                addresses x ON x.username = a.username AND x.domain = a.domain
                    AND x.address_type BETWEEN \(numbers.min() ?? 0) AND \(numbers.max() ?? 0)
                """
        case .other(let name): return "coins x ON x.account_id = a.id AND x.coin = \(name)"
        case nil: return "coins x ON 1 = 0"
        }
    }
}
