import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("The command line", .timeLimit(.minutes(2)))
struct CommandLineTests {
    @Test("init makes the first admin, and is refused from then on")
    func initialize() async throws {
        try await withStore { store in
            let made = try await store.command(
                ["init", "--username", "admin@a.test", "--password-file", "-"], input: TestStore.password + "\n")
            #expect(made.code == 0 && made.output == "admin@a.test is made (admin).\n", "\(made)")
            let again = try await store.command(
                ["init", "--username", "other@a.test", "--password-file", "-"], input: TestStore.password + "\n")
            #expect(again.code == 1 && again.output.isEmpty, "\(again)")
            #expect(again.errors.contains("admin"), "\(again)")
            #expect(try await !store.gatehouse("user", "list").contains("other@a.test"))
        }
    }

    @Test("of eight admins that are made at once one is the first")
    func initializeAtOnce() async throws {
        try await withStore { store in
            let codes = try await withThrowingTaskGroup(of: Int32.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await store.command(
                            ["init", "--username", "admin\(number)@a.test", "--password-file", "-"],
                            input: TestStore.password
                        ).code
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.sorted() == [0, 1, 1, 1, 1, 1, 1, 1])
        }
    }

    @Test(
        "a mistake in the usage is exit code 2, and nothing is done",
        arguments: [
            ["walk"], ["init"], ["init", "--username"], ["init", "--username", "alice$a.test"], ["user", "add"],
            ["init", "--username", "nonsense"], ["user", "add", "nonsense"], ["user", "disable", "nonsense"],
            ["domain", "add", "nonsense"], ["domain", "add", "b.test", "--host", "y"],
            ["domain", "remove", "nonsense"],
            ["domain", "add", "b.test", "--owner", "nonsense"], ["user", "add", "nonsense$"],
            ["user", "add", "a@a.test", "--password", "hunter2"], ["user", "set-role", "a@a.test", "king"],
            ["user", "set-role", "a@a.test", "owner"], ["user", "add", "a@a.test", "--password-file", "missing"],
            ["user", "list", "--jsn"], ["domain", "remove"], ["domain", "add", "a.test", "--owner"],
            ["sec-gen-key", "--type", "dsa"], ["serve", "--port"], ["serve", "--prt", "1"], ["serve", "9096"],
            ["serve", "--port", "65536"], ["serve", "--config", "missing.yaml"], ["serve", "--tls-cert", "a.pem"],
            ["serve", "--host", "0.0.0.0"], ["serve", "--signing-key-file", "missing.jwk"],
            ["serve", "--tls-cert", "missing.pem", "--tls-key", "missing.pem"],
        ])
    func usage(arguments: [String]) async throws {
        let folder = try TemporaryFolder()
        let run = try await Program.gatehouse.start(
            arguments, in: folder, environment: ["GATEHOUSE_DATABASE": folder.path("store.db")])
        try await wait(for: "its end", atMost: .seconds(20)) { !run.isRunning }
        #expect(try await run.end() == 2, "\(run.errors)")
        #expect(run.output.isEmpty && !run.errors.isEmpty)
        #expect(!run.errors.contains("hunter2"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("store.db")))
    }

