import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseClient

/// The built program, as a person who signs in calls it.
@Suite("The command gatehouse-client for whoever is signed in", .timeLimit(.minutes(1)))
struct SignInCommandTests {
    private let folder: Folder
    private let file: String

    init() throws {
        folder = try Folder([:])
        file = folder.path("credential")
    }

    private static let sessions = #"""
        {"items":[{"id":"s-1","created":"2026-11-20T08:00:00Z","last_used":"2026-11-21T08:00:00.25Z","expires":"2026-12-20T08:00:00Z"},{"id":"s-2","created":"2026-11-20T09:00:00Z","expires":"2026-12-20T09:00:00Z"}],"next":null}
        """#

    /// Signs anybody in whose password is right, to session s-1.
    private func server() throws -> ScriptedServer {
        try ScriptedServer { request in
            switch "\(request.method) \(request.target)" {
            case "POST /api/security/login":
                request.bodyText.contains("hunter") ? Self.signedIn : .refusal(401, "invalid_credentials")
            case "GET /api/sessions": .json(Self.sessions)
            case "DELETE /api/sessions/s-2", "POST /api/password": .http(204)
            case "POST /api/revoke", "PUT /v1/addresses", "DELETE /v1/addresses/100": .json("{}")
            default: .refusal(404, "not_found")
            }
        }
    }

    private static let signedIn: ScriptedServer.Answer = {
        // {"sid":"s-1"}
        let token = "e30.eyJzaWQiOiJzLTEifQ.e30"
        return .json(
            #"{"token":"\#(token)","ttl":900,"starts":4000000000,"expires":4000000900,"refresh_token":"secret-r"}"#)
    }()

    private func login(_ server: ScriptedServer, _ password: String = "hunter2", more: [String] = []) async throws
        -> Ended
    {
        try await program(
            [
                "login", "alice$example.org", "--server", server.url, "--credential-file", file, "--password-file", "-",
            ] + more, input: password + "\n")
    }

    private func signedIn(_ arguments: String..., input: String = "") async throws -> Ended {
        try await program(arguments + ["--credential-file", file], input: input)
    }

    @Test("signs in, says who is signed in, lists and ends sessions, signs out")
    func wholeStay() async throws {
        let server = try server()
        let login = try await login(server)
        let words = "Signed in to \(server.url) as alice$example.org. The sign-in is kept in \(file).\n"
        #expect(login == Ended(code: 0, output: words, errors: ""))
        #expect(
            try await signedIn("whoami")
                == Ended(
                    code: 0,
                    output: "alice$example.org at \(server.url), until 2026-12-20T08:00:00Z at the latest\n", errors: ""
                ))
        #expect(
            try await signedIn("whoami", "--json").output
                == #"{"name":"alice$example.org","server":"\#(server.url)","session":"s-1"}"# + "\n")
        #expect(try await signedIn("token").output == "e30.eyJzaWQiOiJzLTEifQ.e30\n")
        #expect(
            try await signedIn("sessions").output == """
                * s-1  2026-11-20T08:00:00Z  2026-12-20T08:00:00Z
                  s-2  2026-11-20T09:00:00Z  2026-12-20T09:00:00Z

