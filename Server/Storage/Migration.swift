/// One step from a schema to the next. Shipped ones stay as they are.
package struct Migration: Sendable {
    /// 1, 2, 3 …, without gaps.
    package let number: Int
    package let title: String
    /// One statement each, in the dialect that the engines share: types BIGINT, TEXT and BYTEA, no `STRICT` (the driver
    /// for SQLite translates the types and adds it). A table that ends in `WITHOUT ROWID` is kept in the order of its key by
    /// engines that can; others leave that out.
    package let statements: [String]

    package init(number: Int, title: String, statements: [String]) {
        self.number = number
        self.title = title
        self.statements = statements
    }

    /// FNV-1a (64 bits) over the statements. Not a secret and not a defence: it notices that someone edited a
    /// migration that had already run somewhere.
    var fingerprint: Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in statements.joined(separator: "\0").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return Int64(bitPattern: hash)
    }
}

/// Runs what is missing of a list of migrations, each in a transaction of its own together with its entry in
/// `schema_migrations`.
///
/// What is missing is asked again inside each transaction, so that two processes at once do not run a step twice. This
/// needs write transactions that exclude each other: SQLite's do; a driver for another engine takes a lock first.
package struct MigrationRunner: Sendable {
    private let migrations: [Migration]

    /// - Throws: `invalidMigrations` when the numbers are not 1, 2, 3 ….
    package init(_ migrations: [Migration]) throws(StorageError) {
        guard zip(1..., migrations).allSatisfy({ $0 == $1.number }) else {
            throw StorageError(.invalidMigrations, message: "migrations must be numbered 1, 2, 3 … in order")
        }
        self.migrations = migrations
    }

    package func run(on database: some Database) async throws -> [Int] {
        // Read first: a store that is up to date is not written to.
        let finished = try await database.read { [self] sql in try check(sql) }
        var ran: [Int] = []
        for migration in migrations.dropFirst(finished) {
            let didRun = try await database.transaction { [self] sql in
                try sql.define(Self.table)
                guard try check(sql) == migration.number - 1 else { return false }
                for statement in migration.statements { try sql.define(statement) }
                try sql(
                    """
                    INSERT INTO schema_migrations (number, title, fingerprint)
                    VALUES (\(migration.number), \(migration.title), \(migration.fingerprint))
                    """)
                return true
            }
            if didRun { ran.append(migration.number) }
        }
        return ran
    }

    /// The number of the last migration that ran; 0 when there was none.
    package static func version(_ sql: borrowing Transaction) throws(StorageError) -> Int {
        guard try sql.hasTable("schema_migrations") else { return 0 }
        return Int(try sql("SELECT COALESCE(MAX(number), 0) FROM schema_migrations")[0].integer(at: 0))
    }

    private static let table = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            number BIGINT NOT NULL PRIMARY KEY,
            title TEXT NOT NULL,
            fingerprint BIGINT NOT NULL
        )
        """

    /// - Returns: how many migrations have run.
    private func check(_ sql: borrowing Transaction) throws(StorageError) -> Int {
        let version = try Self.version(sql)
        guard version <= migrations.count else {
            throw StorageError(
                .newerSchema,
                message:
                    "the store has schema version \(version), this program knows \(migrations.count): use a newer one"
            )
        }
        guard version > 0 else { return 0 }
        let rows = try sql("SELECT number, fingerprint FROM schema_migrations ORDER BY number")
        for (row, migration) in zip(rows, migrations) {
            let (number, fingerprint) = (try row.integer(at: 0), try row.integer(at: 1))
            guard number != migration.number || fingerprint != migration.fingerprint else { continue }
            throw StorageError(
                .changedMigration,
                message:
                    "migration \(migration.number) (\(migration.title)) is not the one that this store was made with")
        }
        return version
    }
}
