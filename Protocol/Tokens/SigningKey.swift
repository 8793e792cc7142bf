import GatehouseJSON

/// A key that signs, bound to one algorithm.
public struct SigningKey: Sendable {
    /// `kid`: the key's own, else its thumbprint.
    public let keyID: String
    /// The one algorithm of this key.
    public let algorithm: JWSAlgorithm
    /// What others need to verify, as a JWK with `kid`, `alg` and `use`; nil for a shared secret, of which nothing may
    /// be shown.
    public let publicJWK: String?
    /// The half that verifies.
    public let verificationKey: VerificationKey

    /// Tells keys apart whatever their `kid` (RFC 7638).
    package let thumbprint: String

    let key: any AlgorithmKey

    /// - Parameter algorithm: must agree with the key's `alg` when it has one. Without either, `oct` means HS256, RSA
    ///   RS256, P-256 ES256, P-384 ES384, P-521 ES512 and Ed25519 EdDSA.
    /// - Throws: `JWKError`: a public key, a short, guessable or published secret, an algorithm that the key cannot
    ///   carry.
    public init(_ jwk: JWK, algorithm: JWSAlgorithm? = nil) throws(JWKError) {
        guard let secret = jwk.material.secret else { throw .notPrivate }
        // First, because a published secret may be short as well, and this answer says more.
        guard !WeakSecrets.isPublished(secret), !WeakSecrets.isPublished(jwk) else { throw .published }
        verificationKey = try VerificationKey(jwk, algorithm: algorithm, purpose: .signing)
        guard !WeakSecrets.isGuessable(secret) else { throw .guessable }
        keyID = verificationKey.keyID
        self.algorithm = verificationKey.algorithm
        key = verificationKey.key
        thumbprint = jwk.thumbprint()
        publicJWK =
            jwk.isAsymmetric
            ? JWK(material: jwk.material, keyID: keyID, algorithm: self.algorithm.rawValue, use: "sig")
                .json(includingPrivate: false) : nil
    }
}

extension SigningKey: CustomStringConvertible, CustomReflectable {
    /// Names the key and nothing else.
    public var description: String { "SigningKey(\(keyID), \(algorithm.rawValue))" }
    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
