import Foundation
import GatehouseCryptography
import GatehouseOpenCAP
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport

@testable import GatehouseCore

/// A SQLite file as a server of aliases leaves it.
final class AliasDatabase {
    /// Hashes of `password`, as flaskCCAP made them over the years, the last one before Argon2 1.3.
    static let password = "pw-1"
    static let argon2 = [
        "$argon2id$v=19$m=65536,t=3,p=4$BiCEsJZyzhljrNW6F8K4Nw$/RxuBhWTxF0RWW2hi8sVmISPMluYXBNB6H5P9m6ivGs",
        "$argon2id$v=19$m=102400,t=2,p=8$rdV6L6UUImTM+V/LeY+x1g$bvFZSaYxeoLTR+L84+VRBkfL7c/la9cjAyl36VSU/04",
        "$argon2i$v=19$m=512,t=2,p=2$EAJgTAmB8F4LYaw1pnRuTQ$GWFewSP/N0CqrV3f/OiuFVqJwYgnUta2HrxPR9llgCs",
    ]
    /// The quickest of them.
    static let quick = argon2[2]
    /// "abc", cost 6, under the name that Go gives it.
    static let bcrypt = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"
    static let addresses = ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX"]
    static let nano = "nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3"

    let folder: TemporaryFolder
    var path: String { folder.path("database.db") }

    init(_ statements: [Query]) async throws {
        folder = try TemporaryFolder()
        try await run(statements)
    }

    func run(_ statements: [Query]) async throws {
        let database = try SQLiteDatabase(path: path)
        try await database.closing { database in
            _ = try await database.transaction { sql in for statement in statements { try sql(statement) } }
        }
    }

    /// Without its foreign keys, which the original does not check, and we do.
    static let flaskCCAP: [Query] = [
        """
        CREATE TABLE "domain" ("id" INTEGER NOT NULL PRIMARY KEY, "domain" VARCHAR(255) NOT NULL,
            "password" VARCHAR(255) NOT NULL, "date" DATETIME)
        """,
        #"CREATE UNIQUE INDEX "domain_domain" ON "domain" ("domain")"#,
        """
        CREATE TABLE "user" ("id" INTEGER NOT NULL PRIMARY KEY, "domain_id" INTEGER NOT NULL, "username" VARCHAR(255)
            NOT NULL, "password" VARCHAR(255) NOT NULL)
        """,
        #"CREATE INDEX "user_domain_id" ON "user" ("domain_id")"#,
        #"CREATE UNIQUE INDEX "user_username" ON "user" ("username")"#,
        """
        CREATE TABLE "coin" ("id" INTEGER NOT NULL PRIMARY KEY, "user_id" INTEGER NOT NULL, "coin" VARCHAR(255)
            NOT NULL, "address" VARCHAR(255))
        """,
        #"CREATE INDEX "coin_user_id" ON "coin" ("user_id")"#,
    ]

    static let restfulCAP: [Query] = [
        flaskCCAP[0], flaskCCAP[1],
        """
        CREATE TABLE "user" ("id" INTEGER NOT NULL PRIMARY KEY, "domain_id" INTEGER NOT NULL, "password" VARCHAR(255)
            NOT NULL, "alias" VARCHAR(255) NOT NULL, "date" DATETIME)
        """,
        #"CREATE UNIQUE INDEX "user_alias" ON "user" ("alias")"#,
        """
        CREATE TABLE "type" ("id" INTEGER NOT NULL PRIMARY KEY, "address_type" INTEGER NOT NULL, "user_id" INTEGER
            NOT NULL, "address" VARCHAR(255) NOT NULL)
        """,
    ]

    static let goServer: [Query] = [
        """
        CREATE TABLE "users" ("id" integer primary key autoincrement, "created_at" datetime, "updated_at" datetime,
            "username" varchar(30), "password" varchar(255), "domain" varchar(255))
        """,
        #"CREATE UNIQUE INDEX idx_username_domain ON "users" (username, "domain")"#,
        """
        CREATE TABLE "addresses" ("id" integer primary key autoincrement, "created_at" datetime, "updated_at" datetime,
            "user_id" integer, "address" varchar(255), "address_type" integer)
        """,
        #"CREATE UNIQUE INDEX idx_user_address_type ON "addresses" (user_id, address_type)"#,
    ]

    static func domain(_ id: Int, _ name: String, _ hash: String = quick) -> Query {
        "INSERT INTO domain VALUES (\(id), \(name), \(hash), '2026-11-21 02:07:44.098209')"
    }
    static func user(_ id: Int, _ name: String, in domain: Int = 1, _ hash: String = quick) -> Query {
        "INSERT INTO user (id, domain_id, username, password) VALUES (\(id), \(domain), \(name), \(hash))"
    }
    static func coin(_ id: Int, of user: Int, _ coin: String, _ address: String?) -> Query {
        "INSERT INTO coin VALUES (\(id), \(user), \(coin), \(address))"
    }
    static func goUser(_ id: Int, _ name: String, _ domain: String, _ hash: String = bcrypt) -> Query {
        """
        INSERT INTO users VALUES (\(id), '2018-09-17 12:34:56.789+00:00', '2018-09-17 12:34:56.789+00:00', \(name),
            \(hash), \(domain))
        """
    }
    static func goAddress(_ id: Int, of user: Int, _ type: Int, _ address: String) -> Query {
        "INSERT INTO addresses VALUES (\(id), NULL, NULL, \(user), \(address), \(type))"
    }
}

/// One import of such a file.
struct AliasImportRun {
    let outcome: ImportOutcome
    let findings: [String]

    init(
        _ format: ImportFormat, _ file: AliasDatabase, into fixture: Fixture?, _ domains: [String: String] = [:],
        dry: Bool = false, meanwhile: (AliasDatabase) async throws -> Void = { _ in }
    ) async throws {
        let foreign = try ForeignFile(path: file.path)
        let scratch = try SQLiteDatabase.inMemory()
        let found = Locked<[String]>([])
        let work = try await AliasImport(
            format, of: try AliasFile(format) { try foreign.rows($0) },
            domains: try domains.mapValues { name throws in try DomainName(name) }, into: fixture?.database,
            scratch: scratch, clock: fixture?.time.clock ?? TestClock().clock,
            report: { finding in found.withLock { $0.append(finding.text) } }, progress: { _ in })
        let plan = try await work.plan(digest: try ImportSource(file.path).digest())
        try await meanwhile(file)
        outcome =
            dry || plan.outcome.counts.total(.new) == 0
            ? plan.outcome : try await work.carryOut(plan, by: .commandLine)
        findings = found.withLock { $0 }
        await scratch.close()
    }

    var summary: String {
        "\(outcome.counts.text(.new)) | \(outcome.counts.text(.there)) | \(outcome.counts.text(.refused))"
    }
}
