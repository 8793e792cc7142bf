import GatehouseCryptography

/// What the HMAC algorithms share (RFC 7518 §3.2).
struct HMACSignature: AlgorithmKey {
    private let key: HMACKey

    /// - Returns: nil unless it is a shared secret.
    init?(_ material: any KeyMaterial, _ hash: HashAlgorithm) throws(JWKError) {
        guard let secret = material as? SharedSecret else { return nil }
        // RFC 7518 §3.2: a key as long as the digest, at least.
        guard secret.octets.count >= hash.size else { throw .tooShort(minimumBits: hash.size * 8) }
        key = HMACKey(hash, secret: secret.octets)
    }

    func sign(_ message: [UInt8]) -> [UInt8] { key.code(for: message) }
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool { key.isValid(signature, for: message) }
}

extension JWSAlgorithm {
    /// HMAC with one of the hash functions; new keys are as long as its digest.
    static func hmac(_ name: String, _ hash: HashAlgorithm) -> JWSAlgorithm {
        JWSAlgorithm(name) {
            SharedSecret.generate(octets: hash.size)
        } bind: { material throws(JWKError) in
            try HMACSignature(material, hash)
        }
    }
}
