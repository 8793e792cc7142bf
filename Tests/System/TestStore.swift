import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Works on a store of its own, and ends every server that was started on it.
func withStore<Value>(_ body: (TestStore) async throws -> Value) async throws -> Value {
    let store = try TestStore()
    let result: Result<Value, any Error>
    do { result = .success(try await body(store)) } catch { result = .failure(error) }
    await store.end()
    return try result.get()
}

/// A fresh folder with a store in it, set up through the command line as operators do it.
final class TestStore: Sendable {
    /// Good for every account that a test makes.
    static let password = "the quiet harbour 7"

    struct CommandFailed: Error {
        let arguments: [String]
        let ended: Program.Ended
    }

    let folder: TemporaryFolder
    private let servers = Mutex<[ServerProcess]>([])

    init() throws { folder = try TemporaryFolder() }

    var database: String { folder.path("store.db") }

    /// Starts a server on this store.
    ///
    /// - Throws: `ServerProcess.DidNotStart`.
    func start(
        _ flags: [String] = [], environment: [String: String] = [:], shell: String? = nil
    ) async throws -> ServerProcess {
        let server = try await ServerProcess(
            try await Program.gatehouse.start(
                ["serve", "--port", "0", "--database", database] + flags, in: folder, environment: environment,
                shell: shell))
        servers.withLock { $0.append(server) }
        return server
    }

    func end() async {
        for server in servers.withLock({ $0 }) { _ = try? await server.kill() }
    }

    // MARK: The command line, also beside a running server

    /// `gatehouse …` on this store, whatever its exit code.
    func command(_ arguments: [String], input: String? = nil) async throws -> Program.Ended {
        try await Program.gatehouse.run(arguments + ["--database", database], input: input)
    }

    /// `gatehouse …`, which has to succeed.
    ///
    /// - Returns: its output, without the line break at the end.
    @discardableResult
    func gatehouse(_ arguments: String..., input: String? = nil) async throws -> String {
        let ended = try await command(arguments, input: input)
        guard ended.code == 0 else { throw CommandFailed(arguments: arguments, ended: ended) }
        return ended.output.trimmingCharacters(in: .newlines)
    }

    /// Hosts a domain.
    ///
    /// - Returns: its secret.
    @discardableResult
    func addDomain(_ name: String, hosts: [String] = [], owner: String? = nil) async throws -> String {
        let arguments =
            ["domain", "add", name] + hosts.flatMap { ["--host", $0] } + (owner.map { ["--owner", $0] } ?? [])
        let ended = try await command(arguments)
        guard ended.code == 0 else { throw CommandFailed(arguments: arguments, ended: ended) }
        return ended.output.trimmingCharacters(in: .newlines)
    }

    func addAccount(_ name: String) async throws {
        try await gatehouse("user", "add", name, "--password-file", "-", input: Self.password + "\n")
    }

    func addAdmin(_ name: String = "admin@a.test") async throws {
        try await gatehouse("init", "--username", name, "--password-file", "-", input: Self.password + "\n")
    }
}

/// A running `gatehouse serve`, and a client that knows nothing but HTTP.
final class ServerProcess: Sendable {
    struct DidNotStart: Error { let ended: Program.Ended }

    let url: String
    private let program: RunningProgram
    private let transport = CurlTransport()

    fileprivate init(_ program: RunningProgram) async throws {
        self.program = program
        let ready = "Gatehouse is ready at "
        var url: String?
        try await wait(for: "the line that says that the server is ready") {
            guard program.isRunning else {
                let code = try await program.end()
                throw DidNotStart(ended: Program.Ended(code: code, output: program.output, errors: program.errors))
            }
            url = program.output.split(separator: "\n").first { $0.hasPrefix(ready) }
                .map { String($0.dropFirst(ready.count)) }
            return url != nil
        }
        self.url = url ?? ""
    }

    var port: UInt16 { url.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }
    var log: String { program.errors }
    var output: String { program.output }
    var isRunning: Bool { program.isRunning }

    func send(_ signal: Int32) { program.send(signal) }

    /// SIGTERM, and waits.
    func stop() async throws -> Int32 {
        program.send(SIGTERM)
        return try await program.end()
    }

    /// SIGKILL, and waits.
    @discardableResult
    func kill() async throws -> Int32 {
        program.send(SIGKILL)
        return try await program.end()
    }

    /// The exit code, when it has ended by itself.
    func end() async throws -> Int32 { try await program.end() }

    // MARK: Requests

    func send(
        _ method: HTTPRequest.Method, _ target: String, bearer: String? = nil, json: JSONValue? = nil,
        transport: CurlTransport? = nil, change: (inout TransferRequest) -> Void = { _ in }
    ) async throws -> TransferResponse {
        var request = TransferRequest(method: method, url: url + target, body: json?.bytes())
        if let bearer { request.headers.append(("Authorization", "Bearer \(bearer)")) }
        if json != nil { request.headers.append(("Content-Type", "application/json")) }
        change(&request)
        for _ in 0..<30 {
            let answer = try await (transport ?? self.transport).send(request)
            // So many tests sign in at once that one may be told to come back, as any client would be.
            guard answer.outcome == "503 overloaded" else { return answer }
            try await Task.sleep(for: .seconds(1))
        }
        return try await (transport ?? self.transport).send(request)
    }

    func signIn(_ name: String, _ password: String = TestStore.password) async throws -> TransferResponse {
        try await send(.post, "/v1/auth", json: ["alias": .string(name), "password": .string(password)])
    }

    struct NoToken: Error { let response: TransferResponse }

    func token(_ name: String, _ password: String = TestStore.password) async throws -> String {
        let response = try await signIn(name, password)
        guard response.status == 200, let token = response.json?["jwt"]?.string else {
            throw NoToken(response: response)
        }
        return token
    }

    func logIn(_ name: String, refreshToken: Bool = false) async throws -> TransferResponse {
        try await send(
            .post, "/api/security/login",
            json: [
                "login": .string(name), "password": .string(TestStore.password), "refresh_token": .bool(refreshToken),
            ])
    }

    func renew(_ presented: String, key: String? = nil) async throws -> TransferResponse {
        try await send(.post, "/api/security/renew", bearer: presented) { request in
            if let key { request.headers.append(("Idempotency-Key", key)) }
        }
    }

    func setAddress(
        _ address: Address = .legacy, bearer: String?, extensions: JSONValue? = nil
    ) async throws -> TransferResponse {
        var members: [JSONValue.Member] = [
            .init(name: "address_type", value: .number(JSONNumber(address.type))),
            .init(name: "address", value: .string(address.text)),
        ]
        if let extensions { members.append(.init(name: "extensions", value: extensions)) }
        return try await send(.put, "/v1/addresses", bearer: bearer, json: .object(members))
    }

    func lookUp(_ alias: String) async throws -> TransferResponse {
        try await send(.get, "/v1/addresses?alias=\(alias)")
    }
}

/// A valid payment address of some type.
struct Address: Sendable {
    let type: Int64
    let text: String

    static let legacy = Address(type: 100, text: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2")
    static let nano = Address(
        type: 300, text: "nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3")
}

extension TransferResponse {
    var json: JSONValue? { try? JSONValue(parsing: body) }

    /// The status with the word of the refusal, such as `401 invalid_token`.
    var outcome: String { header("Error-Code").map { "\(status) \($0)" } ?? "\(status)" }
}
