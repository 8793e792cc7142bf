import GatehouseJSON
import GatehousePasswords
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Logging
import ServiceLifecycle
import WebTokens

@testable import GatehouseCore

/// A whole server on a loopback port of its own.
struct RunningServer {
    let url: String
    let fixture: Fixture
    let transport = CurlTransport(maximumConnections: 64)

    var port: UInt16 { url.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }

    func send(
        _ method: HTTPRequest.Method, _ path: String, _ headers: [(name: String, value: String)] = [],
        body: JSONValue? = nil
    ) async throws -> TransferResponse {
        var request = TransferRequest(method: method, url: url + path, headers: headers)
        request.body = body?.bytes()
        return try await transport.send(request)
    }

    func signIn(
        _ name: String, _ password: String = Fixture.password, _ headers: [(name: String, value: String)] = []
    ) async throws -> TransferResponse {
        try await send(.post, "/v1/auth", headers, body: ["alias": .string(name), "password": .string(password)])
    }
}

/// Serves for the time of `body`, on a store of its own unless one is given.
func withServer(
    on database: (any Database)? = nil, passwords: PasswordHasher? = nil, key: JWK? = .generate(.ed25519),
    limits: ConnectionLimits = ConnectionLimits(),
    _ change: (inout Settings) -> Void = { _ in }, _ body: (RunningServer) async throws -> Void
) async throws {
    let fixture = try await Fixture(database, passwords: passwords, key: key, change)
    let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let (urls, ready) = AsyncStream.makeStream(of: String.self)
    let server = GatehouseServer(
        settings: fixture.settings, features: fixture.features, database: fixture.database, certificates: nil,
        clock: fixture.time.clock, limits: limits, logger: silent
    ) { ready.yield($0) }
    let group = ServiceGroup(configuration: .init(services: [server], logger: silent))
    let running = Task {
        defer { ready.finish() }
        try await group.run()
    }
    guard let url = await urls.first(where: { _ in true }) else {
        try await running.value
        return
    }
    do { try await body(RunningServer(url: url, fixture: fixture)) } catch {
        await group.triggerGracefulShutdown()
        _ = await running.result
        throw error
    }
    await group.triggerGracefulShutdown()
    try await running.value
}
