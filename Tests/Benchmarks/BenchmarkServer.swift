import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehousePasswords
import GatehouseSQLite
import Logging
import ServiceLifecycle
import WebTokens

struct BenchmarkServer {
    let url: String
    let database: SQLiteDatabase
    /// For files of the benchmark.
    let folder: URL
}

/// The product's server in this process, on a store of its own, for the time of `measure`.
///
/// - Parameters:
///   - signingKey: nil where no token is issued.
///   - prepare: fills the store and adds routes.
func withBenchmarkServer<T>(
    signingKey: SigningKey? = nil, prepare: (Features, inout RouteTable) async throws -> Void,
    measure: (BenchmarkServer) async throws -> T
) async throws -> T {
    try await withTemporaryFolder { folder in
        let database = try SQLiteDatabase(path: folder.appending(path: "gatehouse.db").path)
        _ = try await database.migrate(Schema.migrations)
        var settings = Settings()
        settings.port = 0
        let clock = Clock { Int64(Date.now.timeIntervalSince1970 * 1_000_000) }
        let masterKey = try SealingKey(SystemRandom.bytes(32))
        let features = Features(
            settings: settings, database: database, passwords: PasswordHasher(), masterKey: masterKey,
            signingKeys: SigningKeys(
                settings: settings, database: database, masterKey: masterKey, given: signingKey, clock: clock),
            delivery: nil, clock: clock)
        var routes = RouteTable(features)
        try await prepare(features, &routes)

        let (urls, readiness) = AsyncStream.makeStream(of: String.self)
        let quiet = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
        let server = GatehouseServer(
            settings: settings, features: features, routes: routes, database: database, certificates: nil, clock: clock,
            logger: quiet
        ) { readiness.yield($0) }
        let group = ServiceGroup(configuration: .init(services: [server], logger: quiet))
        let running = Task { try await group.run() }
        guard let url = await urls.first(where: { _ in true }) else { throw CancellationError() }
        let result = try await measure(BenchmarkServer(url: url, database: database, folder: folder))
        await group.triggerGracefulShutdown()
        try await running.value
        await database.close()
        return result
    }
}
