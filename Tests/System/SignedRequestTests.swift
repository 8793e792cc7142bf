import Foundation
import GatehouseJSON
import GatehouseTestSupport
import HTTPSignatures
import Testing

@Suite("Signed requests and their keys, as operators set them up", .timeLimit(.minutes(2)))
struct SignedRequestTests {
    private static let account = "worker@a.test"

    private func aKey(_ store: TestStore, _ arguments: String...) async throws -> SignatureKey {
        let ended = try await store.command(["key", "add", "--account", Self.account] + arguments)
        #expect(ended.code == 0, "\(ended.errors)")
        let json = try JSONValue(parsing: Array(ended.output.utf8))
        return try SignatureKey(
            id: try #require(json["id"]?.string), secret: Array(try #require(json["secret"]?.string).utf8))
    }

    private func request(_ server: ServerProcess, _ method: String = "GET", body: String? = nil) -> SignedRequest {
        SignedRequest(
            method, "/hello_someone", host: "127.0.0.1:\(server.port)", body: body,
            now: Int64(Date.now.timeIntervalSince1970))
    }

    private func outcome(_ server: ServerProcess, _ key: SignatureKey) async throws -> String {
        var request = request(server)
        try request.signCavage(with: key)
        return try await request.send(port: server.port).outcome
    }

    @Test("a signed POST is refused the second time, also after SIGKILL and a restart")
    func once() async throws {
        try await withStore { store in
            try await store.addAccount(Self.account)
            let key = try await aKey(store)
            let strict = try await aKey(store, "--replay", "strict")
            var server = try await store.start()
            var post = request(server, "POST", body: "once")
            try post.signCavage(with: key)
            var get = request(server)
            try get.signCavage(with: key)
            var strictGet = request(server)
            try strictGet.signMessage(
                parameters: SignatureParameters(created: Int64(Date.now.timeIntervalSince1970)), scheme: "http",
                with: strict)
            for request in [post, get, strictGet] {
                #expect(try await request.send(port: server.port).outcome == "200")
            }
            try await server.kill()

            server = try await store.start()
            #expect(try await post.send(port: server.port).outcome == "401 signature_invalid")
            #expect(try await get.send(port: server.port).outcome == "200")
            #expect(try await strictGet.send(port: server.port).outcome == "401 signature_invalid")
            #expect(try await outcome(server, key) == "200")
        }
    }

    @Test("a server notices at the next request what the command line did to a key")
    func beside() async throws {
        try await withStore { store in
            try await store.addAccount(Self.account)
            let server = try await store.start()
            let key = try await aKey(store)
            #expect(try await outcome(server, key) == "200")
            let rotated = try JSONValue(
                parsing: Array(try await store.gatehouse("key", "rotate", key.id, "--overlap", "0").utf8))
            #expect(try await outcome(server, key) == "401 signature_invalid")
            let new = try SignatureKey(
                id: key.id, secret: Array(try #require(rotated["secret"]?.string).utf8))
            #expect(try await outcome(server, new) == "200")
            try await store.gatehouse("key", "revoke", key.id)
            #expect(try await outcome(server, new) == "401 signature_invalid")

            let other = try await aKey(store)
            #expect(try await outcome(server, other) == "200")
            try await store.gatehouse("user", "disable", Self.account)
            #expect(try await outcome(server, other) == "401 signature_invalid")
            try await store.gatehouse("user", "enable", Self.account)
            #expect(try await outcome(server, other) == "200")
            try await store.gatehouse(
                "user", "set-password", Self.account, "--password-file", "-", input: "another harbour 8\n")
            #expect(try await outcome(server, other) == "401 signature_invalid")
        }
    }

    @Test("the reason of a refusal is in the log and not in the answer, and no secret is in either")
    func reasons() async throws {
        try await withStore { store in
            try await store.addAccount(Self.account)
            let server = try await store.start(["--log-level", "debug"])
            let key = try await aKey(store)
            var old = SignedRequest("GET", "/hello_someone", host: "127.0.0.1:\(server.port)", now: 1_000_000_000)
            try old.signCavage(with: key)
            let answer = try await old.send(port: server.port)
            #expect(answer.outcome == "401 signature_stale")
            #expect(!answer.description.contains("seconds"))
            try await wait(for: "the line in the log") { server.log.contains("seconds old") }
            let signature = try #require(old["Authorization"]).split(separator: "signature=").last.map(String.init)
            #expect(!server.log.contains(try #require(signature)))
        }
    }

    @Test("a weak secret is taken only when that is asked for, and each start warns of it")
    func weak() async throws {
        try await withStore { store in
            try await store.addAccount(Self.account)
            let file = try store.folder.write("123456789\n", to: "secret").path
            let add = ["key", "add", "--account", Self.account, "--id", "access_key_1", "--secret-file", file]
            let refused = try await store.command(add)
            #expect(refused.code == 1 && refused.errors.contains("--allow-weak"), "\(refused.errors)")
            let taken = try await store.command(add + ["--allow-weak"])
            #expect(taken.code == 0 && !taken.output.contains("123456789"), "\(taken.errors)")
            let key = try SignatureKey(id: "access_key_1", secret: Array("123456789".utf8), allowsWeak: true)
            for _ in 0..<2 {
                let server = try await store.start()
                #expect(server.log.contains("fewer than 256 bits") && server.log.contains("access_key_1"))
                #expect(!server.log.contains("123456789"))
                #expect(try await outcome(server, key) == "200")
                #expect(try await server.stop() == 0)
            }
        }
    }

    @Test("a public key is no secret, however weak a secret may be")
    func publicKeyAsSecret() async throws {
        try await withStore { store in
            try await store.addAccount(Self.account)
            let file = try store.folder.write("-----BEGIN PUBLIC KEY-----\n", to: "key.pem").path
            for flags in [[], ["--allow-weak"]] {
                let ended = try await store.command(
                    ["key", "add", "--account", Self.account, "--secret-file", file] + flags)
                #expect(ended.code == 1 && ended.errors.contains("PEM"), "\(ended.errors)")
                #expect(!ended.errors.contains("--allow-weak"), "nothing would change")
            }
        }
    }

    @Test("keys are listed by what they may do and when they were used, without a secret")
    func list() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.addAccount(Self.account)
            #expect(try await store.gatehouse("key", "list").contains("key add"))
            _ = try await store.gatehouse(
                "key", "add", "--account", "admin@a.test", "--id", "backup", "--scope", "admin:read", "--scope",
                "introspect",
                "--expires", "2099-01-01T00:00:00Z")
            let key = try await aKey(store)
            let server = try await store.start()
            #expect(try await outcome(server, key) == "200")
            #expect(try await server.stop() == 0)
            let all = try await store.gatehouse("key", "list")
            #expect(all.contains("admin:read,introspect") && all.contains("ends 2099-01-01T00:00:00Z"), "\(all)")
            let own = try await store.gatehouse("key", "list", "--account", Self.account, "--json")
            let entries = try #require(try JSONValue(parsing: Array(own.utf8)).array)
            #expect(entries.count == 1 && entries[0]["id"]?.string == key.id)
            #expect(entries[0]["last_used"]?.string != nil, "a server that stops writes down the last uses")
            #expect(!own.contains("secret"))
        }
    }

    @Test("what is wrong with a command about keys is said, and nothing is made")
    func mistakes() async throws {
        try await withStore { store in
            try await store.addAccount(Self.account)
            let pem = try store.folder.write("no key\n", to: "key.pem").path
            let wrong: [(arguments: [String], code: Int32, says: String)] = [
                (["add"], 2, "--account"),
                (["add", "--account", "nobody@a.test"], 1, "no account"),
                (["add", "--account", "nobody"], 2, "--account"),
                (["add", "--account", Self.account, "--scope", "everything"], 2, "no scope"),
                (["add", "--account", Self.account, "--scope", "admin"], 1, "does not have the role of: admin"),
                (["add", "--account", Self.account, "--algorithm", "hmac-sha1"], 2, "no algorithm"),
                (["add", "--account", Self.account, "--algorithm", "ed25519"], 2, "--public-key"),
                (["add", "--account", Self.account, "--algorithm", "ed25519", "--public-key", pem], 1, "PEM"),
                (["add", "--account", Self.account, "--id", "a b"], 1, "visible ASCII"),
                (["add", "--account", Self.account, "--expires", "soon"], 2, "no time"),
                (["add", "--account", Self.account, "--expires", "2020-01-01T00:00:00Z"], 1, "expired"),
                (["add", "--account", Self.account, "--replay", "never"], 2, "replay"),
                (["add", "--account", Self.account, "--allow-weak"], 2, "--secret-file"),
                (["add", "--account", Self.account, "--secret-file", "/nowhere/at/all"], 2, "/nowhere/at/all"),
                (["rotate", "nothing"], 1, "no key of this id"),
                (["revoke", "nothing"], 1, "no key of this id"),
            ]
            for (arguments, code, says) in wrong {
                let ended = try await store.command(["key"] + arguments)
                #expect(
                    ended.code == code && ended.errors.contains(says), "\(arguments): \(ended.code) \(ended.errors)")
                #expect(ended.output.isEmpty)
            }
            #expect(try await store.gatehouse("key", "list", "--json") == "[]")
        }
    }
}
