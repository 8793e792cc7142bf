import Foundation
import GatehouseJSON
import GatehouseTestSupport
import Testing

@Suite("gatehouse-client", .timeLimit(.minutes(2)))
struct ClientTests {
    @Test("sets an address and resolves it")
    func setsAndResolves() async throws {
        try await withServer { server in
            let set = try await Program.client.run(
                [
                    "set-address", "alice$a.test", Address.legacy.text, "--type", "100", "--password-file", "-",
                    "--server", server.url,
                ], input: TestStore.password + "\n")
            #expect(set.code == 0 && set.errors.isEmpty, "\(set)")
            #expect(set.output.contains(Address.legacy.text) && !set.output.contains(TestStore.password))

            let all = try await resolve("alice$a.test", at: server)
            #expect(all.code == 0 && all.output == "100  \(Address.legacy.text)\n", "\(all)")
            let one = try await resolve("alice$a.test", "--type", "100", at: server)
            #expect(one.code == 0 && one.output == all.output)
            let json = try await resolve("alice$a.test", "--json", at: server)
            #expect(
                try JSONValue(parsing: Array(json.output.utf8))
                    == [["address_type": 100, "address": .string(Address.legacy.text), "extensions": [:]]])
            let password = try TemporaryFolder()
            let file = try password.write(TestStore.password + "\n", to: "password").path
            let second = try await Program.client.run([
                "set-address", "alice$a.test", Address.nano.text, "--type", "300", "--password-file", file, "--server",
                server.url,
            ])
            #expect(second.code == 0, "\(second)")
            #expect(try await resolve("alice$a.test", at: server).output.split(separator: "\n").count == 2)
        }
    }

    @Test("what the server refuses, and an alias without addresses, is exit code 1")
    func refused() async throws {
        try await withServer { server in
            let none = try await resolve("alice$a.test", at: server)
            #expect(none.code == 1 && none.output.isEmpty && none.errors.contains("has no address"), "\(none)")
            let unknown = try await resolve("nobody$a.test", at: server)
            #expect(unknown.code == 1 && unknown.errors.contains("unknown_alias"), "\(unknown)")
            let malformed = try await resolve("nobody", at: server)
            #expect(malformed.code == 1 && malformed.errors.contains("invalid_alias"), "\(malformed)")
            let mistyped = try await Program.client.run(
                [
                    "set-address", "alice$a.test", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "--type", "100",
                    "--password-file", "-", "--server", server.url,
                ], input: TestStore.password)
            #expect(mistyped.code == 1 && mistyped.errors.contains("invalid_address"), "\(mistyped)")
            let wrong = try await Program.client.run(
                [
                    "set-address", "alice$a.test", Address.legacy.text, "--type", "100", "--password-file", "-",
                    "--server", server.url,
                ], input: "the wrong harbour 9")
            #expect(wrong.code == 1 && wrong.errors.contains("invalid_credentials"), "\(wrong)")
            #expect(!wrong.errors.contains("harbour"))
            #expect(try await resolve("alice$a.test", at: server).code == 1, "nothing was set")
        }
    }

    @Test("a server that cannot be reached is exit code 1")
    func unreachable() async throws {
        let url = try await withStore { store in
            let server = try await store.start()
            #expect(try await server.stop() == 0)
            return server.url
        }
        let run = try await Program.client.run(["resolve", "alice$a.test", "--server", url])
        #expect(run.code == 1 && run.output.isEmpty && run.errors.hasPrefix("gatehouse-client: "), "\(run)")
    }

    @Test(
        "a mistake in the usage is exit code 2",
        arguments: [
            ["walk"], ["resolve"], ["resolve", "alice$a.test", "--server", "nowhere"],
            ["resolve", "alice$a.test", "--server", "ftp://a.test"],
            ["resolve", "alice$a.test", "--server", "https://a.test", "--type", "many"],
            ["set-address", "alice$a.test", "--type", "100", "--server", "https://a.test"],
            ["set-address", "alice$a.test", "x", "--type", "100", "--server", "https://a.test"],
            [
                "set-address", "alice$a.test", "x", "--type", "100", "--server", "https://a.test", "--password-file",
                "missing",
            ],
        ])
    func usage(arguments: [String]) async throws {
        let run = try await Program.client.run(arguments)
        #expect(run.code == 2 && run.output.isEmpty && !run.errors.isEmpty, "\(run)")
    }

    private func resolve(_ arguments: String..., at server: ServerProcess) async throws -> Program.Ended {
        try await Program.client.run(["resolve"] + arguments + ["--server", server.url])
    }

    private func withServer(_ body: (ServerProcess) async throws -> Void) async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            try await body(try await store.start())
        }
    }
}
