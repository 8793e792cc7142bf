import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("gatehouse user add, for many and from afar", .timeLimit(.minutes(5)))
struct UserAddTests {
    private static let password = TestStore.password

    // MARK: A file with many

    @Test("each line of a file makes a user; what is refused is reported by its line, and the rest is made")
    func csv() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let csv = try store.folder.write(
                "\u{FEFF}username,password,admin\r\n"
                    + "Nurse@x.org,\(Self.password),false\r\n"  // 2
                    + "\"boss@x.org\",\"a \"\"quoted\"\", long one\",TRUE\r\n"  // 3
                    + "\r\n"
                    + "\"two\nlines@x.org\",\(Self.password),\r\n"  // 5
                    + "short@x.org,short,no\r\n"  // 7
                    + "nurse@X.org,\(Self.password),no\r\n"  // 8
                    + "x@x.org,\(Self.password),maybe\r\n"  // 9
                    + "x@x.org,\(Self.password)\r\n"  // 10
                    + "admin@a.test,\(Self.password),no\r\n"  // 11
                    + "last@x.org,\(Self.password),0", to: "users.csv"
            ).path
            let dry = try await store.command(["user", "add", "--csv", csv, "--dry-run"])
            #expect(dry.code == 1 && dry.output.hasSuffix("3 would be made, 1 already there, 5 refused.\n"), "\(dry)")
            #expect(try await store.gatehouse("user", "list").split(separator: "\n").count == 2)

