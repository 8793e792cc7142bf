import GatehouseCryptography

/// What the RSA algorithms share (RFC 7518 §3.3, §3.5).
struct RSASignature: AlgorithmKey {
    private let pair: RSAPair
    private let padding: RSA.Padding
    private let hash: HashAlgorithm

    /// - Returns: nil unless it is an RSA key.
    init?(_ material: any KeyMaterial, _ padding: RSA.Padding, _ hash: HashAlgorithm) {
        guard let pair = material as? RSAPair else { return nil }
        self.pair = pair
        self.padding = padding
        self.hash = hash
    }

    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8] {
        guard let privateKey = pair.privateKey else { throw .notPrivate }
        do { return try privateKey.sign(message, padding: padding, hash: hash) } catch {
            throw .malformed(error.description)
        }
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        pair.publicKey.isValid(signature, for: message, padding: padding, hash: hash)
    }
}

extension JWSAlgorithm {
    static func rsa(_ name: String, _ padding: RSA.Padding, _ hash: HashAlgorithm) -> JWSAlgorithm {
        JWSAlgorithm(name) {
            RSAPair.generate()
        } bind: {
            RSASignature($0, padding, hash)
        }
    }
}
