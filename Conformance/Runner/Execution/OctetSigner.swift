internal import GatehouseCryptography
internal import HTTPSignatures

/// A key that signs any octets: the keys of the library sign only what is right.
struct OctetSigner {
    private enum Key {
        case secret(HashAlgorithm, [UInt8])
        case rsa(RSA.PrivateKey, RSA.Padding, HashAlgorithm)
        case ecdsa(ECDSA.PrivateKey, HashAlgorithm)
        case ed25519(Ed25519.PrivateKey)
    }

    private let key: Key
    /// What the older drafts call the algorithm, else what they say when they name none (draft-12 §2.1.1, §E.2).
    let cavageLabel: String

    init(_ signing: Signing, scope: Scope) throws {
        let name = try signing.algorithm?.resolved(in: scope) ?? SignatureAlgorithm.hmacSHA256.rawValue
        func problem(_ text: String) -> SigningProblem { SigningProblem(text: text, position: signing.position) }
        guard let algorithm = SignatureAlgorithm(rawValue: name) else {
            throw problem("there is no algorithm \"\(name)\"")
        }
        let old: [SignatureAlgorithm] = [.hmacSHA256, .hmacSHA512, .rsaSHA256, .rsaSHA512]
        cavageLabel = old.contains(algorithm) ? name : "hs2019"
        let key: Key?
        switch signing.material {
        case .secret(let text): key = Self.secret(Array(try text.resolved(in: scope).utf8), algorithm)
        case .secretInBase64(let text):
            guard let secret = Base64.decode(try text.resolved(in: scope)) else {
                throw problem("`secret-base64` is not valid base64")
            }
            key = Self.secret(secret, algorithm)
        case .privateKey(let text):
            let pem = Array(try text.resolved(in: scope).utf8)
            do {
                // Shorter RSA keys too: a server has to refuse them, and a vector has one.
                key = Self.asymmetric(try AsymmetricKey(pem: pem, minimumBits: 1024), algorithm)
            } catch { throw problem("the private key cannot be used: \(error)") }
        }
        guard let key else { throw problem("the key is not of the kind that \(name) needs") }
        self.key = key
    }

    private static func secret(_ secret: [UInt8], _ algorithm: SignatureAlgorithm) -> Key? {
        switch algorithm {
        case .hmacSHA256: .secret(.sha256, secret)
        case .hmacSHA512: .secret(.sha512, secret)
        default: nil
        }
    }

    private static func asymmetric(_ key: AsymmetricKey, _ algorithm: SignatureAlgorithm) -> Key? {
        switch (key, algorithm) {
        case (.rsaPrivate(let key), .rsaSHA256): .rsa(key, .pkcs1, .sha256)
        case (.rsaPrivate(let key), .rsaSHA512): .rsa(key, .pkcs1, .sha512)
        case (.rsaPrivate(let key), .rsaPSSSHA512): .rsa(key, .pss, .sha512)
        case (.ecdsaPrivate(let key), .ecdsaP256SHA256) where key.publicKey.curve == .p256: .ecdsa(key, .sha256)
        case (.ecdsaPrivate(let key), .ecdsaP384SHA384) where key.publicKey.curve == .p384: .ecdsa(key, .sha384)
        case (.ed25519Private(let key), .ed25519): .ed25519(key)
        default: nil
        }
    }

    /// - Parameter inDER: how ECDSA writes its two numbers: as all of draft-cavage in the wild, else as RFC 9421 §3.3.4.
    func sign(_ octets: [UInt8], inDER: Bool) throws -> [UInt8] {
        switch key {
        case .secret(let hash, let secret): HMACKey(hash, secret: secret).code(for: octets)
        case .rsa(let key, let padding, let hash): try key.sign(octets, padding: padding, hash: hash)
        case .ecdsa(let key, let hash):
            inDER
                ? try key.publicKey.der(of: key.sign(octets, hash: hash)) : try key.sign(octets, hash: hash)
        case .ed25519(let key): try key.sign(octets)
        }
    }
}
