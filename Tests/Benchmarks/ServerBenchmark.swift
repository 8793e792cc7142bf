import Foundation
import GatehouseCore
import GatehouseOpenCAP
import GatehouseSQLite
import WebTokens

/// The server in this process, so that its commits can be counted, under the load of another: writers that share
/// commits.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func serverBenchmarks(seconds: Double) async throws -> [Row] {
    let key = try SigningKey(.generate(.oct))
    return try await withBenchmarkServer(signingKey: key) { features, _ in
        try await prepare(features)
    } measure: { server in
        [try await writers(server.url, server.database, seconds: seconds, in: server.folder)]
    }
}

func prepare(_ features: Features) async throws {
    _ = try await features.domains.add(try DomainName("bench.test"), by: .commandLine)
    try await features.accounts.create(
        email: nil, alias: try Alias(BenchmarkAccount.alias),
        password: try features.accounts.checkNewPassword(BenchmarkAccount.password, for: []),
        by: .commandLine)
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
