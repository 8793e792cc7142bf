import Foundation
import GatehouseCore
import GatehouseCryptography
import HTTPSignatures

/// Signatures on one core, each against libcrypto alone doing the same to the same octets; a whole request; and requests a
/// second at an endpoint that wants a signature against one that wants none.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func signatureBenchmarks(seconds: Double) async throws -> [Row] {
    var rows: [Row] = []
    let keys: [(BareKey.Kind, SignatureKey)] = [
        (.hmac, try SignatureKey(id: "k", secret: SystemRandom.bytes(32))),
        (.ed25519, try SignatureKey(id: "k", .ed25519Private(.generate()), algorithm: .ed25519)),
        (.p256, try SignatureKey(id: "k", .ecdsaPrivate(.generate(.p256)), algorithm: .ecdsaP256SHA256)),
        (.rsaPSS, try SignatureKey(id: "k", .rsaPrivate(.generate()), algorithm: .rsaPSSSHA512)),
    ]
    for (kind, key) in keys { rows += try signatures(key, kind, seconds: seconds) }
    rows.append(try wholeRequest(keys[0].1, seconds: seconds))
    rows.append(try await signedEndpoint(seconds: seconds))
    return rows
}

private let now: Int64 = 1_800_000_000
private let covered = ["(request-target)", "host", "date"]
private let fields: [(String, String)] = [
    ("Date", "Fri, 15 Jan 2027 08:00:00 GMT"), ("Accept", "*/*"), ("User-Agent", "benchmark/1.0"),
]

private func message(_ authorization: String? = nil) -> SignableMessage {
    .request(
        method: "GET", target: "/hello_someone?a=1", scheme: "http",
        fields: [("Host", "id.example.test")].map { SignableMessage.Field($0.0, $0.1) }
            + fields.map { SignableMessage.Field($0.0, $0.1) }
            + (authorization.map { [SignableMessage.Field("Authorization", $0)] } ?? []))
}

private func signatures(_ key: SignatureKey, _ kind: BareKey.Kind, seconds: Double) throws -> [Row] {
    let rounds = 4
    let unsigned = message()
    let field = try CavageSignature.sign(unsigned, covering: covered, with: key)
    let signature = try CavageSignature(parsing: Array(field.utf8))
    let bare = BareKey(kind, try signature.signingString(of: unsigned))
    var (makes, bareMakes, checks, bareChecks) = (0.0, 0.0, 0.0, 0.0)
    for _ in 0..<rounds {
        let share = seconds / Double(rounds)
        bareMakes += perSecond(share) { bare.signs() } / Double(rounds)
        makes +=
            perSecond(share) { (try? CavageSignature.sign(unsigned, covering: covered, with: key)) != nil }
            / Double(rounds)
        bareChecks += perSecond(share) { bare.verifies() } / Double(rounds)
        checks += perSecond(share) { (try? signature.verify(unsigned, with: key)) != nil } / Double(rounds)
    }
    let name = key.algorithm.rawValue
    return [
        Row(
            name: "make \(name) signature / bare libcrypto", value: makes / bareMakes,
            note: "\(rate(makes)) against \(rate(bareMakes)), one core"),
        Row(
            name: "check \(name) signature / bare libcrypto", value: checks / bareChecks,
            note: "\(rate(checks)) against \(rate(bareChecks)), one core"),
    ]
}

/// From header lines to the verdict, as the server has it to do for each request, but for looking the key up.
private func wholeRequest(_ key: SignatureKey, seconds: Double) throws -> Row {
    let field = try CavageSignature.sign(message(), covering: covered, with: key)
    let policy = SignaturePolicy()
    let headers = fields + [("Authorization", "Signature \(field)")]
    let count = perSecond(seconds) {
        let request = SignableMessage.request(
            method: "GET", target: "/hello_someone?a=1", scheme: "http",
            fields: [SignableMessage.Field("host", "id.example.test")]
                + headers.map { SignableMessage.Field($0.0, $0.1) })
        guard let received = try? ReceivedSignature.all(of: request).first,
            (try? received.verify(request, with: key)) != nil
        else { return false }
        return (try? policy.check(received, of: request, body: .unread([]), now: now)) != nil
    }
    return Row(
        name: "whole signed GET, hmac-sha256, in thousands a second", value: count / 1000, target: "100 or more",
        note: "\(rate(count)), one core, \(covered.count) parts covered, no key looked up")
}

private func signedEndpoint(seconds: Double) async throws -> Row {
    let material = APIKeyMaterial.random()
    let id = "benchmark"
    return try await withBenchmarkServer { features, _ in
        try await prepare(features)
        let account = try await features.accounts.id(of: try AccountName(BenchmarkAccount.alias))
        var plan = APIKeys.Plan()
        plan.id = id
        _ = try await features.keys.add(plan, material, of: account, by: .commandLine)
    } measure: { server in
        let (url, folder) = (server.url, server.folder)
        let key = try SignatureKey(id: id, secret: Array((material.madeSecret ?? "").utf8))
        let date = HTTPDate.text(Int64(Date.now.timeIntervalSince1970))
        func headers(_ target: String) throws -> [String: String] {
            let host = String(url.dropFirst("http://".count))
            let request = SignableMessage.request(
                method: "GET", target: target, scheme: "http",
                fields: [SignableMessage.Field("Host", host), SignableMessage.Field("Date", date)])
            let field = try CavageSignature.sign(request, covering: covered, with: key)
            return ["Date": date, "Authorization": "Signature \(field)"]
        }
        // The header lines go along to both, so that what differs is the check and not the octets.
        let open = WrkRequest(url: url + "/hello_world", headers: try headers("/hello_world"))
        let guarded = WrkRequest(url: url + "/hello_someone", headers: try headers("/hello_someone"))
        let rounds = 5
        var (unsigned, signed) = ([Double](), [Double]())
        for _ in 0..<rounds {
            unsigned.append(
                try await open.run(connections: 32, seconds: seconds / Double(rounds), in: folder).perSecond)
            signed.append(
                try await guarded.run(connections: 32, seconds: seconds / Double(rounds), in: folder).perSecond)
        }
        return Row(
            name: "endpoint with a signature / without a check", value: zip(signed, unsigned).map { $0 / $1 }.median,
            target: "0.7 or more",
            note: "\(rate(signed.median)) against \(rate(unsigned.median)); 32 clients, hmac-sha256, one key")
    }
}
