package import GatehouseCryptography
import GatehouseMessages
package import GatehouseStorage
package import WebTokens

/// The keys that sign tokens, each once standby, once active, once retired.
///
/// A standby key is published and accepted, so that everybody knows it before it signs. One active key signs. A retired
/// one signs no more and is accepted until the last token that it signed has expired. A removed one is refused at once.
package struct SigningKeys: Sendable {
    let database: any Database
    let masterKey: SealingKey
    /// The key that a setting gives. It signs as long as it is given; what the store holds is then accepted only.
    let given: SigningKey?
    /// How long a key is published before its first use, in microseconds.
    let leadTime: Int64
    /// How long a key signs until the next one is made, in microseconds; nil when that is left to people.
    let rotation: Int64?
    /// Of the keys that are made here; nil for that of the key in use.
    let algorithm: JWSAlgorithm?
    let clock: Clock
    let cache: CachedKeyRing

    package init(
        settings: Settings, database: any Database, masterKey: SealingKey, given: SigningKey?, clock: Clock
    ) {
        self.database = database
        self.masterKey = masterKey
        self.given = given
        leadTime = .seconds(settings.signingKeyLeadTime)
        rotation = settings.signingKeyRotation == 0 ? nil : .days(settings.signingKeyRotation)
        algorithm = settings.signingAlgorithm
        self.clock = clock
        cache = CachedKeyRing(faults: settings.faults)
    }

    /// The longest that a token lives, in seconds, whatever the settings say: what a key is taken to have signed that
    /// was used elsewhere before.
    static let longestLifetime: Int64 = 43_200
    /// How much longer than its last token a retired key is accepted, in seconds: for leeways, and for other processes
    /// that signed with it until they noticed.
    static let grace: Int64 = 60

    // MARK: Looking

    /// All keys, oldest first; the one that a setting gives comes before those of the store.
    package func list() async throws -> [SigningKeyEntry] {
        let now = clock.now()
        let isGiven = given != nil
        let stored = try await database.read { sql in
            try sql("\(Self.columns) FROM signing_keys ORDER BY created_at, id").map {
                try SigningKeyEntry($0, whileAnotherIsGiven: isGiven)
            }
        }
        return (given.map { [SigningKeyEntry(given: $0)] } ?? [])
            + stored.filter { !$0.isOver(at: now) && $0.id != given?.keyID }
    }

    /// - Throws: `Problem.unknownSigningKey`.
    package func require(_ id: String) async throws -> SigningKeyEntry {
        guard let entry = try await list().first(where: { $0.id == id }) else { throw Problem.unknownSigningKey }
        return entry
    }

    // MARK: Adding

    /// Makes the first key of a store that has none in use, unless a setting gives one.
    ///
    /// - Returns: the `kid` of the key that was made just now.
    /// - Throws: `SigningKeyError` when the key in use cannot be opened, or is for another algorithm than the setting says.
    package func prepare() async throws -> String? {
        var made: String?
        if given == nil, try await database.rows(Self.active).isEmpty {
            let key = try newKey(algorithm ?? .edDSA)
            let now = clock.now()
            // Two servers may start on one store at once: the first key stays, and both take it.
            let isMade = try await database.transaction { sql in
                guard try sql(Self.active).isEmpty, try Self.insert(key, at: now, activatesAt: nil, in: sql) else {
                    return false
                }
                let isActive = try Self.activate(key.id, at: now, in: sql)
                try AuditLog.record("create and activate", on: .signingKey(key.id), by: .server, at: now, in: sql)
                return isActive
            }
            if isMade { made = key.id }
        }
        let inUse = try await current().active
        if let algorithm, inUse.algorithm != algorithm {
            throw SigningKeyError.otherAlgorithm(inUse.keyID, inUse.algorithm, wanted: algorithm)
        }
        return made
    }

    /// Makes a key that takes over when it has been published for the lead time, or at once.
    ///
    /// - Parameter algorithm: nil for the one that the settings name, else that of the key in use.
    /// - Throws: `Problem.signingKeyState` when another key is about to take over.
    package func rotate(
        algorithm wanted: JWSAlgorithm? = nil, atOnce: Bool, by actor: Actor
    ) async throws -> SigningKeyEntry {
        let algorithm = if let wanted { wanted } else { try await algorithmOfNewKeys() }
        let key = try newKey(algorithm)
        let (now, leadTime) = (clock.now(), leadTime)
        try await database.transaction { sql in
            let isFirst = try sql(Self.active).isEmpty
            let isAtOnce = atOnce || isFirst || leadTime == 0
            guard try Self.insert(key, at: now, activatesAt: isAtOnce ? nil : now + leadTime, in: sql) else {
                throw try Self.alreadyNext(in: sql)
            }
            if isAtOnce { try Self.activate(key.id, at: now, in: sql) }
            try AuditLog.record(
                isAtOnce ? "create and activate" : "create; activates: \(RFC3339.text(now + leadTime))",
                on: .signingKey(key.id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
        return try await require(key.id)
    }

    /// Takes a key along that was made elsewhere. It is on standby until somebody activates it.
    ///
    /// - Throws: `Problem.invalidSigningKey` with the reason, `.signingKeyExists`.
    package func add(_ jwk: JWK, by actor: Actor) async throws -> SigningKeyEntry {
        let key: NewKey
        do { key = try NewKey(jwk, sealedUnder: masterKey) } catch let error as JWKError {
            throw Problem.invalidSigningKey.saying(error.description)
        }
        let isPlain = key.id.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        // Clients take dots for steps in a path.
        guard isPlain, (1...128).contains(key.id.utf8.count), key.id != ".", key.id != ".." else {
            throw Problem.invalidSigningKey.saying("The kid must be 1 to 128 visible ASCII characters, not dots alone.")
        }
        // The same key may be imported; another one of its name would wait unseen for the setting to go.
        guard given?.keyID != key.id || given?.thumbprint == jwk.thumbprint() else { throw Problem.signingKeyExists }
        let now = clock.now()
        try await database.transaction { sql in
            guard
                try Self.insert(key, at: now, activatesAt: nil, longestLifetime: Self.longestLifetime, in: sql)
            else { throw Problem.signingKeyExists }
            try AuditLog.record("import", on: .signingKey(key.id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
        return try await require(key.id)
    }

    // MARK: Moving on

    /// Lets a standby key take over when it has been published for the lead time, or at once.
    ///
    /// - Throws: `Problem.unknownSigningKey`, `.signingKeyState` for a retired key, and when another one is about to take over.
    package func activate(_ id: String, atOnce: Bool, by actor: Actor) async throws -> SigningKeyEntry {
        let (now, leadTime) = (clock.now(), leadTime)
        try await database.transaction { sql in
            let entry = try Self.requireEntry(id, in: sql)
            guard entry.state != .retired else {
                throw Problem.signingKeyState.saying("The key \(id) is retired, and retired keys do not come back.")
            }
            guard entry.state == .standby else { return }
            let due = (entry.createdAt ?? now) + leadTime
            let isFirst = try sql(Self.active).isEmpty
            if atOnce || isFirst || due <= now {
                try Self.activate(id, at: now, in: sql)
                try AuditLog.record("activate", on: .signingKey(id), by: actor, at: now, in: sql)
            } else if entry.activatesAt == nil {
                if let next = try Self.next(in: sql) { throw Self.alreadyNext(next) }
                try sql("UPDATE signing_keys SET activates_at = \(due) WHERE id = \(id)")
                try AuditLog.record(
                    "activates: \(RFC3339.text(due))", on: .signingKey(id), by: actor, at: now, in: sql)
            }
            try sql.authorizationsChanged()
        }
        return try await require(id)
    }

    /// Ends a key's use: it signs no more, and is accepted until the last token that it signed has expired.
    ///
    /// - Throws: `Problem.unknownSigningKey`, `.signingKeyState` for the key in use.
    package func retire(_ id: String, by actor: Actor) async throws -> SigningKeyEntry {
        try requireNotGiven(id)
        let now = clock.now()
        try await database.transaction { sql in
            let entry = try Self.requireEntry(id, in: sql)
            guard entry.state != .active else { throw Self.inUse(id) }
            if try Self.retire("id = \(id)", at: now, in: sql) > 0 {
                try AuditLog.record("retire", on: .signingKey(id), by: actor, at: now, in: sql)
            }
            try sql.authorizationsChanged()
        }
        return try await require(id)
    }

    /// Forgets a key: what it signed is refused from now on.
    ///
    /// - Throws: `Problem.unknownSigningKey`, `.signingKeyState` for the key in use.
    package func remove(_ id: String, by actor: Actor) async throws {
        try requireNotGiven(id)
        let now = clock.now()
        try await database.transaction { sql in
            let entry = try Self.requireEntry(id, in: sql)
            guard entry.state != .active else { throw Self.inUse(id) }
            try sql("DELETE FROM signing_keys WHERE id = \(id)")
            try AuditLog.record("delete", on: .signingKey(id), by: actor, at: now, in: sql)
            try sql.authorizationsChanged()
        }
    }

    /// Does what time has made due: the next key takes over, a new one is made when rotation is automatic, retired ones
    /// that no living token needs are removed. Any number of processes may do so at once.
    package func advance() async throws -> [SigningKeyEvent] {
        let now = clock.now()
        var events = try await database.transaction { sql in
            var events: [SigningKeyEvent] = []
            if let (id, activatesAt) = try Self.next(in: sql), activatesAt <= now,
                try Self.activate(id, at: now, in: sql)
            {
                events.append(.activated(id))
                try AuditLog.record("activate", on: .signingKey(id), by: .server, at: now, in: sql)
            }
            for row in try sql("DELETE FROM signing_keys WHERE accepted_until <= \(now) RETURNING id") {
                let id = try row.text("id")
                events.append(.removed(id))
                try AuditLog.record("delete", on: .signingKey(id), by: .server, at: now, in: sql)
            }
            if !events.isEmpty { try sql.authorizationsChanged() }
            return events
        }
        if let made = try await rotateWhenDue(at: now) { events.append(.made(made)) }
        return events
    }

    /// - Returns: the `kid` of the key that was made; nil when none is due, or another process was faster.
    private func rotateWhenDue(at now: Int64) async throws -> String? {
        guard let rotation, given == nil else { return nil }
        // So that keys change after that time, not after that time and the lead time.
        let oldest = now - rotation + leadTime
        let due: Query = """
            WHERE EXISTS (
                SELECT 1 FROM signing_keys WHERE activated_at <= \(oldest) AND retired_at IS NULL
            ) AND NOT EXISTS (\(Self.waiting))
            """
        // Asked first, because making a key may take a second.
        guard try await !database.rows("SELECT 1 AS is_due \(due)").isEmpty else { return nil }
        let key = try newKey(try await algorithmOfNewKeys())
        let activatesAt = now + leadTime
        return try await database.transaction { sql in
            let made = try sql(
                """
                INSERT INTO signing_keys (id, algorithm, sealed, created_at, activates_at)
                SELECT \(key.id), \(key.algorithm), \(key.sealed), \(now), \(activatesAt)
                \(due)
                ON CONFLICT DO NOTHING RETURNING id
                """)
            guard !made.isEmpty else { return nil }
            try AuditLog.record(
                "create; activates: \(RFC3339.text(activatesAt))", on: .signingKey(key.id), by: .server, at: now,
                in: sql)
            try sql.authorizationsChanged()
            return key.id
        }
    }

    /// One whose `kid` nobody takes for an option of the command line: a thumbprint may begin with a hyphen.
    private func newKey(_ algorithm: JWSAlgorithm) throws -> NewKey {
        while true {
            let key = try NewKey(.generate(for: algorithm), sealedUnder: masterKey)
            if !key.id.hasPrefix("-") { return key }
        }
    }

    private func algorithmOfNewKeys() async throws -> JWSAlgorithm {
        if let algorithm { return algorithm }
        let name = try await database.rows(Self.active).first?.text("algorithm")
        return name.flatMap { JWSAlgorithm(rawValue: $0) } ?? .edDSA
    }

    private func requireNotGiven(_ id: String) throws(Problem) {
        guard id != given?.keyID else {
            throw .signingKeyState.saying("The key \(id) is given by a setting; take it out there.")
        }
    }
}

// MARK: - Statements

extension SigningKeys {
    static let columns: Query = """
        SELECT id, algorithm, sealed, created_at, activates_at, activated_at, retired_at, accepted_until, longest_lifetime
        """
    /// The one key in use; the index `signing_keys_active` holds that there are not two.
    static let active: Query = """
        SELECT id, algorithm FROM signing_keys WHERE activated_at IS NOT NULL AND retired_at IS NULL
        """
    /// The one key that has been told when to take over; the index `signing_keys_next` holds that there are not two.
    private static let waiting: Query = """
        SELECT id, activates_at FROM signing_keys
        WHERE activates_at IS NOT NULL AND activated_at IS NULL AND retired_at IS NULL
        """

    /// - Returns: false when there is such a key, or another is about to take over.
    private static func insert(
        _ key: NewKey, at now: Int64, activatesAt: Int64?, longestLifetime: Int64 = 0, in sql: borrowing Transaction
    ) throws -> Bool {
        try !sql(
            """
            INSERT INTO signing_keys (id, algorithm, sealed, created_at, activates_at, longest_lifetime)
            VALUES (\(key.id), \(key.algorithm), \(key.sealed), \(now), \(activatesAt), \(longestLifetime))
            ON CONFLICT DO NOTHING RETURNING id
            """
        ).isEmpty
    }

    /// Retires the key in use and puts a standby key in its place.
    ///
    /// - Returns: false when the key is no longer on standby.
    @discardableResult
    private static func activate(_ id: String, at now: Int64, in sql: borrowing Transaction) throws -> Bool {
        let isOnStandby: Query = "id = \(id) AND activated_at IS NULL AND retired_at IS NULL"
        try retire(
            "activated_at IS NOT NULL AND EXISTS (SELECT 1 FROM signing_keys WHERE \(isOnStandby))", at: now, in: sql)
        return try !sql("UPDATE signing_keys SET activated_at = \(now) WHERE \(isOnStandby) RETURNING id").isEmpty
    }

    /// - Returns: how many.
    @discardableResult
    private static func retire(_ condition: Query, at now: Int64, in sql: borrowing Transaction) throws -> Int {
        let second = Int64.microsecondsPerSecond
        return try sql.changes(
            """
            UPDATE signing_keys
            SET retired_at = \(now), accepted_until = \(now) + (longest_lifetime + \(grace)) * \(second)
            WHERE retired_at IS NULL AND \(condition)
            """)
    }

    private static func next(in sql: borrowing Transaction) throws -> (id: String, activatesAt: Int64)? {
        try sql(waiting).first.map { (try $0.text("id"), try $0.integer("activates_at")) }
    }

    private static func requireEntry(_ id: String, in sql: borrowing Transaction) throws -> SigningKeyEntry {
        guard let row = try sql("\(columns) FROM signing_keys WHERE id = \(id)").first else {
            throw Problem.unknownSigningKey
        }
        return try SigningKeyEntry(row, whileAnotherIsGiven: false)
    }

    private static func inUse(_ id: String) -> Problem {
        .signingKeyState.saying("The key \(id) signs tokens; let another one take over first (rotate).")
    }

    private static func alreadyNext(in sql: borrowing Transaction) throws -> Problem {
        guard let next = try next(in: sql) else { return .signingKeyExists }
        return alreadyNext(next)
    }

    private static func alreadyNext(_ next: (id: String, activatesAt: Int64)) -> Problem {
        .signingKeyState.saying("The key \(next.id) takes over at \(RFC3339.text(next.activatesAt)) already.")
    }
}

// MARK: - Values

/// A key before it is in the store.
private struct NewKey: Sendable {
    let id: String
    let algorithm: String
    let sealed: String

    init(_ jwk: JWK, sealedUnder masterKey: SealingKey) throws {
        let key = try SigningKey(jwk)
        id = key.keyID
        algorithm = key.algorithm.rawValue
        sealed = Base64URL.encode(
            try masterKey.seal(
                Array(jwk.json(includingPrivate: true).utf8), context: SigningKeys.sealingContext(key.keyID)))
    }
}

/// What may be told about a key that signs tokens. Times are microseconds since 1970.
package struct SigningKeyEntry: Sendable, Equatable {
    package enum State: String, Sendable {
        /// Published and accepted, not used.
        case standby
        /// Signs.
        case active
        /// Signs no more, and is accepted.
        case retired
    }

    /// `kid`
    package let id: String
    package let algorithm: String
    package let state: State
    /// Whether a setting gives it; it then has no times.
    package let isGiven: Bool
    package let createdAt: Int64?
    /// When a standby key takes over; nil when nobody has said so.
    package let activatesAt: Int64?
    package let activatedAt: Int64?
    package let retiredAt: Int64?
    package let acceptedUntil: Int64?

    init(given key: SigningKey) {
        id = key.keyID
        algorithm = key.algorithm.rawValue
        state = .active
        isGiven = true
        createdAt = nil
        activatesAt = nil
        activatedAt = nil
        retiredAt = nil
        acceptedUntil = nil
    }

    /// - Parameter whileAnotherIsGiven: a setting gives the key that signs, so the one of the store is on standby.
    init(_ row: Row, whileAnotherIsGiven: Bool) throws {
        id = try row.text("id")
        algorithm = try row.text("algorithm")
        isGiven = false
        createdAt = try row.integer("created_at")
        activatesAt = try row.optionalInteger("activates_at")
        activatedAt = try row.optionalInteger("activated_at")
        retiredAt = try row.optionalInteger("retired_at")
        acceptedUntil = try row.optionalInteger("accepted_until")
        state = retiredAt != nil ? .retired : activatedAt != nil && !whileAnotherIsGiven ? .active : .standby
    }

    /// Whether no living token needs it any more.
    func isOver(at now: Int64) -> Bool { (acceptedUntil ?? .max) <= now }
}

/// What `advance` did, each with the `kid`.
package enum SigningKeyEvent: Sendable, Equatable {
    case made(String)
    case activated(String)
    case removed(String)
}

package enum SigningKeyError: Error, CustomStringConvertible {
    case unreadable(String)
    case none
    case otherAlgorithm(String, JWSAlgorithm, wanted: JWSAlgorithm)

    package var description: String {
        switch self {
        case .unreadable(let id):
            "The signing key \(id) in the store cannot be opened with this master key; give the one that belongs to the store."
        case .none: "There is no key in use that signs tokens; make one with `gatehouse signing-key rotate`."
        case .otherAlgorithm(let id, let algorithm, let wanted):
            "The signing key \(id) in the store cannot carry \(wanted.rawValue), it is for \(algorithm.rawValue); "
                + "make another with `gatehouse signing-key rotate --algorithm \(wanted.rawValue) --now`."
        }
    }
}
