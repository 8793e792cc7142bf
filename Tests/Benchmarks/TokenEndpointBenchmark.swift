import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehousePasswords
import GatehouseSQLite
import HTTPTypes
import Logging
import ServiceLifecycle
import WebTokens

/// What checking a token costs: an endpoint that does nothing for whoever has a valid one, against the same endpoint for
/// everybody. The routes are of the benchmark; the server around them is the product's.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func tokenEndpointBenchmarks(seconds: Double) async throws -> [Row] {
    var rows: [Row] = []
    for (kind, target) in [(JWK.Kind.oct, "0.85 or more"), (.ed25519, "0.6 or more")] {
        rows.append(try await tokenEndpoint(kind, target: target, seconds: seconds))
    }
    return rows
}

private func tokenEndpoint(_ kind: JWK.Kind, target: String, seconds: Double) async throws -> Row {
    let key = try SigningKey(.generate(kind))
    let nothing = Answer.json(Array("{}".utf8))
    return try await withBenchmarkServer(signingKey: key) { features, routes in
        try await prepare(features)
        routes.on(.get, "/benchmark/anyone", Access<Anyone>.anyone) { _, _ in nothing }
        routes.on(.get, "/benchmark/signed-in", Access<SignedIn>.signedIn(features.callers)) { _, _ in nothing }
    } measure: { server in
        let (url, folder) = (server.url, server.folder)
        let headers = ["Authorization": "Bearer \(try await BenchmarkAccount.signIn(at: url))"]
        // The header goes along to both, so that what differs is the check and not the octets.
        let open = WrkRequest(url: url + "/benchmark/anyone", headers: headers)
        let guarded = WrkRequest(url: url + "/benchmark/signed-in", headers: headers)
        let rounds = 5
        var (unprotected, protected) = ([Double](), [Double]())
        for _ in 0..<rounds {
            unprotected.append(
                try await open.run(connections: 32, seconds: seconds / Double(rounds), in: folder).perSecond)
            protected.append(
                try await guarded.run(connections: 32, seconds: seconds / Double(rounds), in: folder).perSecond)
        }
        return Row(
            name: "endpoint with a valid \(key.algorithm.rawValue) token / without a check",
            // Of neighbours, so that a machine that gets slower meanwhile does not matter.
            value: zip(protected, unprotected).map { $0 / $1 }.median, target: target,
            note: "\(rate(protected.median)) against \(rate(unprotected.median)); 32 clients, one token")
    }
}
