import GatehouseCryptography

/// What the RSA algorithms share (RFC 8017 §8).
struct RSAMaker: SignatureMaker {
    private let publicKey: RSA.PublicKey
    private let privateKey: RSA.PrivateKey?
    private let padding: RSA.Padding
    private let hash: HashAlgorithm

    /// - Returns: nil unless it is an RSA key.
    init?(_ material: SignatureKey.Material, _ padding: RSA.Padding, _ hash: HashAlgorithm) {
        switch material {
        case .key(.rsaPublic(let key)):
            publicKey = key
            privateKey = nil
        case .key(.rsaPrivate(let key)):
            publicKey = key.publicKey
            privateKey = key
        default: return nil
        }
        self.padding = padding
        self.hash = hash
    }

    func sign(_ base: [UInt8], _ encoding: SignatureEncoding) throws(SignatureKeyError) -> [UInt8] {
        guard let privateKey else { throw .notPrivate }
        do { return try privateKey.sign(base, padding: padding, hash: hash) } catch {
            throw .library(error.description)
        }
    }

    func isValid(_ signature: [UInt8], for base: [UInt8], _ encoding: SignatureEncoding) -> Bool {
        publicKey.isValid(signature, for: base, padding: padding, hash: hash)
    }
}
