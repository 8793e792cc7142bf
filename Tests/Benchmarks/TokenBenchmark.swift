import Foundation
import WebTokens

/// Verifications a second on one core, each against libcrypto alone doing the same to the same number of octets.
///
/// - Parameter seconds: how long each loop runs, all its turns together.
func tokenBenchmarks(seconds: Double) throws -> [Row] {
    let rounds = 4
    let now: Int64 = 1_800_000_000
    // As long as the tokens that we make.
    let payload = Array(
        """
        {"iss":"https://id.example.test","aud":"https://id.example.test","sub":"k8J0pWk1kM3d9yZ0aVQ4aA",\
        "iat":1799999990,"nbf":1799999990,"exp":1800000900,"jti":"m0w8v7QhS5O2q4mVb1xR6g",\
        "sid":"9rXhYd2sR4uLq0nT6wKcFg","scope":"alias","identity":"k8J0pWk1kM3d9yZ0aVQ4aA","login":"alice$a.test"}
        """.utf8)
    return try [JWSAlgorithm.hs256, .edDSA, .es256, .rs256].flatMap { algorithm throws in
        let key = try SigningKey(JWK.generate(for: algorithm))
        let token = try JWS.sign(payload, type: "at+jwt", with: key)
        let keys = KeySet([key.verificationKey])
        let signed = token.utf8.split(separator: UInt8(ascii: ".")).dropLast().joined(separator: [UInt8(ascii: ".")])
        let bare = BareKey(try BareKey.Kind(algorithm), Array(signed))
        func verifier() -> TokenVerifier {
            TokenVerifier(
                keys: keys, type: "at+jwt", issuer: "https://id.example.test", audience: "https://id.example.test",
                leewaySeconds: 0)
        }
        let known = verifier()
        var (reference, first, again) = (0.0, 0.0, 0.0)
        for _ in 0..<rounds {
            let share = seconds / Double(rounds)
            reference += perSecond(share) { bare.verifies() } / Double(rounds)
            // A verifier remembers what it has verified, so each look is by a new one.
            first += perSecond(share) { (try? verifier().verify(token, nowSeconds: now)) != nil } / Double(rounds)
            again += perSecond(share) { (try? known.verify(token, nowSeconds: now)) != nil } / Double(rounds)
        }
        let name = algorithm.rawValue
        let tool = algorithm == .hs256 ? "bare HMAC" : "bare libcrypto"
        return [
            Row(
                name: "verify \(name) token / \(tool)", value: first / reference,
                note: "\(rate(first)) against \(rate(reference)), one core, \(token.utf8.count) octets"),
            Row(
                name: "verify \(name) token seen before / \(tool)", value: again / reference,
                note: "\(rate(again)) against \(rate(reference)), one core"),
        ]
    }
}

extension BareKey.Kind {
    fileprivate init(_ algorithm: JWSAlgorithm) throws {
        switch algorithm {
        case .hs256: self = .hmac
        case .edDSA: self = .ed25519
        case .es256: self = .p256
        case .rs256: self = .rsa
        default: throw CocoaError(.featureUnsupported)
        }
    }
}
