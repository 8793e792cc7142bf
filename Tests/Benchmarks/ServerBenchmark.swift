import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehouseOpenCAP
import GatehousePasswords
import GatehouseSQLite
import Logging
import ServiceLifecycle
import WebTokens

/// The server in this process, so that its commits can be counted, under the load of another: writers that share
/// commits.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func serverBenchmarks(seconds: Double) async throws -> [Row] {
    try await withTemporaryFolder { folder in
        let database = try SQLiteDatabase(path: folder.appending(path: "gatehouse.db").path)
        _ = try await database.migrate(Schema.migrations)
        var settings = Settings()
        settings.port = 0
        let clock = Clock { Int64(Date.now.timeIntervalSince1970 * 1_000_000) }
        let masterKey = try SealingKey(SystemRandom.bytes(32))
        let signingKeys = SigningKeys(
            settings: settings, database: database, masterKey: masterKey, given: try SigningKey(.generate(.oct)),
            clock: clock)
        let features = Features(
            settings: settings, database: database, passwords: PasswordHasher(), masterKey: masterKey,
            signingKeys: signingKeys, clock: clock)
        try await prepare(features)

        let (urls, readiness) = AsyncStream.makeStream(of: String.self)
        let quiet = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
        let server = GatehouseServer(
            settings: settings, features: features, database: database, certificates: nil, clock: clock,
            logger: quiet
        ) { readiness.yield($0) }
        let group = ServiceGroup(configuration: .init(services: [server], logger: quiet))
        let running = Task { try await group.run() }
        guard let url = await urls.first(where: { _ in true }) else { throw CancellationError() }
        let row = try await writers(url, database, seconds: seconds, in: folder)
        await group.triggerGracefulShutdown()
        try await running.value
        await database.close()
        return [row]
    }
}

func prepare(_ features: Features) async throws {
    _ = try await features.domains.add(try DomainName("bench.test"))
    try await features.accounts.create(
        email: nil, alias: try Alias(BenchmarkAccount.alias),
        password: try features.accounts.checkNewPassword(BenchmarkAccount.password, for: []))
}

private func writers(
    _ url: String, _ database: SQLiteDatabase, seconds: Double, in folder: URL
) async throws -> Row {
    let put = BenchmarkAccount.put(to: url, token: try await BenchmarkAccount.signIn(at: url))
    let rounds = 4
    var (one, sixteen, perCommit) = ([Double](), [Double](), [Double]())
    for _ in 0..<rounds {
        one.append(try await put.run(connections: 1, seconds: seconds / Double(rounds), in: folder).perSecond)
        let before = database.statistics
        sixteen.append(try await put.run(connections: 16, seconds: seconds / Double(rounds), in: folder).perSecond)
        let after = database.statistics
        let commits = max(1, after.commits - before.commits)
        perCommit.append(Double(after.committedTransactions - before.committedTransactions) / Double(commits))
    }
    return Row(
        name: "PUT /v1/addresses: 16 clients / 1 client", value: sixteen.median / one.median, target: "4 or more",
        note: "\(rate(sixteen.median)) against \(rate(one.median)); "
            + String(format: "%.1f", perCommit.median) + " transactions to a commit")
}
