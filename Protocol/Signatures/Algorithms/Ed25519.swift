import GatehouseCryptography

extension SignatureAlgorithm {
    /// Ed25519 (RFC 9421 §3.3.6). draft-cavage has `hs2019` for it only.
    public static let ed25519 = SignatureAlgorithm("ed25519", labels: [], registeredName: "ed25519") {
        Ed25519Maker($0)
    }
}

private struct Ed25519Maker: SignatureMaker {
    private let publicKey: Ed25519.PublicKey
    private let privateKey: Ed25519.PrivateKey?

    /// - Returns: nil unless it is an Ed25519 key.
    init?(_ material: SignatureKey.Material) {
        switch material {
        case .key(.ed25519Public(let key)):
            publicKey = key
            privateKey = nil
        case .key(.ed25519Private(let key)):
            publicKey = key.publicKey
            privateKey = key
        default: return nil
        }
    }

    func sign(_ base: [UInt8], _ encoding: SignatureEncoding) throws(SignatureKeyError) -> [UInt8] {
        guard let privateKey else { throw .notPrivate }
        do { return try privateKey.sign(base) } catch { throw .library(error.description) }
    }

    func isValid(_ signature: [UInt8], for base: [UInt8], _ encoding: SignatureEncoding) -> Bool {
        publicKey.isValid(signature, for: base)
    }
}
