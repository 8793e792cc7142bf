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
            #expect(run.output.contains(#/ a second, with \d+ MB of memory at most\.\n$/#), "\(run)")
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
