import GatehouseCryptography
import GatehouseStorage
import NIOConcurrencyHelpers
package import WebTokens

/// The keys that count at one moment: the one that signs, and all that are accepted.
package final class KeyRing: Sendable {
    package let active: SigningKey
    /// Standby, active and retired keys.
    package let accepted: KeySet
    /// The public halves of the accepted keys that have one, as JWKs, oldest first.
    let published: [String]

    /// What the ring was made of; the same rows make the same ring.
    fileprivate let rows: [StoredKey]
    fileprivate let keys: [SigningKey]
    /// The longest lifetime in seconds that the store knows the active key to have signed; nil for a key that a setting gives.
    fileprivate let notedLifetime: NIOLockedValueBox<Int64>?

    /// - Parameters:
    ///   - keys: as in `rows`.
    ///   - alsoAccepted: for faults.
    fileprivate init(
        rows: [StoredKey], keys: [SigningKey], given: SigningKey?, alsoAccepted: [SigningKey] = []
    ) throws {
        self.rows = rows
        self.keys = keys
        let activeIndex = rows.firstIndex(where: \.isActive)
        guard let active = given ?? activeIndex.map({ keys[$0] }) else { throw SigningKeyError.none }
        self.active = active
        notedLifetime =
            given == nil ? activeIndex.map { NIOLockedValueBox(rows[$0].longestLifetime) } : nil
        // Of two keys with one `kid` the later counts.
        let all = keys.filter { $0.keyID != given?.keyID } + (given.map { [$0] } ?? [])
        accepted = KeySet((alsoAccepted + all).map(\.verificationKey))
        published = all.compactMap(\.publicJWK)
    }
}

/// A row that counts. Two are the same when they mean the same key in the same place.
private struct StoredKey: Sendable, Equatable {
    let id: String
    let sealed: String
    let isActive: Bool
    let longestLifetime: Int64

    static func == (a: StoredKey, b: StoredKey) -> Bool {
        a.id == b.id && a.sealed == b.sealed && a.isActive == b.isActive
    }
}

/// The ring as of one generation of the store, so that checking a token asks the store nothing.
final class CachedKeyRing: Sendable {
    private struct Known {
        let ring: KeyRing
        let generation: Int64
        /// When the next retired key is over, in microseconds.
        let changesAt: Int64
    }

    private let known = NIOLockedValueBox<Known?>(nil)
    private let faults: Faults

    init(faults: Faults) { self.faults = faults }

    func ring(at generation: Int64, now: Int64) -> KeyRing? {
        known.withLockedValue { known in
            guard let known, known.generation == generation, now < known.changesAt else { return nil }
            return known.ring
        }
    }

    /// - Parameter open: opens a sealed key.
    fileprivate func remember(
        _ rows: [StoredKey], given: SigningKey?, generation: Int64, changesAt: Int64,
        open: (StoredKey) throws -> SigningKey
    ) throws -> KeyRing {
        let before = known.withLockedValue { $0 }?.ring
        let ring: KeyRing
        if let before, before.rows == rows {
            ring = before
        } else {
            let opened = Dictionary(
                zip(before?.rows ?? [], before?.keys ?? []).map { ($0.sealed, $1) }, uniquingKeysWith: { $1 })
            let keys = try rows.map { row in try opened[row.sealed] ?? open(row) }
            var alsoAccepted: [SigningKey] = []
            #if DEBUG
            if faults.active.contains(.removedKeyAccepted) { alsoAccepted = before?.keys ?? [] }
            #endif
            ring = try KeyRing(rows: rows, keys: keys, given: given, alsoAccepted: alsoAccepted)
        }
        known.withLockedValue { $0 = Known(ring: ring, generation: generation, changesAt: changesAt) }
        return ring
    }
}

extension SigningKeys {
    /// The keys that count now.
    package func current() async throws -> KeyRing { try await current(at: try await database.generation()) }

    /// - Parameter generation: of the store, asked just now.
    func current(at generation: Int64) async throws -> KeyRing {
        let now = clock.now()
        if let ring = cache.ring(at: generation, now: now) { return ring }
        let rows = try await database.rows(
            """
            \(Self.columns) FROM signing_keys WHERE accepted_until IS NULL OR accepted_until > \(now)
            ORDER BY created_at, id
            """)
        let stored = try rows.map { row in
            StoredKey(
                id: try row.text("id"), sealed: try row.text("sealed"),
                isActive: try row.optionalInteger("activated_at") != nil && row.optionalInteger("retired_at") == nil,
                longestLifetime: try row.integer("longest_lifetime"))
        }
        let changesAt = try rows.compactMap { try $0.optionalInteger("accepted_until") }.min() ?? .max
        return try cache.remember(
            stored, given: given, generation: generation, changesAt: changesAt, open: open)
    }

    /// The key to sign a token with that lives for `lifetime` seconds.
    ///
    /// The store learns of a longer lifetime before such a token exists: it decides how long the key is accepted after
    /// its retirement, whichever process retires it.
    func keyForToken(lifetime: Int64) async throws -> SigningKey {
        while true {
            let ring = try await current()
            guard let noted = ring.notedLifetime, noted.withLockedValue({ $0 }) < lifetime else { return ring.active }
            let id = ring.active.keyID
            let isInUse = try await database.transaction { sql in
                try !sql(
                    """
                    UPDATE signing_keys
                    SET longest_lifetime = CASE WHEN longest_lifetime < \(lifetime) THEN \(lifetime) ELSE longest_lifetime END
                    WHERE id = \(id) AND retired_at IS NULL RETURNING id
                    """
                ).isEmpty
            }
            if isInUse {
                noted.withLockedValue { $0 = max($0, lifetime) }
                return ring.active
            }
        }
    }

    private func open(_ row: StoredKey) throws -> SigningKey {
        guard let sealed = Base64URL.decode(row.sealed) else { throw SigningKeyError.unreadable(row.id) }
        let json: [UInt8]
        do { json = try masterKey.open(sealed, context: Self.sealingContext(row.id)) } catch {
            throw SigningKeyError.unreadable(row.id)
        }
        return try SigningKey(try JWK(parsing: json))
    }

    static func sealingContext(_ id: String) -> String { "signing-key:\(id)" }
}
