import CGatehouseOpenSSL
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
        let bare = try BareKey(algorithm, Array(signed))
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

private func perSecond(_ seconds: Double, _ body: () -> Bool) -> Double {
    let start = ContinuousClock.now
    var (count, elapsed) = (0, 0.0)
    while elapsed < seconds {
        for _ in 0..<16 { precondition(body(), "a right signature does not verify") }
        count += 16
        elapsed = (ContinuousClock.now - start) / .seconds(1)
    }
    return Double(count) / elapsed
}

/// A key and a signature of libcrypto's own, used as a C program would. Nobody frees it: the process ends soon.
@safe private struct BareKey {
    private let key: OpaquePointer?
    private let mac: OpaquePointer?
    private let hash: OpaquePointer?
    private let message: [UInt8]
    private let signature: [UInt8]

    init(_ algorithm: JWSAlgorithm, _ message: [UInt8]) throws {
        self.message = message
        if algorithm == .hs256 {
            unsafe (key, hash) = (nil, nil)
            unsafe mac = EVP_MAC_CTX_new(EVP_MAC_fetch(nil, "HMAC", nil))
            let secret = [UInt8](repeating: 7, count: 32)
            precondition(unsafe gatehouse_hmac_init(mac, secret, secret.count, "SHA256") == 1)
            signature = unsafe Self.code(mac, message)
            return
        }
        unsafe mac = nil
        switch algorithm {
        case .edDSA: unsafe key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, Array(1...32), 32)
        case .es256: unsafe key = gatehouse_generate_ec("P-256")
        // As long as those that we make.
        default: unsafe key = gatehouse_generate_rsa(3072)
        }
        unsafe hash = algorithm == .edDSA ? nil : EVP_sha256()
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var (signature, size) = ([UInt8](repeating: 0, count: 512), 512)
        let isSigned =
            unsafe EVP_DigestSignInit(context, nil, hash, nil, key) == 1
            && EVP_DigestSign(context, &signature, &size, message, message.count) == 1
        precondition(isSigned, "libcrypto does not sign")
        self.signature = Array(signature.prefix(size))
    }

    func verifies() -> Bool {
        if unsafe mac != nil { return unsafe Self.code(mac, message) == signature }
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        return unsafe EVP_DigestVerifyInit(context, nil, hash, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    private static func code(_ mac: OpaquePointer?, _ message: [UInt8]) -> [UInt8] {
        var (code, size) = ([UInt8](repeating: 0, count: 32), 0)
        let isDone =
            unsafe EVP_MAC_init(mac, nil, 0, nil) == 1 && EVP_MAC_update(mac, message, message.count) == 1
            && EVP_MAC_final(mac, &code, &size, code.count) == 1
        precondition(isDone)
        return code
    }
}
