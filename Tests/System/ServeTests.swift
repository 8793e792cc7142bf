import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

/// Two members of the key in RFC 7515 A.3, and the end.
private let rfc7515A3 =
    #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#

@Suite("Starting a server", .timeLimit(.minutes(2)))
struct ServeTests {
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
}
