import Foundation
import GatehouseClient
import GatehouseTestSupport
import Testing

/// The built program, as a person calls it.
@Suite("The command gatehouse-client", .timeLimit(.minutes(1)))
struct CommandTests {
    private static let signedIn = ScriptedServer.Answer.json(
        String(decoding: TransportResponse.signedIn(until: 4_000_000_000).body, as: UTF8.self))

    @Test("resolve shows the addresses, a line each")
    func resolve() async throws {
        let server = try ScriptedServer { _ in
            .json(
                #"""
                [{"address_type":100,"address":"1A","extensions":{"nickname":"Al"}},{"address_type":300,"address":"nano_1","extensions":{}}]
                """#)
        }
        let run = try await program("resolve", "a$b.test", "--server", server.url)
        #expect(run == Ended(code: 0, output: "100  1A  (Al)\n300  nano_1\n", errors: ""))
        #expect(server.requests.map(\.target) == ["/v1/addresses?alias=a%24b.test"])
    }

    @Test("resolve --type --json shows what the server says about one address")
    func json() async throws {
        let server = try ScriptedServer { _ in
            .json(#"{"address_type":100,"address":"1/\"A\u001b","extensions":{"x":[1.50]}}"#)
        }
        let run = try await program("resolve", "a$b.test", "--type", "100", "--json", "--server", server.url)
        #expect(run.code == 0)
        #expect(run.output == #"[{"address_type":100,"address":"1/\"A\u001b","extensions":{"x":[1.50]}}]"# + "\n")
        #expect(server.requests.map(\.target) == ["/v1/addresses?alias=a%24b.test&address_type=100"])
    }

    @Test("nothing to show is exit code 1 with a reason", arguments: [["--type", "300"], []])
    func nothing(arguments: [String]) async throws {
        let server = try ScriptedServer { $0.target.contains("type") ? .refusal(404, "address_not_set") : .json("[]") }
        let run = try await program(["resolve", "a$b.test", "--server", server.url] + arguments)
        let what = arguments.isEmpty ? "address" : "address of type 300"
        #expect(run == Ended(code: 1, output: "", errors: "gatehouse-client: a$b.test has no \(what).\n"))
    }

    @Test("what a server or an owner wrote cannot steer the terminal")
    func terminal() async throws {
        let server = try ScriptedServer { request in
            request.target.contains("evil")
                ? .json(#"{"message":"\u001b[31mno\r\n\u202e"}"#, status: 404)
                : .json(#"[{"address_type":100,"address":"\u001b]0;x\u0007","extensions":{"nickname":"a\u009b\nb"}}]"#)
        }
        let shown = try await program("resolve", "a$b.test", "--server", server.url)
        #expect(shown.output == #"100  \u{1b}]0;x\u{7}  (a\u{9b}\u{a}b)"# + "\n")
        let refused = try await program("resolve", "evil$b.test", "--server", server.url)
        #expect(refused.errors == #"gatehouse-client: \u{1b}[31mno\u{d}\u{a}\u{202e} (404)"# + "\n")
    }

    @Test("a refusal and an unreachable server are exit code 1 with a reason")
    func failures() async throws {
        let server = try ScriptedServer { _ in .refusal(404, "unknown_alias") }
        let refused = try await program("resolve", "a$b.test", "--server", server.url)
        #expect(refused == Ended(code: 1, output: "", errors: "gatehouse-client: no (unknown_alias)\n"))
        let nobody = try await program(
            "resolve", "a$b.test", "--server", "http://127.0.0.1:\(try ScriptedServer.unusedPort())")
        #expect(nobody.code == 1 && nobody.output.isEmpty)
        #expect(nobody.errors.hasPrefix("gatehouse-client: No answer came: "))
    }

    @Test(
        "what is asked wrongly is exit code 2 with a reason",
        arguments: [
            ["resolve"], ["resolve", "a$b.test", "--insecure-http"],
            ["resolve", "a$b.test", "--dns-server", "ns.test"],
            ["resolve", "a$b.test", "--server", "https://a.test", "--dns-server", "127.0.0.1"],
            ["resolve", "a$b.test", "--server", "https://a.test", "--accept-new-host"],
            ["resolve", "ab.test", "--dns-server", "127.0.0.1:1", "--hosts-file", "/nowhere/hosts.json"],
            ["resolve", "a$b.test", "--server", "nowhere"],
            ["resolve", "a$b.test", "--server", "http://id.example.org"],
            ["resolve", "a$b.test", "--server", "https://a.test", "--type", "x"],
            ["resolve", "a$b.test", "--server", "https://a.test", "--ca-file", "/nowhere"], ["walk"],
            ["set-address", "a$b.test", "1A", "--server", "https://a.test"],
            ["set-address", "a$b.test", "1A", "--type", "100", "--server", "https://a.test"],
            [
                "set-address", "a$b.test", "1A", "--type", "100", "--server", "https://a.test", "--password-file",
                "/nowhere",
            ],
            ["set-address", "a$b.test", "1A", "--type", "100", "--server", "https://a.test", "--password-file", "-"],
            ["set-address", "a$b.test", "1A", "--type", "100", "--server", "https://a.test", "--password", "x"],
        ])
    func usage(arguments: [String]) async throws {
        let run = try await program(arguments)
        #expect(run.code == 2 && run.output.isEmpty && !run.errors.isEmpty)
    }

    @Test("set-address without --server says that it is needed")
    func noServer() async throws {
        let run = try await program("set-address", "a$b.test", "1A", "--type", "100", "--password-file", "-")
        #expect(run.code == 2 && run.errors.contains("--server is needed."))
    }

    @Test(
        "set-address signs in with the first line of a file, as it is, and sets the address",
        arguments: [
            ("hunter2\n", "hunter2"), ("hunter2", "hunter2"), ("hunter2\r\nmore\n", "hunter2"),
            (" a\tb\u{85}c \n", " a\tb\u{85}c "),
        ])
    func setAddress(file: String, password: String) async throws {
        let server = try ScriptedServer { $0.target == "/v1/auth" ? Self.signedIn : .json("{}") }
        for name in ["-", "file"] {
            let folder = try Folder(["password": file])
            let run = try await program(
                [
                    "set-address", "a$b.test", "--type", "100", "1A", "--server", server.url, "--password-file",
                    name == "-" ? "-" : folder.path("password"),
                ], input: name == "-" ? file : "")
            #expect(run == Ended(code: 0, output: "a$b.test resolves to 1A (type 100).\n", errors: ""))
            let sent = server.requests.suffix(2)
            #expect(sent.map(\.target) == ["/v1/auth", "/v1/addresses"])
            let credential = try JSONDecoder().decode([String: String].self, from: Data(try #require(sent.first).body))
            #expect(credential["password"].map { Array($0.utf8) } == Array(password.utf8))
            #expect(sent.last?.bodyText == #"{"address_type":100,"address":"1A"}"#)
        }
    }

    @Test("delete-address takes an address away")
    func deleteAddress() async throws {
        let server = try ScriptedServer { $0.target == "/v1/auth" ? Self.signedIn : .json("{}") }
        let run = try await program(
            ["delete-address", "a$b.test", "--type", "300", "--server", server.url, "--password-file", "-"],
            input: "p\n")
        #expect(run == Ended(code: 0, output: "a$b.test has no address of type 300 any more.\n", errors: ""))
        #expect(server.requests.map { "\($0.method) \($0.target)" } == ["POST /v1/auth", "DELETE /v1/addresses/300"])
    }

    @Test("a wrong password is exit code 1, and is not shown")
    func wrongPassword() async throws {
        let server = try ScriptedServer { _ in .refusal(401, "invalid_credentials") }
        let run = try await program(
            ["set-address", "a$b.test", "--type", "100", "1A", "--server", server.url, "--password-file", "-"],
            input: "hunter2\n")
        #expect(run == Ended(code: 1, output: "", errors: "gatehouse-client: no (invalid_credentials)\n"))
    }
}
