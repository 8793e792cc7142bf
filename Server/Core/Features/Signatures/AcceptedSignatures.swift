import GatehouseCryptography
import GatehouseMessages
import GatehouseStorage
import NIOConcurrencyHelpers

/// Remembers the signatures that were accepted as long as they would be accepted again, so that each counts once: for all
/// processes that share the store, and after any restart.
struct AcceptedSignatures: Sendable {
    let database: any Database
    /// So many are remembered at once; beyond them new ones are refused rather than old ones forgotten.
    let capacity: Int64
    private let count = NIOLockedValueBox<Int64>(0)

    /// How much longer than its end a signature is remembered, in seconds: the clocks of two servers differ by less.
    private static let slack: Int64 = 60
    /// Forgotten in one transaction, so that nobody else's waits long.
    private static let forgottenAtOnce = 1000

    init(database: any Database, capacity: Int64) {
        self.database = database
        self.capacity = capacity
    }

    /// - Parameters:
    ///   - identity: under which a second one is known.
    ///   - end: when it stops being accepted, in Unix seconds.
    /// - Returns: false when it was accepted before. When it returns true, that is on the disk.
    /// - Throws: `Problem.overloaded` when no more can be remembered.
    func accept(_ identity: [UInt8], until end: Int64) async throws -> Bool {
        guard count.withLockedValue({ $0 }) < capacity else {
            throw Problem.overloaded.retryAfter(seconds: Self.slack)
        }
        let text = Base64URL.encode(identity)
        let forgetAt: Int64 = .seconds(end + Self.slack)
        let isNew = try await database.transaction { sql in
            try !sql(
                """
                INSERT INTO accepted_signatures (identity, forget_at) VALUES (\(text), \(forgetAt))
                ON CONFLICT DO NOTHING RETURNING identity
                """
            ).isEmpty
        }
        if isNew { count.withLockedValue { $0 += 1 } }
        return isNew
    }

    /// Forgets what would be refused for its age.
    func tidy(at now: Int64) async throws {
        while true {
            let forgotten = try await database.transaction { sql in
                try sql.changes(
                    """
                    DELETE FROM accepted_signatures WHERE identity IN (
                        SELECT identity FROM accepted_signatures WHERE forget_at <= \(now) LIMIT \(Self.forgottenAtOnce))
                    """)
            }
            guard forgotten == Self.forgottenAtOnce else { break }
        }
        let left = try await database.rows("SELECT COUNT(*) AS n FROM accepted_signatures").first?.integer("n") ?? 0
        count.withLockedValue { $0 = left }
    }
}
