import GatehouseCryptography
import GatehouseMessages
import GatehouseStorage
import NIOConcurrencyHelpers

/// Remembers the signatures that were accepted as long as they would be accepted again, so that each counts once: for all
/// processes that share the store, and after any restart.
struct AcceptedSignatures: Sendable {
    let database: any Database
    /// So many are remembered at once; beyond them new ones are refused rather than old ones forgotten. No account has
    /// more than half of them, so that none locks out the others.
    let capacity: Int64
    private let counts = NIOLockedValueBox(Counts())

    /// Of this moment, as far as this process knows: what others accept it learns each minute.
    private struct Counts {
        var all: Int64 = 0
        var byAccount: [String: Int64] = [:]
    }

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
    ///   - account: whose key it is.
    ///   - end: when it stops being accepted, in Unix seconds.
    /// - Returns: false when it was accepted before. When it returns true, that is on the disk.
    /// - Throws: `Problem.overloaded` when no more can be remembered.
    func accept(_ identity: [UInt8], of account: String, until end: Int64) async throws -> Bool {
        let hasRoom = counts.withLockedValue { counts in
            counts.all < capacity && counts.byAccount[account, default: 0] < capacity / 2
        }
        guard hasRoom else { throw Problem.overloaded.retryAfter(seconds: Self.slack) }
        let text = Base64URL.encode(identity)
        let forgetAt: Int64 = .seconds(end + Self.slack)
        let isNew = try await database.transaction { sql in
            try !sql(
                """
                INSERT INTO accepted_signatures (identity, account_id, forget_at)
                VALUES (\(text), \(account), \(forgetAt))
                ON CONFLICT DO NOTHING RETURNING identity
                """
            ).isEmpty
        }
        if isNew {
            counts.withLockedValue { counts in
                counts.all += 1
                counts.byAccount[account, default: 0] += 1
            }
        }
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
        var left = Counts()
        for row in try await database.rows(
            "SELECT account_id, COUNT(*) AS n FROM accepted_signatures GROUP BY account_id")
        {
            let count = try row.integer("n")
            left.byAccount[try row.text("account_id")] = count
            left.all += count
        }
        counts.withLockedValue { [left] in $0 = left }
    }
}
