import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("gatehouse import", .timeLimit(.minutes(5)))
struct ImportTests {
    /// bcrypt of "the quiet harbour 7", cost 4.
    private static let hash = "$2b$04$abcdefghijklmnopqrstuumrKDsvyQL/tCQ8gH4JNRxNdizswQDB."

    private static func id(_ number: Int) -> String { "6b00aa00" + String(10_000_000_000_000_000 + number).suffix(16) }

    private static func user(_ name: String, admin: Bool = true) -> String {
        let password = Data(hash.utf8).base64EncodedString()
        return #"{"_id":{"$oid":"\#(id(1))"},"username":"\#(name)","admin":\#(admin),"temporary":null,"type":"user","#
            + #""password":{"$binary":"\#(password)","$type":"00"}}"#
    }

    private static func subject(_ number: Int, bday: String = "1981-02-03") -> String {
        #"{"_id":{"$oid":"\#(id(number))"},"sssid":"S-\#(number)","name":"Peter Muster","bday":"\#(bday)","type":"subject"}"#
    }

    private static func audit(_ number: Int, of subject: Int) -> String {
        #"{"_id":{"$oid":"\#(id(1_000_000 + number))"},"type":"audit","datetime":"2026-11-21T02:14:55.927646+00:00","#
            + #""document":{"$oid":"\#(id(subject))"},"actor_id":"\#(id(1))","action":"create"}"#
    }

    @Test("a dry run needs no store, makes none, and its exit code tells whether all would come along")
    func dryRun() async throws {
        try await withStore { store in
            let good = try store.folder.write(
                Self.user("admin@a.test") + "\n" + Self.subject(2) + "\n", to: "good.json"
            ).path
            let run = try await store.command(["import", "c3-pro", good, "--dry-run"])
            #expect(run.code == 0, "\(run)")
            #expect(run.output.hasPrefix("Would come along: 1 user, 1 subject.\nHere already: nothing.\n"), "\(run)")
            #expect(run.output.contains("nothing was written") && run.output.contains("2 documents in "), "\(run)")
            #expect(run.output.contains(#/ seconds(, \d+ a second)?, with \d+ MB of memory at most\.\n$/#), "\(run)")
            #expect(run.errors.contains("there is no store"), "\(run)")
            #expect(!FileManager.default.fileExists(atPath: store.database))

            let bad = Self.subject(2, bday: "1799-01-01") + "\n"
            let refused = try await store.command(["import", "c3-pro", "-", "--dry-run"], input: bad)
            #expect(refused.code == 1, "\(refused)")
            #expect(refused.output.hasPrefix("line 1: subject \(Self.id(2)) refused: its bday is "), "\(refused)")
            #expect(!refused.description.contains("Muster") && !refused.description.contains("1799"), "\(refused)")
            #expect(refused.errors.split(separator: "\n").count == 1, "\(refused)")
        }
    }

    @Test("who came along signs in at a running server with the old password; again it is all here already")
    func wholeWay() async throws {
        try await withStore { store in
            let server = try await store.start()
            let file = try store.folder.write(
                [Self.audit(1, of: 2), Self.user("admin@a.test"), Self.subject(2)].joined(separator: "\r\n"),
                to: "e.json"
            ).path
            let first = try await store.command(["import", "c3-pro", file])
            #expect(first.code == 0 && first.output.hasPrefix("Came along: 1 user, 1 subject, 1 audit.\n"), "\(first)")
            let token = try await server.token("admin@a.test")
            let list = try await server.send(.get, "/subject/S-2/audits", bearer: token)
            #expect(list.json?["data"]?[0]?["actor"]?.string == "admin@a.test")
            // With an admin there is no first one to be made any more.
            let page = try await server.send(.get, "/init")
            #expect(String(decoding: page.body, as: UTF8.self).contains("IDM Ready"))

            let again = try await store.command(
                ["import", "c3-pro", "-", "--json"], input: try String(contentsOfFile: file, encoding: .utf8))
            let lines = again.output.split(separator: "\n")
            #expect(again.code == 0 && lines.count == 1, "\(again)")
            let summary = try JSONValue(parsing: Array(lines[0].utf8))
            #expect(summary["counts"]?["users"] == ["new": 0, "there": 1, "refused": 0])
            #expect(summary["counts"]?["audits"] == ["new": 0, "there": 1, "refused": 0])
            #expect(summary["documents"]?.int64 == 3 && summary["dry_run"]?.bool == false)
            #expect(summary["sha256"]?.string?.count == 64)
        }
    }

