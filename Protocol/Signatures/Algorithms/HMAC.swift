import GatehouseCryptography

/// What the HMAC algorithms share (RFC 2104).
struct HMACMaker: SignatureMaker {
    private let key: HMACKey

    /// - Returns: nil unless it is a shared secret.
    init?(_ material: SignatureKey.Material, _ hash: HashAlgorithm) {
        guard case .secret(let secret) = material else { return nil }
        key = HMACKey(hash, secret: secret)
    }

    func sign(_ base: [UInt8], _ encoding: SignatureEncoding) -> [UInt8] { key.code(for: base) }

    func isValid(_ signature: [UInt8], for base: [UInt8], _ encoding: SignatureEncoding) -> Bool {
        key.isValid(signature, for: base)
    }
}

extension SignatureAlgorithm {
    /// Whether both ends hold the same secret; else one has the private and the other the public half of a pair.
    public var isShared: Bool { self == .hmacSHA256 || self == .hmacSHA512 }
}
