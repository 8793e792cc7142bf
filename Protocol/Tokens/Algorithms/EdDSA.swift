import GatehouseCryptography

/// Ed25519 (RFC 8037 §3.1).
struct EdDSAKey: AlgorithmKey {
    private let pair: Ed25519Pair

    init(_ jwk: JWK) throws(JWKError) {
        guard let pair = jwk.material as? Ed25519Pair else { throw .wrongAlgorithm(JWSAlgorithm.edDSA.rawValue) }
        self.pair = pair
    }

    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8] {
        guard let privateKey = pair.privateKey else { throw .notPrivate }
        do { return try privateKey.sign(message) } catch { throw .malformed(error.description) }
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool { pair.publicKey.isValid(signature, for: message) }
}
