import GatehouseCryptography

/// Ed25519 (RFC 8037 §3.1).
struct EdDSAKey: AlgorithmKey {
    private let publicKey: Ed25519.PublicKey
    private let privateKey: Ed25519.PrivateKey?

    init(_ jwk: JWK) throws(JWKError) {
        guard case .ed25519(let bytes, let seed) = jwk.material else {
            throw .wrongAlgorithm(JWSAlgorithm.edDSA.rawValue)
        }
        do {
            publicKey = try Ed25519.PublicKey(bytes)
            privateKey = try seed.map { seed throws(CryptographyError) in try Ed25519.PrivateKey(seed) }
        } catch {
            throw .malformed(error.description)
        }
    }

    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8] {
        guard let privateKey else { throw .notPrivate }
        do { return try privateKey.sign(message) } catch { throw .malformed(error.description) }
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool { publicKey.isValid(signature, for: message) }
}
