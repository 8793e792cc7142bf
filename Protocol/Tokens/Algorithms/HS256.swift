import GatehouseCryptography

/// HMAC with SHA-256 (RFC 7518 §3.2).
struct HS256Key: AlgorithmKey {
    private let key: HMACKey

    init(_ jwk: JWK) throws(JWKError) {
        guard let material = jwk.material as? SharedSecret else { throw .wrongAlgorithm(JWSAlgorithm.hs256.rawValue) }
        // RFC 7518 §3.2: a key as long as the digest, at least.
        guard material.octets.count >= HashAlgorithm.sha256.size else { throw .tooShort }
        key = HMACKey(.sha256, secret: material.octets)
    }

    func sign(_ message: [UInt8]) -> [UInt8] { key.code(for: message) }
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool { key.isValid(signature, for: message) }
}
