/// The signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1). A new one is a file in this folder and two lines here.
///
/// `none` is not among them and never will be (RFC 8725 §3.2).
public enum JWSAlgorithm: String, Sendable, CaseIterable {
    /// HMAC with SHA-256.
    case hs256 = "HS256"
    /// Ed25519.
    case edDSA = "EdDSA"

    var keyType: any AlgorithmKey.Type {
        switch self {
        case .hs256: HS256Key.self
        case .edDSA: EdDSAKey.self
        }
    }
}

/// A key bound to the one algorithm that it is for (RFC 8725 §3.1).
protocol AlgorithmKey: Sendable {
    /// - Throws: `JWKError.wrongAlgorithm` when the key is of another kind, `.tooShort`.
    init(_ jwk: JWK) throws(JWKError)

    /// - Throws: `JWKError.notPrivate` when only the public half is there.
    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8]

    /// False for everything but a right signature of the right length.
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool
}
