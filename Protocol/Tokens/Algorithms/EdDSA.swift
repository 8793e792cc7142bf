import GatehouseCryptography

extension JWSAlgorithm {
    /// Ed25519 (RFC 8037 §3.1).
    public static let edDSA = JWSAlgorithm("EdDSA") {
        Ed25519Pair.generate()
    } bind: {
        ($0 as? Ed25519Pair).map(EdDSASignature.init)
    }
}

private struct EdDSASignature: AlgorithmKey {
    let pair: Ed25519Pair

    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8] {
        guard let privateKey = pair.privateKey else { throw .notPrivate }
        do { return try privateKey.sign(message) } catch { throw .malformed(error.description) }
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool { pair.publicKey.isValid(signature, for: message) }
}
