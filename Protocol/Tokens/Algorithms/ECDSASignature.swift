import GatehouseCryptography

/// What the ECDSA algorithms share (RFC 7518 §3.4): each is for one curve.
struct ECDSASignature: AlgorithmKey {
    private let pair: EllipticCurvePair
    private let hash: HashAlgorithm

    /// - Returns: nil unless it is a key of the curve.
    init?(_ material: any KeyMaterial, _ curve: ECDSA.Curve, _ hash: HashAlgorithm) {
        guard let pair = material as? EllipticCurvePair, pair.publicKey.curve == curve else { return nil }
        self.pair = pair
        self.hash = hash
    }

    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8] {
        guard let privateKey = pair.privateKey else { throw .notPrivate }
        do { return try privateKey.sign(message, hash: hash) } catch { throw .malformed(error.description) }
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        pair.publicKey.isValid(signature, for: message, hash: hash)
    }
}

extension JWSAlgorithm {
    static func ecdsa(_ name: String, _ curve: ECDSA.Curve, _ hash: HashAlgorithm) -> JWSAlgorithm {
        JWSAlgorithm(name) {
            EllipticCurvePair.generate(curve)
        } bind: {
            ECDSASignature($0, curve, hash)
        }
    }
}
