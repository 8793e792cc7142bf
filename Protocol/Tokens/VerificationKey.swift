/// A key that verifies, bound to one algorithm.
public struct VerificationKey: Sendable {
    /// `kid`: the key's own, else its thumbprint.
    public let keyID: String
    /// The one algorithm of this key; a token that names another is refused (RFC 8725 §3.1).
    public let algorithm: JWSAlgorithm

    let key: any AlgorithmKey

    /// What a key is wanted for; `key_ops` must allow it (RFC 7517 §4.3).
    enum Purpose: String {
        case signing = "sign"
        case verifying = "verify"
    }

    /// - Parameter algorithm: must agree with the key's `alg` when it has one. Without either, `oct` means HS256, RSA
    ///   RS256, P-256 ES256, P-384 ES384, P-521 ES512 and Ed25519 EdDSA.
    /// - Throws: `JWKError` when the key is for something else, too short, or cannot carry the algorithm.
    public init(_ jwk: JWK, algorithm: JWSAlgorithm? = nil) throws(JWKError) {
        try self.init(jwk, algorithm: algorithm, purpose: .verifying)
    }

    init(_ jwk: JWK, algorithm wanted: JWSAlgorithm?, purpose: Purpose) throws(JWKError) {
        guard jwk.use == nil || jwk.use == "sig" else { throw .wrongAlgorithm("of any signature: its use is another") }
        // Whoever may sign may look at what was signed.
        let allows =
            jwk.operations.map { $0.contains(purpose.rawValue) || $0.contains(Purpose.signing.rawValue) } ?? true
        guard allows else { throw .wrongAlgorithm("of any signature: its key_ops do not name \(purpose.rawValue)") }
        var named: JWSAlgorithm?
        if let name = jwk.algorithm {
            guard let algorithm = JWSAlgorithm(rawValue: name) else { throw .unsupported("the algorithm \(name)") }
            named = algorithm
        }
        if let named, let wanted, named != wanted { throw .wrongAlgorithm(wanted.rawValue) }
        algorithm = wanted ?? named ?? jwk.material.naturalAlgorithm
        key = try algorithm.key(jwk.material)
        keyID = jwk.keyID ?? jwk.thumbprint()
    }
}

extension VerificationKey: CustomStringConvertible, CustomReflectable {
    /// Names the key and nothing else.
    public var description: String { "VerificationKey(\(keyID), \(algorithm.rawValue))" }
    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