    @Test("in JSON each report is a line")
    func json() async throws {
        try await withStore { store in
            let run = try await store.command(
                ["import", "c3-pro", "-", "--json"], input: "{}\n" + Self.subject(3) + "\nx\n")
            let lines = try run.output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
            #expect(run.code == 1 && lines.count == 3, "\(run)")
            #expect(
                lines[0]["line"]?.int64 == 1 && lines[0]["outcome"]?.string == "refused"
                    && lines[0]["id"]?.isNull == true)
            #expect(lines[1]["line"]?.int64 == 3 && lines[1]["kind"]?.string == "document")
            #expect(lines[2]["counts"]?["subjects"]?["new"]?.int64 == 1)
        }
    }

    @Test("an import that was killed goes on where it was: nothing is missing and nothing comes twice")
    func killed() async throws {
        try await withStore { store in
            let count = 3000
            var lines = [Self.user("admin@a.test")]
            for number in 2..<2 + count { lines += [Self.subject(number), Self.audit(number, of: number)] }
            let file = try store.folder.write(lines.joined(separator: "\n"), to: "export.json").path
            // Killed when it has brought something along, and again while it goes on.
            var changing = 0
            for _ in 0..<3 {
                let before = try await Self.rows("imported_documents", of: store)
                let run = try await Program.gatehouse.start(
                    ["import", "c3-pro", file, "--database", store.database], in: store.folder)
                try await wait(for: "something that comes along") {
                    guard run.isRunning else { return true }
                    return try await Self.rows("imported_documents", of: store) > before
                }
                run.send(SIGKILL)
                _ = try await run.end()
                if try await Self.rows("imported_documents", of: store) > before { changing += 1 }
            }
            let partly = try await Self.rows("imported_documents", of: store)
            #expect(partly > 0)
            let last = try await store.command(["import", "c3-pro", file])
            #expect(last.code == 0, "\(last)")
            #expect(try await Self.rows("imported_documents", of: store) == 2 * count + 1)
            #expect(try await Self.rows("subjects", of: store) == count)
            #expect(try await Self.rows("audit_events WHERE object_kind = 'subject'", of: store) == count)
            #expect(try await Self.rows("accounts", of: store) == 1)
            // Whoever looks finds an event for each run that changed something.
            if partly < 2 * count + 1 { changing += 1 }
            #expect(changing >= 2)
            #expect(try await Self.rows("audit_events WHERE object_kind = 'import'", of: store) == changing)
        }
    }

    private static func rows(_ table: String, of store: TestStore) async throws -> Int {
        let sqlite = Process()
        sqlite.executableURL = URL(filePath: "/usr/bin/env")
        sqlite.arguments = [
            "sqlite3", "-cmd", ".timeout 5000", store.database, "SELECT COUNT(*) FROM \(table)",
        ]
        let output = Pipe()
        sqlite.standardOutput = output
        sqlite.standardError = FileHandle.nullDevice
        try sqlite.begin()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        sqlite.waitUntilExit()
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    @Test("what cannot be read, and what is empty, is told")
    func unreadable() async throws {
        try await withStore { store in
            let missing = try await store.command(["import", "c3-pro", store.folder.path("nowhere.json")])
            #expect(
                missing.code == 2 && missing.errors.contains("cannot be read: No such file or directory"), "\(missing)")
            let folder = try await store.command(["import", "c3-pro", store.folder.path("")])
            #expect(folder.code != 0 && folder.errors.contains("Is a directory"), "\(folder)")
            let empty = try await store.command(["import", "c3-pro", "-"])
            #expect(empty.code == 1 && empty.errors.contains("There is no document in the file."), "\(empty)")
            let format = try await store.command(["import", "c3", "-"])
            #expect(format.code == 2 && format.errors.contains("c3-pro"), "\(format)")
        }
    }

    @Test("an export through a pipe is read as well as one in a file")
    func pipe() async throws {
        try await withStore { store in
            let lines = (2..<2000).map { Self.subject($0) }.joined(separator: "\n")
            let file = try store.folder.write(lines, to: "export.json").path
            let run = try await Program.gatehouse.run(
                ["import", "c3-pro", "-", "--database", store.database], shell: "cat '\(file)' | exec \"$0\" \"$@\"")
            #expect(run.code == 0 && run.output.hasPrefix("Came along: 1998 subjects.\n"), "\(run)")
        }
    }
}