            let run = try await store.command(["user", "add", "--csv", csv])
            #expect(run.code == 1, "\(run)")
            let lines = run.output.split(separator: "\n")
            #expect(lines.count == 7 && lines.last == "3 made, 1 already there, 5 refused.", "\(run)")
            for words in [
                "line 5: refused: its username is no e-mail address",
                "line 7: refused: The password must have at least 8 characters.",
                "line 8: refused: line 2 has the same username", "line 9: refused: admin must be true or false",
                "line 10: refused: it has 2 cells, and the first line 3",
            ] { #expect(lines.contains { $0 == words }, "\(words): \(run)") }
            #expect(run.output.contains("line 11: already there\n"), "\(run)")
            #expect(!run.description.contains(Self.password), "\(run)")

            let server = try await store.start()
            #expect(try await server.signIn("nurse@x.org").status == 200)
            #expect(try await server.signIn("last@x.org").status == 200)
            let boss = try await server.token("boss@x.org", "a \"quoted\", long one")
            #expect(
                try await server.send(.get, "/user/nurse@x.org", bearer: boss).json?["data"]?["admin"]?.bool == false)
            #expect(
                try await server.send(.get, "/subject", bearer: try await server.token("nurse@x.org")).status == 200)

            // Again, as whoever mended the file does it.
            let good = "username,password\nnurse@x.org,\(Self.password)\nnew@x.org,\(Self.password)\n"
            let again = try await store.command(["user", "add", "--csv", "-"], input: good)
            #expect(
                again.code == 0 && again.output == "line 2: already there\n1 made, 1 already there, 0 refused.\n",
                "\(again)")
        }
    }

    @Test("passwords that are made go into a file that only its owner reads, and are shown only to who asks for it")
    func passwordFile() async throws {
        try await withStore { store in
            let csv = "username\none@x.org\ntwo@x.org\n"
            let neither = try await store.command(["user", "add", "--csv", "-"], input: csv)
            #expect(neither.code == 2 && neither.errors.contains("Line 2 has no password"), "\(neither)")
            #expect(try await store.gatehouse("user", "list").contains("@x.org") == false)
            let file = store.folder.path("passwords.csv")
            let run = try await store.command(["user", "add", "--csv", "-", "--passwords-to", file], input: csv)
            #expect(run.code == 0 && run.output == "2 made, 0 already there, 0 refused.\n", "\(run)")
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            let rows = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\r\n")
            #expect(rows.count == 3 && rows[0] == "username,password")
            let server = try await store.start()
            for row in rows.dropFirst() {
                let cells = row.split(separator: ",").map(String.init)
                #expect(try await server.signIn(cells[0], cells[1]).status == 200)
            }
            // The file of before is not written over; who is there gets no new password in it.
            let over = try await store.command(["user", "add", "--csv", "-", "--passwords-to", file], input: csv)
            #expect(over.code == 2 && over.errors.contains("It is there already"), "\(over)")
            let other = store.folder.path("other.csv")
            let again = try await store.command(
                ["user", "add", "--csv", "-", "--passwords-to", other], input: csv + "three@x.org\n")
            #expect(again.code == 0, "\(again)")
            #expect(
                try String(contentsOfFile: other, encoding: .utf8).split(separator: "\r\n").map { $0.prefix(5) } == [
                    "usern", "three",
                ])
            let shown = try await store.command(
                ["user", "add", "--csv", "-", "--show-passwords"], input: "username\nfour@x.org\n")
            #expect(shown.code == 0 && shown.output.hasPrefix("Password of four@x.org (shown once): "), "\(shown)")
        }
    }

    /// A line that by itself makes somebody.
    private static let good = "username,password\nnurse@x.org,a nurse's harbour 1\n"

    @Test(
        "a file that is none of that form is told, and makes nobody",
        arguments: [
            ("", "first line"), ("name,password\na@x.org,b\n", "first line"), ("username,username\n", "first line"),
            ("username,shoe\na@x.org,b\n", "first line"),
            (good + "\"a", "line 3: a quotation mark is not closed"),
            (good + "a\"b,c\n", "line 3: a quotation mark stands in the middle"),
            (good + "\"a\"b,c\n", "line 3: something stands behind a closing quotation mark"),
        ])
    func badFiles(csv: String, words: String) async throws {
        try await withStore { store in
            let run = try await store.command(["user", "add", "--csv", "-"], input: csv)
            #expect(run.code == 2 && run.errors.contains(words), "\(run)")
            #expect(run.output.isEmpty)
            #expect(try await store.gatehouse("user", "list").contains("@x.org") == false)
        }
    }

    // MARK: At a server

    @Test("an admin makes users at a server, one and many, and the session ends with the command")
    func remote() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let server = try await store.start()
            let secret = try store.folder.write(Self.password + "\n", to: "admin.password").path
            let remote = ["--server", server.url + "/", "--as", "admin@a.test", "--admin-password-file", secret]
            func add(_ arguments: [String], input: String? = nil) async throws -> Program.Ended {
                try await Program.gatehouse.run(["user", "add"] + arguments + remote, input: input)
            }
            let one = try await add(["nurse@x.org", "--password-file", "-"], input: "a nurse's harbour 1\n")
            #expect(one.code == 0 && one.output == "nurse@x.org is made (staff).\n", "\(one)")
            #expect(try await server.signIn("nurse@x.org", "a nurse's harbour 1").status == 200)
            let taken = try await add(["nurse@x.org", "--password-file", "-"], input: "a nurse's harbour 1\n")
            #expect(taken.code == 1 && taken.errors.contains("nurse@x.org is already there"), "\(taken)")
            let weak = try await add(["weak@x.org", "--password-file", "-"], input: "password\n")
            #expect(weak.code == 1 && weak.errors.contains("guessed first"), "\(weak)")
            let csv =
                "username,password,admin\nnurse@x.org,a nurse's harbour 1,\nboss@x.org,a boss's harbour 2,true\nweak@x.org,iloveyou,\n"
            let dry = try await add(["--csv", "-", "--dry-run"], input: csv)
            #expect(
                dry.code == 0 && dry.output == "line 2: already there\n2 would be made, 1 already there, 0 refused.\n",
                "\(dry)")
            let many = try await add(["--csv", "-"], input: csv)
            #expect(
                many.code == 1 && many.output.contains("line 4: refused: ") && many.output.contains("(400)"), "\(many)")
            #expect(many.output.hasSuffix("1 made, 1 already there, 1 refused.\n"), "\(many)")
            let boss = try await server.token("boss@x.org", "a boss's harbour 2")
            #expect(try await server.send(.get, "/user/boss@x.org", bearer: boss).json?["data"]?["admin"]?.bool == true)
            // Nothing is left of five sign-ins.
            let admin = try await server.token("admin@a.test")
            let sessions = try await server.send(.get, "/api/sessions", bearer: admin)
            #expect(sessions.json?["items"]?.array?.count == 1, "\(sessions)")
        }
    }

    @Test("what a server refuses is told in words, with exit code 1")
    func remoteRefusals() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.gatehouse(
                "user", "add", "nurse@x.org", "--staff", "--password-file", "-", input: Self.password)
            let server = try await store.start()
            let right = try store.folder.write(Self.password, to: "right").path
            let wrong = try store.folder.write("not this harbour", to: "wrong").path
            for (url, name, file, code, words) in [
                (server.url, "admin@a.test", wrong, 1, "does not know this admin, or not with this password"),
                (server.url, "nobody@a.test", right, 1, "does not know this admin, or not with this password"),
                (server.url, "nurse@x.org", right, 1, "is no admin at"),
                ("http://127.0.0.1:1", "admin@a.test", right, 1, "cannot be reached"),
                ("http://idm.example.test", "admin@a.test", right, 2, "in the clear"),
                ("ftp://idm.example.test", "admin@a.test", right, 2, "is not a URL"),
                ("https://me:secret@idm.example.test", "admin@a.test", right, 2, "this is not a URL"),
                (server.url + "/v1", "admin@a.test", right, 1, "does not sign the admin in"),
            ] as [(String, String, String, Int32, String)] {
                let run = try await Program.gatehouse.run(
                    [
                        "user", "add", "new@x.org", "--password-file", right, "--server", url, "--as", name,
                        "--admin-password-file", file,
                    ])
                #expect(run.code == code && run.errors.contains(words) && run.output.isEmpty, "\(url) \(name): \(run)")
                #expect(!run.description.contains(Self.password) && !run.description.contains("me:secret"))
            }
        }
    }

    @Test("options that do not go together are a mistake in usage")
    func usage() async throws {
        for arguments in [
            ["--csv", "-", "a@x.org"], ["--csv", "-", "--admin"], ["a@x.org", "--dry-run"],
            ["a@x.org", "--passwords-to", "x"],
            ["a@x.org", "--as", "b@x.org"], ["a@x.org", "--insecure-http"], ["--admin"], ["--password-file", "x"], [],
            ["a$b.test", "--alias", "c$b.test", "--server", "https://x.test"],
            ["--csv", "-", "--server", "https://x.test", "--as", "a@x.org", "--admin-password-file", "-"],
        ] {
            let run = try await Program.gatehouse.run(["user", "add"] + arguments)
            #expect(run.code == 2 && run.output.isEmpty, "\(arguments) \(run)")
        }
    }

    // MARK: At a terminal

    /// Types answers at a terminal: each when its question is there.
    private static let typist = """
        import json, os, pty, select, sys, time
        dialogue = json.loads(sys.argv[1])
        child, terminal = pty.fork()
        if child == 0:
            os.execv(sys.argv[2], sys.argv[2:])
        seen, screen = b"", b""
        end = time.time() + 120
        def read():
            global seen, screen
            if not select.select([terminal], [], [], 0.1)[0]:
                return time.time() < end
            try:
                part = os.read(terminal, 4096)
            except OSError:
                return False
            seen += part
            screen += part
            return bool(part)
        for question, answer in dialogue:
            while question.encode() not in seen and read():
                pass
            if question.encode() not in seen:
                break
            seen = seen.split(question.encode(), 1)[1]
            # The echo is turned off a moment after the question.
            time.sleep(0.1)
            os.write(terminal, answer.encode() + b"\\n")
        while read():
            pass
        os.write(1, screen)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """

    private func type(_ dialogue: [(String, String)], at arguments: [String]) async throws -> (
        code: Int32, screen: String
    ) {
        let answers = JSONValue.array(dialogue.map { .array([.string($0.0), .string($0.1)]) }).text
        let program = try Program.gatehouse.executable.path
        let typist = Process()
        typist.executableURL = URL(filePath: "/usr/bin/env")
        typist.arguments = ["python3", "-c", Self.typist, answers, program] + arguments
        let output = Pipe()
        typist.standardOutput = output
        typist.standardInput = FileHandle.nullDevice
        try typist.begin()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        typist.waitUntilExit()
        return (typist.terminationStatus, text)
    }

    @Test("at a terminal it asks for everything, for one user after the other, and shows no password that was typed")
    func dialogue() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let (code, screen) = try await type(
                [
                    ("Server", ""), ("E-mail address", "no address"), ("E-mail address", "nurse@x.org"),
                    ("Password", "a nurse's harbour 1"), ("Once more", "another"), ("Password", "a nurse's harbour 1"),
                    ("Once more", "a nurse's harbour 1"), ("admin?", "y"), ("Another one?", "yes"),
                    ("E-mail address", "made@x.org"), ("Password", ""), ("admin?", ""), ("Another one?", ""),
                ], at: ["user", "add", "--database", store.database])
            #expect(code == 0, "\(screen)")
            #expect(
                screen.contains("nurse@x.org is made (admin, staff).") && screen.contains("The two passwords differ."))
            #expect(screen.contains("made@x.org is made (staff).") && !screen.contains("harbour"), "\(screen)")
            let server = try await store.start()
            #expect(try await server.signIn("nurse@x.org", "a nurse's harbour 1").status == 200)
            let shown = screen.components(separatedBy: "Password (shown once): ").last?.split(
                whereSeparator: \.isNewline
            ).first
            #expect(try await server.signIn("made@x.org", String(shown ?? "")).status == 200)
        }
    }

    @Test("at a terminal it makes users at a server, as an admin whom it asks for")
    func remoteDialogue() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let server = try await store.start()
            let (code, screen) = try await type(
                [
                    ("Server", server.url), ("Admin's e-mail", "admin@a.test"), ("Admin's password", Self.password),
                    ("E-mail address", "nurse@x.org"), ("Password", "a nurse's harbour 1"),
                    ("Once more", "a nurse's harbour 1"), ("admin?", "n"), ("Another one?", "n"),
                ], at: ["user", "add"])
            #expect(
                code == 0 && screen.contains("nurse@x.org is made (staff).") && !screen.contains("harbour"), "\(screen)"
            )
            #expect(try await server.signIn("nurse@x.org", "a nurse's harbour 1").status == 200)
            let (refused, words) = try await type(
                [("Server", server.url), ("Admin's e-mail", "admin@a.test"), ("Admin's password", "wrong")],
                at: ["user", "add"])
            #expect(refused == 1 && words.contains("does not know this admin"), "\(words)")
        }
    }

    @Test("at a terminal an import shows a bar")
    func bar() async throws {
        try await withStore { store in
            let lines = (0..<20_000).map { number in
                #"{"_id":{"$oid":"6b00aa00\#(String(10_000_000_000_000_000 + number).suffix(16))"},"type":"audit","#
                    + #""datetime":"2026-01-01","action":"a","document":{"$oid":"6b00aa000000000000000000"}}"#
            }
            let file = try store.folder.write(lines.joined(separator: "\n"), to: "export.json").path
            let (code, screen) = try await type(
                [], at: ["import", "c3-pro", file, "--dry-run", "--database", store.database])
            #expect(code == 0 && screen.contains(#/\[#+-*\] reading \d+ %, \d+, \d+\/s/#))
        }
    }
}
