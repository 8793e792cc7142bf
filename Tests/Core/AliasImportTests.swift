import Foundation
import GatehouseMessages
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import GatehouseTestSupport
import Testing

@testable import GatehouseCore

@Suite("Importing from a server of aliases", .timeLimit(.minutes(3)))
struct AliasImportTests {
    private typealias File = AliasDatabase
    private let btc = AliasDatabase.addresses

    /// Everything in the store that such an import could touch, as text.
    private func content(_ fixture: Fixture) async throws -> [String] {
        let queries: [Query] = [
            """
            SELECT id || username || domain || password_hash || created_at || addresses_version AS line FROM accounts
            ORDER BY id
            """,
            "SELECT username || domain || address_type || address AS line FROM addresses ORDER BY 1",
            "SELECT account_id || coin || address AS line FROM coins ORDER BY 1",
            "SELECT name || COALESCE(secret_digest, '') || COALESCE(secret_hash, '') AS line FROM domains ORDER BY 1",
            "SELECT host || domain AS line FROM domain_hosts ORDER BY 1",
            "SELECT id AS line FROM audit_events ORDER BY number",
        ]
        var lines: [String] = []
        for query in queries { lines += try await fixture.database.rows(query).map { try $0.text("line") } }
        return lines
    }

    private func addresses(of alias: String, _ fixture: Fixture) async throws -> [String] {
        try await fixture.features.addresses.lookUp(try Alias(alias)).addresses.map { "\($0.type) \($0.address)" }
    }

    private func delete(_ alias: String, _ fixture: Fixture) async throws {
        try await fixture.accounts.delete(try AccountName(alias))
    }

