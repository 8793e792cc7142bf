import GatehouseCryptography

/// What the ECDSA algorithms share (FIPS 186-5 §6): each is for one curve.
struct ECDSAMaker: SignatureMaker {
    private let publicKey: ECDSA.PublicKey
    private let privateKey: ECDSA.PrivateKey?
    private let hash: HashAlgorithm

    /// - Returns: nil unless it is a key of the curve.
    init?(_ material: SignatureKey.Material, _ curve: ECDSA.Curve, _ hash: HashAlgorithm) {
        switch material {
        case .key(.ecdsaPublic(let key)):
            publicKey = key
            privateKey = nil
        case .key(.ecdsaPrivate(let key)):
            publicKey = key.publicKey
            privateKey = key
        default: return nil
        }
        guard publicKey.curve == curve else { return nil }
        self.hash = hash
    }

    func sign(_ base: [UInt8], _ encoding: SignatureEncoding) throws(SignatureKeyError) -> [UInt8] {
        guard let privateKey else { throw .notPrivate }
        do {
            let signature = try privateKey.sign(base, hash: hash)
            return encoding == .der ? try publicKey.der(of: signature) : signature
        } catch { throw .library(error.description) }
    }

    func isValid(_ signature: [UInt8], for base: [UInt8], _ encoding: SignatureEncoding) -> Bool {
        switch encoding {
        case .fixed: publicKey.isValid(signature, for: base, hash: hash)
        case .der: publicKey.isValid(der: signature, for: base, hash: hash)
        }
    }
}
