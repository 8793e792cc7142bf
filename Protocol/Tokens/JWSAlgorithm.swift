/// A signature algorithm of RFC 7518 §3.1 or RFC 8037. A new one is a file under `Algorithms/` and a line in each switch here.
public enum JWSAlgorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case edDSA = "EdDSA"

    /// The algorithm that a key without `alg` is for.
    static func natural(for jwk: JWK) -> JWSAlgorithm {
        switch jwk.material {
        case .secret: .hs256
        case .ed25519: .edDSA
        }
    }

    /// - Throws: `JWKError.wrongAlgorithm` when the key is of another kind, `.tooShort`.
    func key(from jwk: JWK) throws(JWKError) -> any AlgorithmKey {
        switch self {
        case .hs256: try HS256Key(jwk)
        case .edDSA: try EdDSAKey(jwk)
        }
    }
}

/// A key bound to the one algorithm that it is for (RFC 8725 §3.1).
protocol AlgorithmKey: Sendable {
    /// - Throws: `JWKError.notPrivate` when only the public half is there.
    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8]
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool
}
