/// A key that signs, bound to one algorithm.
public struct SigningKey: Sendable {
    /// `kid`: the key's own, else its thumbprint.
    public let keyID: String
    /// The one algorithm of this key.
    public let algorithm: JWSAlgorithm
    let key: any AlgorithmKey
    /// The key as JWK, public members only; nil for a shared secret.
    public let publicJWK: String?

    /// - Parameter algorithm: must agree with the key's `alg` when it has one. Without either, `oct` means HS256 and Ed25519 EdDSA.
    /// - Throws: `JWKError`: a public key, a short or published secret, an algorithm that the key cannot carry.
    public init(_ jwk: JWK, algorithm: JWSAlgorithm? = nil) throws(JWKError) {
        guard jwk.isPrivate else { throw .notPrivate }
        if case .secret(let secret) = jwk.material, PublishedKeys.contains(secret) { throw .published }
        if case .ed25519(_, let seed?) = jwk.material, PublishedKeys.contains(seed) { throw .published }
        let verification = try VerificationKey(jwk, algorithm: algorithm)
        keyID = verification.keyID
        self.algorithm = verification.algorithm
        key = verification.key
        publicJWK = jwk.isAsymmetric ? jwk.json(includingPrivate: false) : nil
    }

    /// The half that verifies.
    public var verificationKey: VerificationKey { VerificationKey(keyID: keyID, algorithm: algorithm, key: key) }
}

/// A key that verifies, bound to one algorithm.
public struct VerificationKey: Sendable {
    /// `kid`: the key's own, else its thumbprint.
    public let keyID: String
    /// The one algorithm of this key; a token that names another is refused (RFC 8725 §3.1).
    public let algorithm: JWSAlgorithm
    let key: any AlgorithmKey

    init(keyID: String, algorithm: JWSAlgorithm, key: any AlgorithmKey) {
        self.keyID = keyID
        self.algorithm = algorithm
        self.key = key
    }

    /// - Throws: `JWKError` when the key is for encryption, too short, or cannot carry the algorithm.
    public init(_ jwk: JWK, algorithm wanted: JWSAlgorithm? = nil) throws(JWKError) {
        guard jwk.use == nil || jwk.use == "sig" else {
            throw .wrongAlgorithm("any signature: its use is \(jwk.use ?? "")")
        }
        var named: JWSAlgorithm?
        if let name = jwk.algorithm {
            guard let algorithm = JWSAlgorithm(rawValue: name) else { throw .unsupported("the algorithm \(name)") }
            named = algorithm
        }
        if let named, let wanted, named != wanted { throw .wrongAlgorithm(wanted.rawValue) }
        let algorithm = wanted ?? named ?? .natural(for: jwk)
        self.init(keyID: jwk.keyID ?? jwk.thumbprint(), algorithm: algorithm, key: try algorithm.key(from: jwk))
    }
}

/// The keys that a verifier trusts, by `kid`.
public struct KeySet: Sendable {
    private let keys: [String: VerificationKey]

    /// A later key replaces an earlier one of the same `kid`.
    public init(_ keys: [VerificationKey]) {
        self.keys = Dictionary(keys.map { ($0.keyID, $0) }, uniquingKeysWith: { $1 })
    }

    /// The key that a header names. A token without `kid` is taken for the only key there is.
    func key(_ keyID: String?) -> VerificationKey? {
        guard let keyID else { return keys.count == 1 ? keys.values.first : nil }
        return keys[keyID]
    }
}