    @Test("domains, users and addresses of flaskCCAP come along; what cannot is reported by table and row")
    func flaskCCAP() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.flaskCCAP + [
                File.domain(1, "Cap.Alpha.test", File.argon2[0]), File.domain(2, "beta.test", "no hash"),
                File.domain(3, "10.0.0.1:5000"),
                File.user(1, "alice", File.argon2[0]), File.user(2, "DaVe"), File.user(3, "dave"),
                File.user(4, "bob", in: 2), File.user(5, "lost", in: 9), File.user(6, "ip", in: 3),
                File.user(7, "with space"), File.user(8, "plain", "secret"),
                File.user(9, "huge", File.argon2[0].replacing("m=65536", with: "m=4194304")),
                File.user(10, "ERIC", in: 2), File.user(11, "scrypt", "$scrypt$ln=16,r=8,p=1$aaaa$bbbb"),
                File.coin(1, of: 1, "BTC", btc[0]), File.coin(2, of: 1, "btc", btc[1]),
                File.coin(3, of: 1, "Btc", btc[0]),
                File.coin(4, of: 1, "nano", nil), File.coin(5, of: 1, "Doge", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"),
                File.coin(6, of: 4, "btc", ""), File.coin(7, of: 4, "ltc", "{'a': 1}"),
                File.coin(8, of: 77, "btc", btc[0]),
                File.coin(9, of: 10, "btc", btc[0] + "x"), File.coin(10, of: 2, "btc", btc[0]),
                File.coin(11, of: 10, "XRB", File.nano), File.coin(12, of: 10, "nano", File.nano),
                File.coin(13, of: 10, "bit coin", "x"),
            ])
        let run = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(
            run.findings == [
                "domain 2 in part: its secret is no hash of Argon2 that can come along; "
                    + "`gatehouse domain rotate-secret` gives it one",
                "domain 3 refused: the domain may have letters a to z, digits, dots and hyphens only; "
                    + "--domain chooses another name",
                "coin 4 refused: it has no address",
                "coin 1 refused: its user has another address for this coin; the original answers that one",
                "coin 3 refused: its user has another address for this coin; the original answers that one",
                "coin 6 refused: it has no address",
                "coin 7 refused: its address is no address but what Python writes of another value",
                "user 5 refused: its domain is not in the file", "user 6 refused: its domain does not come along",
                "user 7 refused: its name is no alias: the user name may have letters a to z, digits, dots, "
                    + "underscores and hyphens only",
                "user 8 refused: its password is no hash of Argon2",
                "user 9 refused: its password is a hash of another kind than Argon2, or of one that takes more than 1 GiB "
                    + "or some seconds",
                "coin 9 refused: the address is not a Bitcoin P2PKH address: it is too short or too long",
                "coin 13 refused: a coin has 1 to 16 letters and digits, as in \"btc\"",
                "coin 11 refused: its user has another address for this coin; the original answers that one",
                "user 11 refused: its password is a hash of another kind than Argon2, or of one that takes more than 1 GiB "
                    + "or some seconds",
                "coin 8 refused: its user is not in the file",
                "user 2 refused: its name is the same as that of user 3 here",
            ])
        #expect(
            run.summary == "2 domains, 4 users, 3 addresses | nothing | 1 domain, 7 users, 10 addresses")
        #expect(try await addresses(of: "alice$cap.alpha.test", fixture) == ["100 \(btc[1])"])
        #expect(try await addresses(of: "eric$beta.test", fixture) == ["300 \(File.nano)"])
        #expect(try await addresses(of: "dave$cap.alpha.test", fixture) == [])
        #expect(try await fixture.count("SELECT COUNT(*) FROM coins WHERE coin = 'doge'") == 1)
        // One event for all of it, and one for each domain.
        let events = try await fixture.database.rows("SELECT action FROM audit_events ORDER BY number").map {
            row throws in
            try row.text("action")
        }
        #expect(
            events == [
                "import flask-ccap: 2 domains, 4 users, 3 addresses; SHA-256 of the file \(run.outcome.digest)",
                "create: cap.alpha.test", "create: beta.test",
            ])
        // The report says nothing of what stands in the rows but the name that collides by its row.
        for word in ["alice", "DaVe", "1A1z", "argon2id$v"] { #expect(!run.findings.contains { $0.contains(word) }) }
    }

    @Test(
        "who came along from flaskCCAP signs in with the old password, whatever Argon2 made its hash, and gets a new one"
    )
    func argon2() async throws {
        let fixture = try await Fixture()
        // v=16 is of before version 1.3 and is not written; made by the reference implementation from "password".
        let oldest = "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"
        let hashes = File.argon2 + [oldest]
        let file = try await File(
            File.flaskCCAP + [File.domain(1, "a.test")]
                + hashes.enumerated().map { File.user($0 + 1, "user\($0)", $1) })
        #expect(try await AliasImportRun(.flaskCCAP, file, into: fixture).findings == [])
        func kinds() async throws -> [String] {
            try await fixture.database.read { sql in try Candidate.otherHashes(in: sql).argon2Kinds }
        }
        func left() async throws -> Int { try await kinds().count { !$0.contains("m=8,") } }
        #expect(try await left() == 4)
        for number in hashes.indices {
            let password = number == 3 ? "password" : File.password
            #expect(try await fixture.outcome("User\(number)$a.test", password + "x") == "invalid_credentials")
            #expect(try await fixture.outcome("User\(number)$a.test", password) == "200")
            // The last of its kind has a new hash, and nobody waits for that kind any more.
            #expect(try await left() == 3 - number)
            #expect(try await fixture.outcome("user\(number)$a.test", password) == "200")
        }
    }

    @Test("the domain's secret still makes aliases, and is kept as a digest from then on")
    func secret() async throws {
        let fixture = try await Fixture()
        let secret = DomainSecret.random().text
        let hash = try await fixture.passwords.hash(secret)
        let file = try await File(
            File.flaskCCAP + [File.domain(1, "a.test", hash), File.domain(2, "b.test", File.quick)])
        let run = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(run.summary == "2 domains | nothing | nothing")
        func stored(_ domain: String) async throws -> (digest: String?, hash: String?) {
            let rows = try await fixture.database.rows(
                "SELECT secret_digest, secret_hash FROM domains WHERE name = \(domain)")
            return (try rows[0].optionalText("secret_digest"), try rows[0].optionalText("secret_hash"))
        }
        #expect(try await stored("a.test").hash == hash)
        #expect(try await fixture.domains.check(secret: secret + "x", for: "a.test") == .nothing)
        #expect(try await fixture.domains.check(secret: secret, for: "b.test") == .nothing)
        #expect(try await stored("a.test").hash == hash)
        #expect(try await fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
        let kept = try await stored("a.test")
        #expect(kept.digest == DomainSecret.digest(of: secret) && kept.hash == nil)
        #expect(try await fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
        #expect(try await fixture.domains.check(secret: secret, for: "b.test") == .otherDomain)
        // A secret that somebody could guess stays behind a slow hash, of today.
        #expect(try await fixture.domains.check(secret: File.password, for: "b.test") == .thisDomain)
        let weak = try await stored("b.test")
        #expect(weak.digest == nil && weak.hash?.hasPrefix("$argon2id$v=19$m=8,") == true)
        #expect(try await fixture.domains.check(secret: File.password, for: "b.test") == .thisDomain)
    }

    @Test("users of go-server come along with their types of addresses; their domains are made without a secret")
    func goServer() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.goServer + [
                File.goUser(1, "alice", "a.test"), File.goUser(2, "bob", "b.test"), File.goUser(3, "eve", "localhost"),
                File.goUser(4, "mallory", "a.test", "$2a$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
                File.goAddress(1, of: 1, 100, btc[0]), File.goAddress(2, of: 1, 300, File.nano),
                File.goAddress(3, of: 2, 102, btc[0]), File.goAddress(4, of: 2, 103, ""),
                File.goAddress(5, of: 2, 999, btc[0]),
            ])
        let run = try await AliasImportRun(.goServer, file, into: fixture)
        #expect(
            run.findings == [
                "a domain of users refused: the domain needs at least two parts, as in example.com; "
                    + "--domain chooses another name",
                "addresses 3 refused: the address is not a Bitcoin SegWit address (type 102) but a Bitcoin P2PKH address "
                    + "(type 100)",
                "addresses 4 refused: it has no address", "addresses 5 refused: its address type is unknown",
                "users 3 refused: its domain does not come along",
                "users 4 refused: its password is no hash of bcrypt ($2a$, $2b$ or $2y$) with a cost from 4 to 14",
            ])
        #expect(run.summary == "2 domains, 2 users, 2 addresses | nothing | 1 domain, 2 users, 3 addresses")
        #expect(try await addresses(of: "alice$a.test", fixture) == ["100 \(btc[0])", "300 \(File.nano)"])
        #expect(try await fixture.outcome("alice$a.test", "abd") == "invalid_credentials")
        #expect(try await fixture.outcome("alice$a.test", "abc") == "200")
        let hashes = try await fixture.database.rows("SELECT password_hash, created_at FROM accounts ORDER BY username")
        #expect(try hashes[0].text("password_hash").hasPrefix("$argon2id$"))
        #expect(try hashes[1].text("password_hash") == File.bcrypt)
        #expect(try hashes[0].integer("created_at") == 1_537_187_696_789_000)
        #expect(try await fixture.domains.check(secret: "", for: "a.test") == .nothing)
        // What no secret opens, a new one does.
        let secret = try await fixture.domains.rotateSecret(of: try DomainName("a.test"), by: .commandLine)
        #expect(try await fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
    }

    @Test("users of restfulCAP come along by their aliases")
    func restfulCAP() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.restfulCAP + [
                File.domain(1, "opencap.a.test"),
                "INSERT INTO user VALUES (1, 1, \(File.quick), 'Alice@a.test', NULL)",
                "INSERT INTO user VALUES (2, 1, \(File.quick), 'bob', NULL)",
                "INSERT INTO user VALUES (3, 1, \(File.quick), 'eve@b.test', NULL)",
                "INSERT INTO type VALUES (1, 100, 1, \(btc[0]))",
            ])
        let dry = try await AliasImportRun(.flaskCCAP, file, into: nil, dry: true)
        #expect(dry.outcome.domains.map { $0.suggestion?.text } == ["a.test"])
        #expect(dry.findings == ["user 3 refused: its alias names another domain than its own"])
        let run = try await AliasImportRun(.flaskCCAP, file, into: fixture, ["opencap.a.test": "a.test"])
        #expect(run.summary == "1 domain, 2 users, 1 address | nothing | 1 user")
        #expect(try await addresses(of: "alice$a.test", fixture) == ["100 \(btc[0])"])
        let hosts = try await fixture.database.rows(
            "SELECT host FROM domain_hosts WHERE domain = 'a.test' ORDER BY host")
        #expect(try hosts.map { row throws in try row.text("host") } == ["a.test", "opencap.a.test"])
    }

    @Test("a dry run reports the same and writes nothing, also without a store")
    func dry() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.goServer + [File.goUser(1, "alice", "a.test"), File.goUser(2, "no alias", "a.test")])
        let before = try await content(fixture)
        let dry = try await AliasImportRun(.goServer, file, into: fixture, dry: true)
        let none = try await AliasImportRun(.goServer, file, into: nil, dry: true)
        #expect(try await content(fixture) == before)
        let real = try await AliasImportRun(.goServer, file, into: fixture)
        #expect(dry.findings == real.findings && dry.summary == real.summary && dry.findings.count == 1)
        #expect(none.findings == real.findings && none.summary == real.summary)
        #expect(try await content(fixture) != before)
    }

    @Test(
        "a second time changes nothing; what was deleted or changed here stays so, and what is new in the file comes along"
    )
    func again() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.flaskCCAP + [File.domain(1, "a.test"), File.domain(2, "b.test")]
                + (1...5).map { File.user($0, "user\($0)") }
                + [
                    File.user(6, "Bad Name"), File.user(7, "USER5"), File.user(8, "last", in: 2),
                    File.coin(1, of: 1, "btc", btc[0]), File.coin(2, of: 2, "btc", btc[0]),
                    File.coin(3, of: 3, "btc", "bad"),
                ])
        let first = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(first.summary == "2 domains, 6 users, 2 addresses | nothing | 2 users, 1 address")
        let after = try await content(fixture)
        let second = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(second.summary == "nothing | 2 domains, 6 users, 2 addresses | 2 users, 1 address")
        #expect(second.findings.count == 3 && second.findings.allSatisfy(first.findings.contains))
        #expect(try await content(fixture) == after)

        // Here: an address changed, two accounts deleted, one name taken by somebody else, a domain removed.
        try await fixture.features.addresses.set(
            PaymentAddress(type: .p2pkh, address: btc[1]),
            of: try await fixture.accounts.id(of: try AccountName("user1$a.test")), by: .server)
        for alias in ["user2$a.test", "user4$a.test", "user5$a.test"] { try await delete(alias, fixture) }
        try await fixture.anAccount(alias: "user4$a.test")
        try await fixture.domains.remove(try DomainName("b.test"), by: .commandLine)
        // There: everybody gets a coin, somebody is mended, somebody is new, and the first one is gone.
        try await file.run([
            "DELETE FROM user WHERE id = 1", "UPDATE user SET username = 'mended' WHERE id = 6",
            "UPDATE coin SET address = \(btc[1]) WHERE id = 3", File.user(9, "new"), File.user(10, "late", in: 2),
            File.coin(4, of: 2, "nano", File.nano), File.coin(5, of: 3, "nano", File.nano),
            File.coin(6, of: 4, "nano", File.nano), File.coin(7, of: 9, "nano", File.nano),
        ])
        func tag() async throws -> String {
            try await fixture.features.addresses.lookUp(try Alias("user3$a.test")).version
        }
        let tagBefore = try await tag()
        let third = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(
            third.findings == [
                "domain 2 refused: it came along before and was removed here",
                "user 8 refused: its domain does not come along", "user 10 refused: its domain does not come along",
                "coin 1 refused: its user is not in the file",
                "user 7 refused: its name is the same as that of user 5 here",
                "coin 4 refused: the account of its user is not here any more",
                "coin 6 refused: the account of its user is not here any more",
            ])
        #expect(
            third.summary
                == "2 users, 3 addresses | 1 domain, 4 users, 1 address | 1 domain, 3 users, 3 addresses")
        #expect(try await addresses(of: "user1$a.test", fixture) == ["100 \(btc[1])"])
        #expect(try await addresses(of: "user3$a.test", fixture) == ["100 \(btc[1])", "300 \(File.nano)"])
        #expect(try await tag() != tagBefore)
        // Nobody gets the addresses of who had the name before.
        #expect(try await addresses(of: "user4$a.test", fixture) == [])
        #expect(try await addresses(of: "new$a.test", fixture) == ["300 \(File.nano)"])
        #expect(try await addresses(of: "mended$a.test", fixture) == [])
        await #expect(throws: Problem.unknownAlias) { try await addresses(of: "user5$a.test", fixture) }
        await #expect(throws: Problem.unknownAlias) { try await addresses(of: "user2$a.test", fixture) }
        let end = try await content(fixture)
        let fourth = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(fourth.outcome.counts.total(.new) == 0)
        #expect(try await content(fixture) == end)
    }

    @Test(
        "a domain of the file becomes the one that is chosen, also one that is hosted here, and the host name leads to it"
    )
    func chosen() async throws {
        let fixture = try await Fixture()
        let secret = try await fixture.domains.add(try DomainName("a.test"), by: .commandLine)
        try await fixture.anAccount(alias: "bob$a.test")
        let file = try await File(
            File.flaskCCAP + [
                File.domain(1, "cap.a.test"), File.domain(2, "ccap.a.test"), File.domain(3, "10.0.0.1:5000"),
                File.user(1, "alice"), File.user(2, "bob"), File.user(3, "carol", in: 2), File.user(4, "dave", in: 3),
            ])
        await #expect(throws: ImportError.self) {
            try await AliasImportRun(.flaskCCAP, file, into: fixture, ["cap.b.test": "b.test"])
        }
        let names = ["cap.a.test": "a.test", "ccap.a.test": "a.test", "10.0.0.1:5000": "c.test"]
        let run = try await AliasImportRun(.flaskCCAP, file, into: fixture, names)
        #expect(
            run.findings == [
                "domain 1 in part: it is hosted here already; its aliases come along into it, and its secret here stays",
                "domain 2 in part: it is hosted here already; its aliases come along into it, and its secret here stays",
                "user 2 refused: there is an account of this name; it stays as it is",
            ])
        #expect(run.summary == "3 domains, 3 users | nothing | 1 user")
        #expect(try await fixture.domains.check(secret: secret, for: "a.test") == .thisDomain)
        for host in ["a.test", "cap.a.test", "ccap.a.test"] {
            #expect(try await HostedDomains(database: fixture.database).domain(ofHost: host)?.name == "a.test")
        }
        for alias in ["alice$a.test", "carol$a.test", "dave$c.test"] {
            #expect(try await fixture.outcome(alias, File.password) == "200")
        }
        #expect(try await fixture.outcome("bob$a.test", Fixture.password) == "200")
        // What they became they stay, without the choice as well.
        let again = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(again.summary == "nothing | 3 domains, 3 users | 1 user", "\(again.findings)")
        let other = try await AliasImportRun(.flaskCCAP, file, into: fixture, ["cap.a.test": "d.test"])
        #expect(other.findings.contains("domain 1 refused: it came along as a.test before"))
        #expect(other.outcome.counts.total(.new) == 0)
    }

    @Test("a file of another program, of a later version, or that is none is told")
    func foreign() async throws {
        func reason(_ format: ImportFormat, _ statements: [Query]) async throws -> String {
            let file = try await File(statements)
            do {
                _ = try await AliasImportRun(format, file, into: nil, dry: true)
                return "taken"
            } catch let error as ImportError { return "\(error)" }
        }
        #expect(try await reason(.goServer, File.flaskCCAP).contains("none of its tables"))
        #expect(try await reason(.flaskCCAP, File.goServer).contains("none of its tables"))
        #expect(try await reason(.flaskCCAP, [File.flaskCCAP[0]]).contains("no table coin, user"))
        #expect(
            try await reason(.goServer, File.goServer + ["ALTER TABLE users ADD COLUMN deleted_at datetime"])
                .contains(#"Its table users has what this version does not know"#))
        #expect(
            try await reason(.goServer, File.goServer + ["ALTER TABLE users DROP COLUMN updated_at"])
                .contains("has no column updated_at"))
        #expect(
            try await reason(
                .goServer,
                File.goServer + ["ALTER TABLE users ADD COLUMN deleted_at datetime GENERATED ALWAYS AS (NULL) VIRTUAL"]
            ).contains(#"Its table users has what this version does not know"#))
        let copied: [Query] = [
            "ALTER TABLE users RENAME TO before", "CREATE TABLE users AS SELECT * FROM before", "DROP TABLE before",
        ]
        #expect(try await reason(.goServer, File.goServer + copied).contains("not its integer primary key"))
        #expect(try await reason(.goServer, File.goServer + ["CREATE TABLE other (x)"]).contains(#""other""#))
        #expect(
            try await reason(
                .goServer, Array(File.goServer.dropLast(2)) + ["CREATE VIEW addresses AS SELECT 1 AS id"]
            ).contains("no table addresses"))
        #expect(try await reason(.flaskCCAP, File.restfulCAP) == "taken")

        let folder = try TemporaryFolder(["text": "not a database at all, but long enough to be looked at"])
        #expect(throws: StorageError.self) { try ForeignFile(path: folder.path("text")) }
        #expect(throws: StorageError.self) { try ForeignFile(path: folder.path("nowhere")) }
    }

    @Test("a file that somebody writes to while it is read shows, and what it was not does not come along")
    func changedMeanwhile() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.goServer + (1...2000).map { File.goUser($0, "user\($0)", "a.test") })
        let seen = try ForeignFile(path: file.path)
        #expect(!seen.hasChanged)
        // Whether it ends depends on what was in memory; `gatehouse import` asks `hasChanged`, too.
        _ = try? await AliasImportRun(.goServer, file, into: fixture) { file in
            try await file.run(["UPDATE users SET password = 'mallory', username = 'm' || username"])
        }
        #expect(seen.hasChanged)
        #expect(try await fixture.count("SELECT COUNT(*) FROM accounts WHERE username LIKE 'm%'") == 0)
    }

    @Test("a coin without a type that is added to the file comes along and leaves the tag of the addresses as it was")
    func lateCoin() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.flaskCCAP + [File.domain(1, "a.test"), File.user(1, "alice"), File.coin(1, of: 1, "btc", btc[0])])
        func tag() async throws -> String {
            try await fixture.features.addresses.lookUp(try Alias("alice$a.test")).version
        }
        _ = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        let before = try await tag()
        try await file.run([File.coin(2, of: 1, "doge", "D1")])
        let again = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(again.outcome.counts[.address, .new] == 1)
        #expect(try await fixture.count("SELECT COUNT(*) FROM coins WHERE coin = 'doge'") == 1)
        #expect(try await tag() == before)
    }

    @Test(
        "whose name somebody takes while an import runs does not come along, and does with the next when it is free again"
    )
    func takenMeanwhile() async throws {
        let fixture = try await Fixture()
        try await fixture.aDomain("a.test")
        let file = try await File(
            File.goServer + [File.goUser(1, "alice", "a.test"), File.goUser(2, "bob", "a.test")])
        let first = try await AliasImportRun(.goServer, file, into: fixture) { _ in
            try await fixture.anAccount(alias: "bob$a.test")
        }
        #expect(first.findings.contains("users 2 refused: an account of this name was made meanwhile"))
        #expect(first.outcome.counts[.user, .new] == 1)
        try await fixture.accounts.delete(try AccountName("bob$a.test"))
        let second = try await AliasImportRun(.goServer, file, into: fixture)
        #expect(second.outcome.counts[.user, .new] == 1 && second.outcome.counts[.user, .there] == 1)
        #expect(try await fixture.accounts.find(try AccountName("bob$a.test")) != nil)
    }

    @Test("a domain whose name is a host name of another one here does not come along")
    func hostOfAnother() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.domains.add(try DomainName("b.test"), hosts: [try DomainName("cap.a.test")])
        let file = try await File(File.goServer + [File.goUser(1, "alice", "cap.a.test")])
        let run = try await AliasImportRun(.goServer, file, into: fixture)
        #expect(run.findings.contains { $0.contains("the host name is one of the domain b.test here") })
        #expect(run.outcome.counts.total(.new) == 0)
        #expect(try await fixture.count("SELECT COUNT(*) FROM accounts") == 0)
    }

    @Test("values of other types, and text that is none, are reported and harm nothing")
    func types() async throws {
        let fixture = try await Fixture()
        let file = try await File(
            File.flaskCCAP + [
                File.domain(1, "a.test"),
                "INSERT INTO user VALUES (1, 1, 7, \(File.quick))",
                "INSERT INTO user VALUES (2, 1, \([0xFF, 0xFE] as [UInt8]), \(File.quick))",
                "INSERT INTO user VALUES (3, 1, 1.5, \(File.quick))",
                "INSERT INTO user VALUES (4, 'x', 'dora', \(File.quick))",
                "INSERT INTO user VALUES (5, 1, 'erna', \([0] as [UInt8]))",
                "INSERT INTO coin VALUES (1, 1, 'btc', 12)",
                "INSERT INTO coin VALUES (2, 1, 'doge', \([0xC3] as [UInt8]))",
                "INSERT INTO coin VALUES (3, 1, 5, '12')", "INSERT INTO coin VALUES (4, 'x', 'btc', '12')",
            ])
        let run = try await AliasImportRun(.flaskCCAP, file, into: fixture)
        #expect(run.summary == "1 domain, 2 users, 1 address | nothing | 3 users, 3 addresses")
        #expect(try await fixture.outcome("7$a.test", File.password) == "200")
        #expect(try await fixture.outcome("1.5$a.test", File.password) == "200")
    }
}
