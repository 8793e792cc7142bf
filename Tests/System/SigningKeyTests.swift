import Foundation
import GatehouseJSON
import GatehouseTransfer
import HTTPTypes
import GatehouseTestSupport
import Testing

@Suite("The keys that sign tokens, beside a running server", .timeLimit(.minutes(3)))
struct SigningKeyTests {
    private static let alice = "alice$a.test"

    private func kid(of token: String) -> String? {
        var part = String(token.prefix { $0 != "." }).replacing("-", with: "+").replacing("_", with: "/")
        while part.count % 4 != 0 { part += "=" }
        return Data(base64Encoded: part).flatMap { try? JSONValue(parsing: Array($0)) }?["kid"]?.string
    }

    private func states(_ store: TestStore) async throws -> [String] {
        let list = try JSONValue(parsing: Array(try await store.gatehouse("signing-key", "list", "--json").utf8))
        return (list.array ?? []).compactMap { $0["state"]?.string }
    }

    @Test("a server notices at the next request what the command line did to its keys")
    func secondProcess() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount(Self.alice)
            let server = try await store.start()
            let token = try await server.token(Self.alice)
            let first = try #require(kid(of: token))
            #expect(try await server.setAddress(bearer: token).status == 200)
            let published = try await server.send(.get, "/.well-known/jwks.json")

            let next = try JSONValue(parsing: Array(try await store.gatehouse("signing-key", "rotate", "--json").utf8))
            let second = try #require(next["kid"]?.string)
            #expect(next["state"]?.string == "standby")
            let both = try await server.send(.get, "/.well-known/jwks.json") {
                $0.headers.append(("If-None-Match", published.header("ETag") ?? ""))
            }
            #expect(both.status == 200 && both.json?["keys"]?.array?.count == 2)
            #expect(kid(of: try await server.token(Self.alice)) == first)

            #expect(try await store.gatehouse("signing-key", "rotate", second, "--now") == "\(second) signs tokens.")
            #expect(kid(of: try await server.token(Self.alice)) == second)
            #expect(try await server.setAddress(bearer: token).status == 200)
            #expect(try await states(store) == ["retired", "active"])