                """)
        let json = try await signedIn("sessions", "--json").output
        #expect(json.hasPrefix(#"[{"created":"2026-11-20T08:00:00Z","current":true,"expires":"2026-12-20T08:00:00Z""#))
        #expect(json.contains(#""id":"s-1","last_used":"2026-11-21T08:00:00Z"}"#))
        #expect(
            try await signedIn("end-session", "s-2")
                == Ended(code: 0, output: "The session s-2 has ended.\n", errors: ""))
        #expect(try await signedIn("logout").output == "Signed out of \(server.url), alice$example.org.\n")
        #expect(server.requests.last?.bodyText == "token=secret-r")
        #expect(try folder.names() == ["credential.lock"])
    }

    @Test("whoever is signed in as an alias changes its addresses without a password, and nobody else's")
    func addresses() async throws {
        let server = try server()
        _ = try await login(server)
        let set = try await signedIn("set-address", "Alice$example.org", "1A", "--type", "100")
        #expect(set == Ended(code: 0, output: "Alice$example.org resolves to 1A (type 100).\n", errors: ""))
        let deleted = try await signedIn("delete-address", "alice$example.org", "--type", "100")
        #expect(deleted.code == 0, "\(deleted)")
        #expect(
            server.requests.suffix(2).map { $0.header("Authorization") }
                == Array(repeating: "Bearer e30.eyJzaWQiOiJzLTEifQ.e30", count: 2))
        let count = server.requests.count
        let other = try await signedIn("set-address", "bob$example.org", "1A", "--type", "100")
        #expect(other.code == 2 && other.errors.contains("--server is needed"), "\(other)")
        #expect(server.requests.count == count)
    }

    @Test("a password is changed, and the sign-in goes on with the new one")
    func changePassword() async throws {
        let server = try server()
        _ = try await login(server)
        let new = try Folder(["new": "hunter3\n"])
        let run = try await signedIn(
            "change-password", "--password-file", "-", "--new-password-file", new.path("new"), input: "hunter2\n")
        #expect(
            run
                == Ended(
                    code: 0, output: "alice$example.org has a new password. All other sessions have ended.\n",
                    errors: ""))
        let sent = server.requests.suffix(2)
        #expect(sent.map(\.target) == ["/api/password", "/api/security/login"])
        #expect(sent.first?.bodyText == #"{"old":"hunter2","new":"hunter3"}"#)
        #expect(sent.last?.bodyText.contains("hunter3") == true)
    }

    @Test("without a sign-in everything says how to sign in", arguments: ["whoami", "token", "sessions", "logout"])
    func notSignedIn(command: String) async throws {
        let run = try await signedIn(command)
        #expect(
            run
                == Ended(
                    code: 1, output: "",
                    errors: "gatehouse-client: Nobody is signed in.\nSign in with: gatehouse-client login\n"))
    }

    @Test("a wrong password keeps nothing and shows nothing of it")
    func wrongPassword() async throws {
        let run = try await login(try server(), "wrong")
        #expect(run == Ended(code: 1, output: "", errors: "gatehouse-client: no (invalid_credentials)\n"))
        #expect(try folder.names() == [])
    }

    @Test("a file that others may read is refused with the remedy")
    func exposed() async throws {
        _ = try await login(try server())
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        let run = try await signedIn("token")
        #expect(run.code == 1 && run.errors.contains("chmod 600 '\(file)'"))
    }

    @Test("the default file is in the folder for configuration, which is made for its owner alone")
    func defaultFile() async throws {
        let server = try server()
        for variable in ["XDG_CONFIG_HOME", "HOME"] {
            let home = try Folder([:])
            let login = try await program(
                ["login", "a", "--server", server.url, "--password-file", "-"], input: "hunter2",
                environment: [variable: home.path("x")])
            #expect(login.code == 0, "\(login)")
            let folder = home.path(variable == "HOME" ? "x/.config/gatehouse" : "x/gatehouse")
            let mode = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int
            #expect(mode == 0o700)
            #expect(try await program(["token"], environment: [variable: home.path("x")]).code == 0)
        }
    }

    @Test(
        "what is asked wrongly is exit code 2 with a reason",
        arguments: [
            ["login"], ["login", "a"], ["login", "a", "--server", "https://a.test"],
            ["login", "a", "--server", "https://a.test", "--password", "x"],
            ["login", "a", "--server", "https://a.test", "--password-file", "-", "--prefix", "x"],
            ["end-session"], ["token", "--server", "https://a.test"],
            ["change-password", "--password-file", "-", "--new-password-file", "-"],
        ])
    func usage(arguments: [String]) async throws {
        let run = try await program(arguments)
        #expect(run.code == 2 && run.output.isEmpty && !run.errors.isEmpty, "\(run)")
    }
}