    @Test("what is refused is exit code 1, with a sentence and without a trace")
    func refusals() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            let password = ["--password-file", "-"]
            for (arguments, words) in [
                (["user", "add", "alice$a.test"] + password, "already an account alice$a.test."),
                (["user", "add", "bob$b.test"] + password, "b.test is not hosted here; add it first"),
                (["user", "disable", "bob$a.test"], "no account bob$a.test"),
                (["user", "delete", "bob@a.test"], "no account bob@a.test"),
                (["domain", "add", "a.test"], "a.test is hosted here already"),
                (
                    ["domain", "add", "b.test", "--host", "a.test"],
                    "a.test is already a host name of the domain a.test."
                ),
                (["domain", "remove", "b.test"], "not hosted"), (["domain", "rotate-secret", "b.test"], "not hosted"),
                (["domain", "add", "c.test", "--owner", "nobody@a.test"], "no account nobody@a.test"),
            ] {
                let run = try await store.command(arguments, input: TestStore.password + "\n")
                #expect(run.code == 1 && run.output.isEmpty, "\(arguments): \(run)")
                #expect(run.errors.hasPrefix("gatehouse: ") && run.errors.contains(words), "\(arguments): \(run)")
                #expect(run.errors.hasSuffix(".\n"), "\(arguments): \(run)")
            }
            let weak = try await store.command(["user", "add", "bob$a.test"] + password, input: "short\n")
            #expect(weak.code == 1 && weak.errors.contains("8 characters"), "\(weak)")
            #expect(try await store.gatehouse("user", "list").split(separator: "\n").count == 2)
            #expect(try await store.gatehouse("domain", "list").split(separator: "\n").count == 2)
        }
    }

    @Test("a password that is a name of its account is refused, wherever it is set")
    func ownNameAsPassword() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice.liddell$a.test")
            for (arguments, password) in [
                (["user", "add", "charles.dodgson@a.test"], "charles.dodgson"),
                (["user", "add", "charles@a.test", "--alias", "white.rabbit$a.test"], "white.rabbit"),
                (["user", "set-password", "alice.liddell$a.test"], "Alice.Liddell"),
                (["init", "--username", "red.queen@a.test"], "red.queen@a.test"),
            ] {
                let run = try await store.command(arguments + ["--password-file", "-"], input: password + "\n")
                #expect(run.code == 1 && run.output.isEmpty, "\(arguments): \(run)")
            }
            #expect(try await store.gatehouse("user", "list").split(separator: "\n").count == 2)
            let two = try await store.command(["user", "add", "one$a.test", "--alias", "two$a.test"])
            #expect(two.code == 2 && two.errors.contains("one alias"), "\(two)")
        }
    }

    @Test("a store that cannot be opened is refused, in words that name the file")
    func storesThatCannotBeOpened() async throws {
        try await withStore { store in
            let text = try store.folder.write("no store", to: "text.db").path
            for file in [text, store.folder.path("none/store.db")] {
                let run = try await Program.gatehouse.run(["user", "list", "--database", file])
                #expect(run.code == 1 && run.errors.contains(file) && !run.errors.contains("storage:"), "\(run)")
            }
        }
    }

    @Test("a store that is not there is made by what begins one, and by nothing else")
    func missingStore() async throws {
        for arguments in [
            ["user", "list"], ["user", "disable", "a@a.test"], ["user", "delete", "a@a.test"], ["domain", "list"],
            ["domain", "rotate-secret", "a.test"], ["domain", "set", "a.test", "--sign-up", "open"],
            ["signing-key", "list"], ["signing-key", "rotate"],
        ] {
            let folder = try TemporaryFolder()
            let file = folder.path("mistyped.db")
            let run = try await Program.gatehouse.run(arguments + ["--database", file])
            #expect(run.code == 1 && run.errors.contains("There is no store \(file). Name it with"), "\(run)")
            #expect(!FileManager.default.fileExists(atPath: file), "\(arguments)")
        }
        for arguments in [
            ["domain", "add", "a.test"], ["user", "add", "a@a.test"], ["init", "--username", "a@a.test"],
        ] {
            let folder = try TemporaryFolder()
            let run = try await Program.gatehouse.run(arguments + ["--database", folder.path("new.db")])
            #expect(run.code == 0 && !run.output.isEmpty, "\(run)")
        }
    }

    @Test("a secret that cannot be printed is no success")
    func fullOutput() async throws {
        try await withStore { store in
            let run = try await Program.gatehouse.run(
                ["domain", "add", "a.test", "--database", store.database], shell: #"exec "$0" "$@" >/dev/full"#)
            #expect(run.code == 1, "\(run)")
            #expect(run.errors.contains("Standard output cannot be written: No space left on device."), "\(run)")
            #expect(try await store.gatehouse("domain", "list").contains("a.test"))
            #expect(try await store.gatehouse("domain", "rotate-secret", "a.test").utf8.count > 40)
        }
    }

    @Test("each program tells its version", arguments: [Program.gatehouse, .client, .conformance])
    func version(program: Program) async throws {
        let run = try await program.run(["--version"])
        #expect(run.code == 0 && run.output.wholeMatch(of: /[0-9]+\.[0-9]+\.[0-9]+\n/) != nil, "\(run)")
    }

    @Test("empty lists say what to do next, and are [] in JSON")
    func emptyLists() async throws {
        try await withStore { store in
            // A store is made by what adds to it, and by the server; this leaves one without anybody and anything.
            try await store.addDomain("a.test")
            try await store.gatehouse("domain", "remove", "a.test")
            #expect(try await store.gatehouse("user", "list").contains("`gatehouse init --username EMAIL`"))
            #expect(try await store.gatehouse("domain", "list").contains("`gatehouse domain add DOMAIN`"))
            let answer136 = try await store.gatehouse("user", "list", "--json")
            #expect(answer136 == "[]")
            #expect(try await store.gatehouse("domain", "list", "--json") == "[]")
        }
    }

    @Test("lists show accounts and domains, as a table and as JSON, and no secret")
    func lists() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.addAccount("owner@a.test")
            let secret = try await store.addDomain("a.test", owner: "owner@a.test")
            try await store.addAccount("alice$a.test")
            try await store.gatehouse("user", "disable", "alice$a.test")

            let users = try await store.gatehouse("user", "list").split(separator: "\n")
            #expect(users.count == 4)
            #expect(users[0].split(separator: " ") == ["NAME", "ALIAS", "ROLES", "STATE"])
            #expect(users[1].split(separator: " ") == ["admin@a.test", "-", "admin", "active"])
            #expect(users[2].split(separator: " ") == ["owner@a.test", "-", "owner", "active"])
            #expect(users[3].split(separator: " ") == ["alice$a.test", "alice$a.test", "alias", "disabled"])
            let json = try JSONValue(parsing: Array(try await store.gatehouse("user", "list", "--json").utf8))
            #expect(json[2]?["alias"]?.string == "alice$a.test" && json[2]?["email"]?.isNull == true)
            #expect(json[2]?["roles"] == ["alias"] && json[2]?["disabled"]?.bool == true)

            let domains = try await store.gatehouse("domain", "list")
            let rows: [[Substring]] = domains.split(separator: "\n").map { $0.split(separator: " ") }
            #expect(rows[0] == ["DOMAIN", "HOSTS", "OWNER", "ALIASES", "SIGN-UP", "TYPES", "ORIGINS", "STATE"])
            #expect(rows[1] == ["a.test", "-", "owner@a.test", "1", "secret", "all", "-", "added"])
            let domainsJSON = try await store.gatehouse("domain", "list", "--json")
            let domain = try #require(try JSONValue(parsing: Array(domainsJSON.utf8))[0])
            let names: [String] = [
                "domain", "hosts", "owner", "sign_up", "allowed_origins", "address_types", "state", "created",
                "aliases",
            ]
            #expect(domain.object?.map(\.name) == names)
            #expect(domain["owner"]?.string == "owner@a.test")
            #expect(domain["hosts"]?.array?.isEmpty == true)
            #expect(domain["aliases"]?.int64 == 1)
            #expect(domain["sign_up"]?.string == "secret")
            #expect(domain["address_types"]?.isNull == true)
            let usersJSON = try await store.gatehouse("user", "list", "--json")
            for text in [domains, domainsJSON, usersJSON, users.joined()] {
                #expect(!text.contains(secret) && !text.contains("argon2"))
            }
        }
    }

    @Test("what is chosen for a domain is set, shown and, after a mistake, left as it was")
    func domainSet() async throws {
        try await withStore { store in
            try await store.addAccount("owner@a.test")
            try await store.gatehouse(
                "domain", "add", "a.test", "--host", "id.a.test", "--sign-up", "operator", "--allowed-origin",
                "https://App.a.test:443/", "--address-type", "300", "--address-type", "100")
            try await store.addDomain("b.test")
            func shown() async throws -> [Substring] {
                try await store.gatehouse("domain", "list").split(separator: "\n")[1].split(separator: " ")
            }
            var expected: [Substring] = [
                "a.test", "id.a.test", "-", "0", "operator", "100,300", "https://app.a.test", "added",
            ]
            #expect(try await shown() == expected)
            let changes: [([String], (Int, Substring))] = [
                (["--owner", "owner@a.test"], (2, "owner@a.test")), (["--no-owner"], (2, "-")),
                (["--host", "cap.a.test", "--host", "a.test"], (1, "cap.a.test,id.a.test")),
                (["--remove-host", "ID.a.test."], (1, "cap.a.test")), (["--sign-up", "open"], (4, "open")),
                (["--allowed-origin", "http://x.test:8080"], (6, "http://x.test:8080")),
                (["--no-allowed-origins"], (6, "-")), (["--address-type", "102"], (5, "102")),
                (["--all-address-types"], (5, "all")),
            ]
            for (change, row) in changes {
                let ended = try await store.command(["domain", "set", "a.test"] + change)
                #expect(ended.code == 0 && ended.output == "a.test is set.\n", "\(change): \(ended)")
                expected[row.0] = row.1
                #expect(try await shown() == expected, "\(change)")
            }
            let mistakes: [([String], Int32, String)] = [
                (
                    ["--host", "b.test", "--sign-up", "secret"], 1,
                    "b.test is already a host name of the domain b.test."
                ),
                (["--remove-host", "a.test"], 1, "a.test is the domain's own name"),
                (["--remove-host", "x.test"], 1, "x.test is no further host name of the domain a.test."),
                (["--owner", "nobody@a.test", "--sign-up", "secret"], 1, "no account nobody@a.test"),
                (["--owner", "nobody"], 2, "--owner"), (["--host", "y"], 2, "--host y"), ([], 2, "Name what to change"),
                (["--owner", "owner@a.test", "--no-owner"], 2, "--owner and --no-owner"),
                (["--address-type", "100", "--all-address-types"], 2, "--address-type and --all-address-types"),
                (["--allowed-origin", "https://a.test", "--no-allowed-origins"], 2, "--no-allowed-origins"),
                (["--address-type", "7"], 2, "100"), (["--sign-up", "closed"], 2, "operator"),
                (["--allowed-origin", "https://a.test/path"], 2, "without a path"),
                (["--allowed-origin", "*"], 2, "without a path"),
            ]
            for (change, code, words) in mistakes {
                let ended = try await store.command(["domain", "set", "a.test"] + change)
                #expect(ended.code == code && ended.errors.contains(words), "\(change): \(ended)")
                #expect(try await shown() == expected, "\(change)")
            }
            let unknown = try await store.command(["domain", "set", "c.test", "--sign-up", "open"])
            #expect(unknown.code == 1 && unknown.errors.contains("c.test is not hosted here"), "\(unknown)")
        }
    }

    @Test("a password comes from the first line of a file or of standard input, else one is made and shown once")
    func passwords() async throws {
        try await withStore { store in
            let file = try store.folder.write("a file's harbour 1\nsecond line\n", to: "password").path
            let fromFile = try await store.gatehouse("user", "add", "file@a.test", "--password-file", file)
            let fromInput = try await store.gatehouse(
                "user", "add", "input@a.test", "--password-file", "-", input: "an input's harbour 2\r\nmore")
            #expect(!(fromFile + fromInput).contains("harbour"), "only a password that was made is shown")
            let made = try await store.gatehouse("user", "add", "made@a.test")
            let shown = try #require(made.components(separatedBy: "Password (shown once): ").last)
            let server = try await store.start()
            #expect(try await server.signIn("file@a.test", "a file's harbour 1").status == 200)
            #expect(try await server.signIn("input@a.test", "an input's harbour 2").status == 200)
            #expect(shown.count >= 20)
            #expect(try await server.signIn("made@a.test", shown).status == 200)
        }
    }

    @Test("serve --help lists every setting, and each command has a help")
    func help() async throws {
        let help = try await Program.gatehouse.run(["serve", "--help"])
        #expect(help.code == 0)
        for name in [
            "config", "database", "master-key-file", "signing-key-file", "host", "port", "public-url", "tls-cert",
            "tls-key", "insecure-http", "trusted-proxies", "allowed-origins", "lookup-cache-control", "password-policy",
            "password-minimum-length", "hashing-threads", "token-lifetime", "session-lifetime",
            "sign-in-failures-per-name", "sign-in-failures-per-network", "lookups-per-minute", "maximum-connections",
            "shutdown-grace", "log-level", "test-limits", "fault",
        ] { #expect(help.output.contains("--\(name)"), "\(name)") }
        #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 120 })
        for command in [
            [], ["init"], ["user", "add"], ["user", "list"], ["user", "set-role"], ["user", "disable"],
            ["user", "enable"], ["user", "delete"], ["user", "set-password"], ["domain"], ["domain", "add"],
            ["domain", "set"], ["domain", "list"], ["domain", "rotate-secret"], ["domain", "remove"], ["sec-gen-key"],
        ] {
            let run = try await Program.gatehouse.run(command + ["--help"])
            #expect(run.code == 0 && run.errors.isEmpty && run.output.contains("USAGE"), "\(command)")
        }
        #expect(try await Program.gatehouse.run(["--version"]).code == 0)
    }

    @Test("the files of a store are readable by their owner only")
    func modes() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let server = try await store.start()
            #expect(try await server.signIn("admin@a.test").status == 200)
            let files = try FileManager.default.contentsOfDirectory(atPath: store.folder.url.path)
                .filter { $0.hasPrefix("store.db") }
            #expect(files.contains("store.db") && files.contains("store.db.key"))
            for file in files {
                let path = store.folder.path(file)
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(file)")
            }
        }
    }
}