@Suite("gatehouse import of aliases", .timeLimit(.minutes(5)))
struct AliasImportCommandTests {
    /// "abc"
    private static let bcrypt = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"
    /// "pw-1"
    private static let argon2 =
        "$argon2i$v=19$m=512,t=2,p=2$EAJgTAmB8F4LYaw1pnRuTQ$GWFewSP/N0CqrV3f/OiuFVqJwYgnUta2HrxPR9llgCs"
    private static let address = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

    @discardableResult
    private func sqlite(_ file: String, _ statements: String) async throws -> String {
        let sqlite = Process()
        sqlite.executableURL = URL(filePath: "/usr/bin/env")
        sqlite.arguments = ["sqlite3", "-cmd", ".timeout 5000", file, statements]
        let output = Pipe()
        sqlite.standardOutput = output
        try sqlite.begin()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        sqlite.waitUntilExit()
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func goServer(_ users: Int, in store: TestStore) async throws -> String {
        let file = store.folder.path("go-server.db")
        try await sqlite(
            file,
            """
            CREATE TABLE users (id integer primary key autoincrement, created_at datetime, updated_at datetime,
                username varchar(30), password varchar(255), domain varchar(255));
            CREATE UNIQUE INDEX idx_username_domain ON users (username, domain);
            CREATE TABLE addresses (id integer primary key autoincrement, created_at datetime, updated_at datetime,
                user_id integer, address varchar(255), address_type integer);
            CREATE UNIQUE INDEX idx_user_address_type ON addresses (user_id, address_type);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(users))
            INSERT INTO users SELECT i, NULL, NULL, 'user' || (i * 7919 % 1000003), '\(Self.bcrypt)', 'a.test' FROM n;
            INSERT INTO addresses SELECT id, NULL, NULL, id, '\(Self.address)', 100 FROM users;
            """)
        return file
    }

    @Test("who came along signs in at every door of a running server, and the file stays as it was")
    func wholeWay() async throws {
        try await withStore { store in
            let server = try await store.start()
            let file = store.folder.path("database.db")
            try await sqlite(
                file,
                """
                CREATE TABLE domain (id INTEGER NOT NULL PRIMARY KEY, domain VARCHAR(255) NOT NULL, password VARCHAR(255), date);
                CREATE TABLE user (id INTEGER NOT NULL PRIMARY KEY, domain_id INTEGER, username VARCHAR(255), password);
                CREATE TABLE coin (id INTEGER NOT NULL PRIMARY KEY, user_id INTEGER, coin VARCHAR(255), address);
                INSERT INTO domain VALUES (1, 'cap.a.test', '\(Self.argon2)', NULL);
                INSERT INTO user VALUES (1, 1, 'Alice', '\(Self.argon2)');
                INSERT INTO coin VALUES (1, 1, 'btc', '\(Self.address)');
                """)
            let before = try Data(contentsOf: URL(filePath: file))
            let dry = try await store.command(["import", "flask-ccap", file, "--dry-run"])
            #expect(dry.code == 0 && dry.output.contains("--domain cap.a.test=a.test"), "\(dry)")
            // What is for good is nobody's guess.
            let unsaid = try await store.command(["import", "flask-ccap", file])
            for choice in ["--domain cap.a.test=a.test", "--domain cap.a.test=cap.a.test"] {
                #expect(unsaid.code == 2 && "\(unsaid)".contains(choice), "\(unsaid)")
            }
            let wrong = try await store.command(["import", "flask-ccap", file, "--domain", "x=nodots"])
            #expect(wrong.code != 0 && "\(wrong)".contains("--domain x=nodots: "), "\(wrong)")
            let run = try await store.command(["import", "flask-ccap", file, "--domain", "cap.a.test=a.test"])
            #expect(
                run.code == 0
                    && run.output.contains("Came along: 1 domain, 1 user, 1 address.\nHere already: nothing.\n"),
                "\(run)")
            #expect(try Data(contentsOf: URL(filePath: file)) == before)
            #expect(try store.folder.names().filter { $0.hasPrefix("database.db") } == ["database.db"])
            let found = try await server.send(.get, "/v1/addresses?alias=alice%24a.test&address_type=100")
            #expect(found.json?["address"]?.string == Self.address)
            for (path, name) in [("/auth", "username"), ("/v1/auth", "alias"), ("/api/security/login", "login")] {
                for (password, status) in [("pw-2", 401), ("pw-1", 200)] {
                    let answer = try await server.send(
                        .post, path,
                        json: .object([
                            .init(name: name, value: "ALICE$a.test"), .init(name: "password", value: .string(password)),
                        ]))
                    #expect(answer.status == status, "\(path) \(password)")
                }
            }
            #expect(
                try await sqlite(store.database, "SELECT substr(password_hash, 1, 31) FROM accounts")
                    == "$argon2id$v=19$m=19456,t=2,p=1$")
            // Through a pipe, and once more, without the choice that was made.
            let again = try await Program.gatehouse.run(
                ["import", "flask-ccap", "-", "--json", "--database", store.database],
                shell: "cat '\(file)' | exec \"$0\" \"$@\"")
            let summary = try JSONValue(parsing: Array(again.output.utf8))
            #expect(again.code == 0 && summary["counts"]?["users"] == ["new": 0, "there": 1, "refused": 0], "\(again)")
            #expect(summary["domains"]?[0]?["hosts"]?[0]?.string == "cap.a.test", "\(again)")
        }
    }

    @Test("a dry run makes no store, and a file that is another than was said is exit code 2")
    func refused() async throws {
        try await withStore { store in
            let file = try await goServer(3, in: store)
            let dry = try await store.command(["import", "go-server", file, "--dry-run"])
            #expect(dry.code == 0 && dry.output.contains("Would come along: 1 domain, 3 users, 3 addresses."), "\(dry)")
            let text = try store.folder.write(String(repeating: "no database ", count: 100), to: "text").path
            for (arguments, words) in [
                (["flask-ccap", file], "none of its tables"), (["go-server", text], "no SQLite database"),
                (["go-server", store.folder.path("nowhere")], "No such file"),
                (["go-server", file, "--domain", "b.test=c.test"], "has no domain b.test"),
                (["go-server", file, "--domain", "b.test"], "--domain"),
                (["c3-pro", text, "--domain", "a=b.c"], "--domain"),
                (["go-server", file, "--domain", "a.test=b.test", "--domain", "a.test=c.test"], "twice"),
            ] {
                for flags in [["--dry-run"], []] {
                    let run = try await store.command(["import"] + arguments + flags)
                    #expect(run.code == 2 && run.errors.contains(words), "\(run)")
                }
            }
            // Some of them got as far as a store, and nothing came into it.
            if FileManager.default.fileExists(atPath: store.database) {
                #expect(try await sqlite(store.database, "SELECT COUNT(*) FROM accounts") == "0")
            }
            // Its program was stopped while it wrote.
            try Data(repeating: 1, count: 4096).write(to: URL(filePath: file + "-journal"))
            let unfinished = try await store.command(["import", "go-server", file, "--dry-run"])
            #expect(unfinished.code == 0 || unfinished.errors.contains("finishes what it writes"), "\(unfinished)")
        }
    }

    @Test("an import of aliases that was killed goes on where it was: nothing is missing and nothing comes twice")
    func killed() async throws {
        try await withStore { store in
            let count = 60_000
            let file = try await goServer(count, in: store)
            var changing = 0
            func accounts() async throws -> Int {
                Int(try await sqlite(store.database, "SELECT COUNT(*) FROM accounts")) ?? 0
            }
            var before = 0
            for _ in 0..<3 {
                let run = try await Program.gatehouse.start(
                    ["import", "go-server", file, "--database", store.database], in: store.folder)
                try await wait(for: "something that comes along") {
                    guard run.isRunning else { return true }
                    return FileManager.default.fileExists(atPath: store.database)
                        ? try await accounts() > before : false
                }
                run.send(SIGKILL)
                _ = try await run.end()
                let after = try await accounts()
                if after > before { changing += 1 }
                before = after
            }
            #expect(before > 0)
            // Deleted in the middle of it: it does not come back.
            let gone = try await sqlite(store.database, "SELECT MIN(username) FROM accounts")
            try await store.gatehouse("user", "delete", "\(gone)$a.test")
            let last = try await store.command(["import", "go-server", file])
            #expect(last.code == 0, "\(last)")
            if before < count { changing += 1 }
            #expect(try await accounts() == count - 1)
            #expect(try await sqlite(store.database, "SELECT COUNT(*) FROM addresses") == "\(count - 1)")
            let events = try await sqlite(
                store.database, "SELECT COUNT(*) FROM audit_events WHERE object_kind = 'import'")
            #expect((Int(events) ?? 0) >= changing)
            #expect(
                try await sqlite(store.database, "SELECT COUNT(*) FROM audit_events WHERE object_kind = 'domain'")
                    == "1")
            #expect(
                try await sqlite(store.database, "SELECT users_until, round_users FROM imported_sources") == "\(count)|"
            )
            let again = try await store.command(["import", "go-server", file])
            #expect(again.output.contains("Came along: nothing.\nHere already: 1 domain, \(count) users"), "\(again)")
        }
    }
}
