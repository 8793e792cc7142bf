import Foundation
import GatehouseCore
import GatehouseJSON
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseSQLite
import GatehouseStorage
import GatehouseTransfer
import HTTPTypes
import Logging
import ServiceLifecycle
import WebTokens

/// A whole server on a loopback port, asked through libcurl by the same process.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func serverBenchmarks(seconds: Double) async throws -> [(name: String, ratio: Double, note: String)] {
    let directory = FileManager.default.temporaryDirectory.appending(path: "gatehouse-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    let database = try SQLiteDatabase(path: directory.appending(path: "gatehouse.db").path)
    _ = try await database.migrate(Schema.migrations)
    var settings = Settings()
    settings.port = 0
    let features = try Features(
        settings: settings, database: database, passwords: PasswordHasher(),
        signingKey: try SigningKey(.generate(.oct)),
        clock: Clock { Int64(Date.now.timeIntervalSince1970 * 1_000_000) })
    _ = try await features.domains.add(try DomainName("bench.test"))
    let alias = try Alias("bench$bench.test")
    let password = "correct horse battery"
    try await features.accounts.create(
        email: nil, alias: alias, password: try features.accounts.checkNewPassword(password, for: []))

    let (urls, readiness) = AsyncStream.makeStream(of: String.self)
    let server = try GatehouseServer(
        settings: settings, features: features, database: database,
        clock: Clock { Int64(Date.now.timeIntervalSince1970 * 1_000_000) },
        logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
    ) { readiness.yield($0) }
    let group = ServiceGroup(
        configuration: .init(services: [server], logger: Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }))
    let running = Task { try await group.run() }
    guard let url = await urls.first(where: { _ in true }) else { throw CancellationError() }
    let load = Load(url: url, database: database)
    let rows = try await load.run(alias: alias.text, password: password, seconds: seconds)
    await group.triggerGracefulShutdown()
    try await running.value
    await database.close()
    return rows
}

private struct Load {
    let url: String
    let database: SQLiteDatabase
    let transport = CurlTransport(maximumConnections: 64)

    private static let address = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

    func run(alias: String, password: String, seconds: Double) async throws -> [(
        name: String, ratio: Double, note: String
    )] {
        var signIn = TransferRequest(method: .post, url: url + "/v1/auth")
        signIn.body = Array("{\"alias\":\"\(alias)\",\"password\":\"\(password)\"}".utf8)
        signIn.headers = [("Content-Type", "application/json")]
        let token = try JSONValue(parsing: try await transport.send(signIn).body)["jwt"]?.string ?? ""
        var put = TransferRequest(method: .put, url: url + "/v1/addresses")
        put.headers = [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")]
        put.body = Array("{\"address_type\":100,\"address\":\"\(Self.address)\"}".utf8)
        let get = TransferRequest(
            method: .get, url: url + "/v1/addresses?alias=\(alias.replacing("$", with: "%24"))")
        let health = TransferRequest(method: .get, url: url + "/health")

        let rounds = 4
        let turn = seconds / Double(rounds)
        var (one, sixteen, perCommit, lookUps, plain) = ([Double](), [Double](), [Double](), [Double](), [Double]())
        for _ in 0..<rounds {
            one.append(try await rate(put, clients: 1, seconds: turn))
            let before = database.statistics
            sixteen.append(try await rate(put, clients: 16, seconds: turn))
            let after = database.statistics
            let commits = max(1, after.commits - before.commits)
            perCommit.append(Double(after.committedTransactions - before.committedTransactions) / Double(commits))
            lookUps.append(try await rate(get, clients: 32, seconds: turn))
            plain.append(try await rate(health, clients: 32, seconds: turn))
        }
        let perSecond = { (rates: [Double]) in String(format: "%.0f/s", rates.median) }
        return [
            (
                "PUT /v1/addresses: 16 clients / 1 client", sixteen.median / one.median,
                "\(perSecond(sixteen)) against \(perSecond(one)); "
                    + String(format: "%.1f", perCommit.median) + " transactions to a commit"
            ),
            (
                "GET /v1/addresses / GET /health, 32 clients", lookUps.median / plain.median,
                "\(perSecond(lookUps)) against \(perSecond(plain)), client in the same process"
            ),
        ]
    }

    /// Answers per second; every one must be a 200.
    private func rate(_ request: TransferRequest, clients: Int, seconds: Double) async throws -> Double {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<clients {
                group.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        let response = try await transport.send(request)
                        precondition(response.status == 200, "the server answered \(response.status)")
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }
}