            #expect(try await store.gatehouse("signing-key", "retire", first, "--now") == "\(first) is removed.")
            #expect(try await server.setAddress(bearer: token).outcome == "401 invalid_token")
            #expect(try await server.send(.get, "/.well-known/jwks.json").json?["keys"]?.array?.count == 1)
            let newToken = try await server.token(Self.alice)
            #expect(try await server.setAddress(bearer: newToken).status == 200)
        }
    }

    @Test("the command line lists, imports and retires, says what comes next, and has its exit codes")
    func commandLine() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            #expect(try await store.gatehouse("signing-key", "list").hasPrefix("There are no keys yet;"))
            #expect(try await store.gatehouse("signing-key", "list", "--json") == "[]")
            let secret = try await Program.gatehouse.run(["sec-gen-key"]).output.trimmingCharacters(in: .newlines)
            let key = secret.replacing("\"kty\"", with: "\"kid\":\"mine\",\"kty\"")
            let imported = try await store.gatehouse("signing-key", "import", "-", input: key)
            #expect(imported.hasSuffix(" is imported (standby)."))
            let id = String(imported.prefix { $0 != " " })
            let file = try store.folder.write(key, to: "key.jwk").path
            let again = try await store.command(["signing-key", "import", file])
            #expect(again.code == 1 && again.errors.contains("already"), "\(again)")
            let sample = #"{"kty":"oct","k":"PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s"}"#
            let published = try await store.command(["signing-key", "import", "-"], input: sample)
            #expect(published.code == 1 && published.errors.contains("published sample"), "\(published)")
            #expect(try await store.command(["signing-key", "import", "missing.jwk"]).code == 2)
            #expect(try await store.command(["signing-key", "rotate", id, "--algorithm", "HS256"]).code == 2)
            #expect(try await store.command(["signing-key", "rotate", "--algorithm", "none"]).code == 2)
            #expect(
                try await store.gatehouse("signing-key", "rotate", id) == "\(id) signs tokens.", "the first at once")
            let inUse = try await store.command(["signing-key", "retire", id, "--now"])
            #expect(inUse.code == 1 && inUse.errors.contains("rotate"), "\(inUse)")
            let made = try await store.gatehouse("signing-key", "rotate", "--algorithm", "HS256")
            #expect(made.contains(" is on standby, signs from 20"), "\(made)")
            let next = String(made.prefix { $0 != " " })
            #expect(try await store.gatehouse("signing-key", "retire", next).contains("is retired, accepted until 20"))
            let other = try await Program.gatehouse.run(["sec-gen-key"]).output
            let hyphen = other.replacing("\"kty\"", with: "\"kid\":\"-odd\",\"kty\"")
            try await store.gatehouse("signing-key", "import", "-", input: hyphen)
            let odd = try await Program.gatehouse.run(
                ["signing-key", "retire", "--now", "--database", store.database, "--", "-odd"])
            #expect(odd.output == "-odd is removed.\n", "\(odd)")
            let table = try await store.gatehouse("signing-key", "list")
            #expect(table.contains("KID") && table.contains("HS256") && table.contains("retired"))
            #expect(!table.contains("\"d\""))
        }
    }

    @Test("a signing key that cannot be used ends the start with the name of its setting")
    func badSettings() async throws {
        let sample = #"{"kty":"oct","k":"PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s"}"#
        let good = try await Program.gatehouse.run(["sec-gen-key"]).output.trimmingCharacters(in: .newlines)
        let cases: [(environment: [String: String], flags: [String], words: [String])] = [
            (["AMPHO_SECURITY_KEY": sample], [], ["AMPHO_SECURITY_KEY", "published sample"]),
            (["AMPHO_SECURITY_KEY": #"{"kty":"oct","k":"c2hvcnQ"}"#], [], ["AMPHO_SECURITY_KEY", "256 bits"]),
            (["AMPHO_SECURITY_KEY": "secret"], [], ["AMPHO_SECURITY_KEY", "not a JWK"]),
            (
                ["AMPHO_SECURITY_KEY": good, "AMPHO_SECURITY_TOKEN_ALG": "EdDSA"], [],
                ["AMPHO_SECURITY_TOKEN_ALG", "AMPHO_SECURITY_KEY", "EdDSA"]
            ),
            (["AMPHO_SECURITY_TOKEN_ALG": "none"], [], ["AMPHO_SECURITY_TOKEN_ALG must be one of"]),
            (["AMPHO_SECURITY_KEY": good, "GATEHOUSE_SIGNING_KEY_FILE": "a"], [], ["both give a key"]),
            ([:], ["--signing-key", good], ["GATEHOUSE_SIGNING_KEY"]),
            ([:], ["--signing-key-rotation", "1", "--signing-key-lead-time", "86400"], ["must be longer"]),
        ]
        for (environment, flags, words) in cases {
            let folder = try TemporaryFolder()
            let ended = try await Program.gatehouse.run(
                ["serve", "--port", "0", "--database", folder.path("store.db")] + flags, environment: environment)
            #expect(ended.code == 2, "\(ended)")
            for word in words { #expect(ended.errors.contains(word), "\(ended)") }
            #expect(!ended.errors.contains("PkJ4gc1v") && !ended.errors.contains(good), "\(ended)")
        }
    }

    @Test("AMPHO_SECURITY_KEY signs, and a bare secret means HS256")
    func amphoKey() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount(Self.alice)
            let key = try await Program.gatehouse.run(["sec-gen-key"]).output.trimmingCharacters(in: .newlines)
            let server = try await store.start(
                environment: ["AMPHO_SECURITY_KEY": key, "AMPHO_SECURITY_TOKEN_ALG": "HS256"])
            let token = try await server.token(Self.alice)
            #expect(token.hasPrefix("eyJhbGciOiJIUzI1NiIs"), "its header begins with HS256")
            #expect(try await server.setAddress(bearer: token).status == 200)
            #expect(try await server.send(.get, "/.well-known/jwks.json").json == ["keys": []])
            #expect(!server.log.contains("k\":"))
        }
    }
}
