import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

/// Two members of the key in RFC 7515 A.3, and the end.
private let rfc7515A3 =
    #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#

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

    @Test("the log of a server says what an operator must know")
    func warnings() async throws {
        try await withStore { store in
            let first = try await store.start(["--test-limits"])
            #expect(first.log.contains("made a master key; without it the secrets in the store are lost"))
            #expect(first.log.contains("--test-limits: sign-ins and look-ups are hardly limited"))
            #expect(!first.log.contains("--insecure-http"))
            #expect(try await first.stop() == 0)
            let second = try await store.start(["--host", "0.0.0.0", "--insecure-http"])
            #expect(second.log.contains("--insecure-http: passwords and tokens travel in clear"))
            #expect(!second.log.contains("made a master key") && !second.log.contains("--test-limits"))
        }
    }

    @Test("a file that cannot be used is named with the cause, and nothing is made")
    func unusableFiles() async throws {
        let folder = try TemporaryFolder()
        try folder.write("no PEM\n", to: "text")
        for (arguments, words) in [
            (["user", "add", "a@a.test", "--password-file", "missing"], "missing cannot be read: No such file"),
            (["user", "add", "a@a.test", "--password-file", "/"], "/ cannot be read: Is a directory."),
            (["user", "add", "a@a.test", "--password-file", "/dev/null"], "The first line of /dev/null is empty."),
            (["user", "list", "--config", "missing"], "--config: The file missing cannot be read: No such file"),
            (
                ["serve", "--signing-key-file", "missing"],
                "--signing-key-file: The file missing cannot be read: No such"
            ),
            (["serve", "--tls-cert", "missing", "--tls-key", "text"], "The file missing cannot be read: No such file"),
            (["serve", "--tls-cert", "text", "--tls-key", "text"], "text does not hold a certificate in PEM."),
        ] {
            let run = try await Program.gatehouse.start(
                arguments, in: folder, environment: ["GATEHOUSE_DATABASE": folder.path("store.db")])
            #expect(try await run.end() == 2, "\(arguments): \(run.errors)")
            #expect(run.errors.contains(words), "\(arguments): \(run.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("store.db")))
        }
    }

    @Test("a server that cannot listen says where and why")
    func cannotListen() async throws {
        try await withStore { store in
            let taken = try ScriptedServer { _ in .close }
            for (flags, words) in [
                (["--port", "\(taken.port)"], "127.0.0.1:\(taken.port): Address already in use. Another server"),
                (
                    ["--host", "203.0.113.1", "--insecure-http"],
                    "203.0.113.1:0: Cannot assign requested address. Choose"
                ),
                (["--host", "nowhere.invalid", "--insecure-http"], "nowhere.invalid:0: there is no such host."),
            ] {
                let ended = await #expect(throws: ServerProcess.DidNotStart.self) { try await store.start(flags) }?
                    .ended
                #expect(ended?.code == 1, "\(ended as Any)")
                #expect(ended?.errors.contains("gatehouse: Cannot listen on \(words)") == true, "\(ended as Any)")
                #expect(ended?.errors.contains("tidying failed") == false, "\(ended as Any)")
            }
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
            ["domain", "rotate-secret", "a.test"], ["signing-key", "list"], ["signing-key", "rotate"],
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

    @Test("a server may open a file for each of its connections, or says that it may not")
    func openFiles() async throws {
        try await withStore { store in
            let server = try await store.start(
                ["--maximum-connections", "300"], shell: #"ulimit -Sn 64; exec "$0" "$@""#)
            #expect(!server.log.contains("fewer files may be open"))
            let connections = try (0..<150).map { _ in try RawConnection(port: server.port) }
            #expect(try await server.send(.get, "/health").status == 200)
            for connection in connections { connection.close() }
            let narrow = try await store.start(shell: #"ulimit -n 64; exec "$0" "$@""#)
            #expect(narrow.log.contains("fewer files may be open than --maximum-connections needs"))
        }
    }

    @Test("everything that is wrong with the settings is said at once")
    func allMistakes() async throws {
        let folder = try TemporaryFolder()
        try folder.write("port: many\nno-such-setting: 1\n", to: "settings.yaml")
        let run = try await Program.gatehouse.start(
            [
                "serve", "--config", folder.path("settings.yaml"), "--token-lifetime", "0", "--log-level", "loud",
                "--tls-key", "key.pem", "--no-such-flag", "1",
            ], in: folder, environment: ["GATEHOUSE_MAXIMUM_CONNECTIONS": "none"])
        #expect(try await run.end() == 2)
        for part in [
            "port in", "no-such-setting", "--token-lifetime", "--log-level", "--tls-cert", "--no-such-flag",
            "GATEHOUSE_MAXIMUM_CONNECTIONS",
        ] { #expect(run.errors.contains(part), "\(part) is missing in: \(run.errors)") }
        #expect(run.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("gatehouse: ") })
        #expect(!FileManager.default.fileExists(atPath: folder.path("gatehouse.db")))
    }

    @Test("flags win over the environment, the environment over the file")
    func precedence() async throws {
        try await withStore { store in
            let file = try store.folder.write("lookup-cache-control: from-file\ntoken-lifetime: 600\n", to: "s.yaml")
                .path
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            for (flags, environment, expected) in [
                ([], [:], "from-file"),
                ([], ["GATEHOUSE_LOOKUP_CACHE_CONTROL": "from-environment"], "from-environment"),
                (
                    ["--lookup-cache-control", "from-flag"], ["GATEHOUSE_LOOKUP_CACHE_CONTROL": "from-environment"],
                    "from-flag"
                ),
                (["--lookup-cache-control=from-flag"], [:], "from-flag"),
            ] as [([String], [String: String], String)] {
                let server = try await store.start(["--config", file] + flags, environment: environment)
                #expect(try await server.lookUp("alice$a.test").header("Cache-Control") == expected)
                #expect(try await server.stop() == 0)
            }
            let named = try await store.start(environment: ["GATEHOUSE_CONFIG": file, "GATEHOUSE_PROT": "1"])
            #expect(try await named.lookUp("alice$a.test").header("Cache-Control") == "from-file")
            #expect(named.log.contains("GATEHOUSE_PROT"), "a name that is misspelt is logged")
        }
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
            #expect(domains.split(separator: "\n")[1].split(separator: " ") == ["a.test", "-", "owner@a.test", "1"])
            let domainsJSON = try await store.gatehouse("domain", "list", "--json")
            #expect(
                try JSONValue(parsing: Array(domainsJSON.utf8))
                    == [["domain": "a.test", "hosts": [], "owner": "owner@a.test", "aliases": 1]])
            let usersJSON = try await store.gatehouse("user", "list", "--json")
            for text in [domains, domainsJSON, usersJSON, users.joined()] {
                #expect(!text.contains(secret) && !text.contains("argon2"))
            }
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

    @Test("without its master key, or with another, a store is not served, and the message says why")
    func masterKey() async throws {
        try await withStore { store in
            #expect(try await store.start().stop() == 0)
            let file = store.database + ".key"
            let key = try Data(contentsOf: URL(filePath: file))
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)

            func refusal() async throws -> Program.Ended? {
                await #expect(throws: ServerProcess.DidNotStart.self) { try await store.start() }?.ended
            }
            try FileManager.default.removeItem(atPath: file)
            let missing = try await refusal()
            #expect(missing?.code == 1 && missing?.errors.contains("there is no file") == true, "\(missing as Any)")
            #expect(!FileManager.default.fileExists(atPath: file), "no second key is made")

            try Data("dGhpcyBpcyBub3QgdGhlIHJpZ2h0IGtleS4uLi4uLi4\n".utf8).write(to: URL(filePath: file))
            let other = try await refusal()
            #expect(
                other?.code == 1 && other?.errors.contains("not the one that this store was sealed with") == true,
                "\(other as Any)")

            try Data("nonsense\n".utf8).write(to: URL(filePath: file))
            let broken = try await refusal()
            #expect(broken?.code == 1 && broken?.errors.contains("32 octets") == true, "\(broken as Any)")

            try key.write(to: URL(filePath: file))
            #expect(try await store.start().stop() == 0)
        }
    }

    @Test(
        "sec-gen-key prints one line with a new key, which signs the tokens of a server that is given it",
        arguments: [
            ("oct", nil, "k kty"), ("ed25519", "EdDSA", "alg crv d kid kty use x"),
            ("p256", "ES256", "alg crv d kid kty use x y"), ("p384", "ES384", "alg crv d kid kty use x y"),
            ("rsa", "RS256", "alg d dp dq e kid kty n p q qi use"),
        ] as [(String, String?, String)])
    func generatesKey(type: String, algorithm: String?, names: String) async throws {
        let one = try await Program.gatehouse.run(["sec-gen-key", "--type", type])
        let two = try await Program.gatehouse.run(["sec-gen-key", "--type", type])
        #expect(one.code == 0 && one.errors.isEmpty)
        #expect(one.output.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
        #expect(one.output != two.output)
        let key = try JSONValue(parsing: Array(one.output.utf8))
        #expect(key.object?.map(\.name).joined(separator: " ") == names)
        #expect(key["alg"]?.string == algorithm)
        try await withStore { store in
            let file = try store.folder.write(one.output, to: "key.jwk").path
            try await store.addAdmin()
            let server = try await store.start(["--signing-key-file", file])
            let token = try await server.token("admin@a.test")
            #expect(tokenAlgorithm(token) == algorithm ?? "HS256")
            // An admin without an alias has no addresses: known, and refused for that.
            let body: JSONValue = ["address_type": 100, "address": "x"]
            #expect(try await server.send(.put, "/v1/addresses", bearer: token, json: body).status == 403)
            let changed = String(token.dropLast(2)) + (token.hasSuffix("AA") ? "BA" : "AA")
            #expect(try await server.send(.put, "/v1/addresses", bearer: changed, json: body).status == 401)
        }
    }

    /// `alg` of a token's header.
    private func tokenAlgorithm(_ token: String) -> String? {
        let header = token.prefix { $0 != "." }.replacing("-", with: "+").replacing("_", with: "/")
        let padded = header + String(repeating: "=", count: (4 - header.count % 4) % 4)
        return Data(base64Encoded: String(padded)).flatMap { try? JSONValue(parsing: Array($0)) }?["alg"]?.string
    }

    @Test(
        "a key that is weak, published, public, broken or for another algorithm ends serve before it makes anything",
        arguments: [
            (#"{"kty":"oct","k":"c2hvcnQ"}"#, "fewer than 256 bits"),
            (#"{"kty":"oct","alg":"HS512","k":"0wGKmTGuZjnOX1pwBkUzGHcAjyfgsa4vRIu6ZcJuNSI"}"#, "fewer than 512 bits"),
            (#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#, "not random"),
            (#"{"kty":"oct","k":"c3VwZXItZHVwZXItc2VjcmV0"}"#, "published sample"),
            (#"{"kty":"oct","k":"PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s"}"#, "published sample"),
            (
                #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","# + rfc7515A3,
                "published sample"
            ),
            (
                #"{"kty":"EC","crv":"P-256","x":"g83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","# + rfc7515A3,
                "do not belong together"
            ),
            (
                #"{"kty":"EC","crv":"P-256","alg":"ES384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
                    + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
                "public key"
            ),
            (#"{"kty":"oct","alg":"RS256","k":"0wGKmTGuZjnOX1pwBkUzGHcAjyfgsa4vRIu6ZcJuNSI"}"#, "cannot carry"),
            (#"{"kty":"oct","alg":"none","k":"0wGKmTGuZjnOX1pwBkUzGHcAjyfgsa4vRIu6ZcJuNSI"}"#, "not supported"),
            (#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "fewer than 2048 bits"), ("no key", "not a JWK"),
        ])
    func refusesGivenKey(key: String, words: String) async throws {
        let folder = try TemporaryFolder()
        try folder.write(key, to: "key.jwk")
        let run = try await Program.gatehouse.start(
            ["serve", "--signing-key-file", folder.path("key.jwk"), "--database", folder.path("store.db")], in: folder)
        #expect(try await run.end() == 2)
        #expect(run.errors.contains("--signing-key-file") && run.errors.contains(words), "\(run.errors)")
        #expect(!run.errors.contains("0wGKmTGuZjnOX1pwBkUzGHcAjyfgsa4vRIu6ZcJuNSI"))
        #expect(!FileManager.default.fileExists(atPath: folder.path("store.db")))
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
            ["domain", "list"], ["domain", "rotate-secret"], ["domain", "remove"], ["sec-gen-key"],
        ] {
            let run = try await Program.gatehouse.run(command + ["--help"])
            #expect(run.code == 0 && run.errors.isEmpty && run.output.contains("USAGE"), "\(command)")
        }
        #expect(try await Program.gatehouse.run(["--version"]).code == 0)
    }

    @Test("secrets are never in the log, whatever its level")
    func logHasNoSecrets() async throws {
        try await withStore { store in
            let secret = try await store.addDomain("a.test")
            try await store.addAdmin()
            let server = try await store.start(["--log-level", "trace"])
            let token = try await server.token("admin@a.test")
            let wrong = "the wrong harbour 9"
            #expect(try await server.signIn("admin@a.test", wrong).status == 401)
            // A password in the place of the name, which happens to people.
            #expect(try await server.signIn(wrong, wrong).status == 401)
            let alice: JSONValue = ["alias": "alice$a.test", "password": .string(TestStore.password)]
            #expect(try await server.send(.post, "/v1/users", bearer: secret, json: alice).status == 200)
            let inTheBody: JSONValue = [
                "alias": "bob$a.test", "password": .string(TestStore.password), "create_user_password": .string(secret),
            ]
            #expect(try await server.send(.post, "/v1/users", json: inTheBody).status == 200)
            let aliceToken = try await server.token("alice$a.test")
            #expect(try await server.setAddress(bearer: aliceToken).status == 200)
            #expect(try await server.setAddress(bearer: aliceToken + "x").status == 401)
            #expect(try await server.send(.get, "/v1/addresses?alias=a$a.test&token=\(token)").status == 404)
            #expect(try await server.send(.get, "/nowhere?password=the%20wrong%20harbour%209").status == 404)
            #expect(try await server.stop() == 0)
            let log = server.log + server.output
            #expect(!server.log.isEmpty)
            for (name, value) in [
                ("password", TestStore.password), ("wrong password", wrong), ("escaped password", "wrong%20harbour"),
                ("token", token), ("alias's token", aliceToken), ("domain's secret", secret),
                ("signature", String(token.split(separator: ".")[2])), ("Authorization", "Bearer "),
            ] { #expect(!log.contains(value), "\(name) is in the log") }
            // Whatever came in, each entry is a line of JSON.
            for line in server.log.split(separator: "\n") {
                #expect((try? JSONValue(parsing: Array(line.utf8)))?["level"] != nil, "\(line)")
            }
        }
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
