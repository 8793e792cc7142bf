import CGatehouseOpenSSL

/// A key with a public half, of one of the kinds that we know.
package enum AsymmetricKey: Sendable {
    case rsaPublic(RSA.PublicKey), rsaPrivate(RSA.PrivateKey)
    case ecdsaPublic(ECDSA.PublicKey), ecdsaPrivate(ECDSA.PrivateKey)
    case ed25519Public(Ed25519.PublicKey), ed25519Private(Ed25519.PrivateKey)

    /// Reads a key file: `PUBLIC KEY`, `PRIVATE KEY` (RFC 7468), or the older forms of one kind, `RSA PUBLIC KEY` and
    /// the like.
    ///
    /// - Parameters:
    ///   - pem: what stands before and after the key is skipped.
    ///   - minimumBits: of an RSA modulus.
    ///   - isKnown: whether the same public key was accepted before, so that an RSA modulus need not be looked at again.
    /// - Throws: `.invalidKey` when there is no key, when it is encrypted or of a kind that we do not know, and what its
    ///   kind throws.
    package init(
        pem: [UInt8], minimumBits: Int = RSA.modulusBits.lowerBound, isKnown: Bool = false
    ) throws(CryptographyError) {
        // The private half first, since it holds the public one.
        for isPrivate in [true, false] {
            guard let raw = unsafe gatehouse_read_pem(pem, pem.count, isPrivate ? 1 : 0) else { continue }
            self = try Self.key(
                unsafe EVPKey(taking: raw), isPrivate: isPrivate, minimumBits: minimumBits, isKnown: isKnown)
            return
        }
        ERR_clear_error()
        throw CryptographyError(
            .invalidKey, "there is no key in PEM that can be read; one that is encrypted has to be decrypted first")
    }

    private static func key(
        _ key: EVPKey, isPrivate: Bool, minimumBits: Int, isKnown: Bool
    ) throws(CryptographyError) -> AsymmetricKey {
        switch unsafe EVP_PKEY_get_base_id(key.raw) {
        case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS:
            let (modulus, exponent) = (try key.bytes("n"), try key.bytes("e"))
            guard isPrivate else {
                return .rsaPublic(
                    try RSA.PublicKey(
                        modulus: modulus, exponent: exponent, minimumBits: minimumBits, isKnown: isKnown))
            }
            return .rsaPrivate(
                try RSA.PrivateKey(
                    modulus: modulus, exponent: exponent, try RSA.PrivateNumbers(of: key), minimumBits: minimumBits))
        case EVP_PKEY_EC:
            let name = try key.text("group")
            guard let curve = ECDSA.Curve.allCases.first(where: { $0.groupNames.contains(name) }) else {
                throw CryptographyError(.invalidKey, "the curve \(name) is none of P-256, P-384 and P-521")
            }
            let (x, y) = (try key.number("qx").bytes(size: curve.size), try key.number("qy").bytes(size: curve.size))
            guard isPrivate else { return .ecdsaPublic(try ECDSA.PublicKey(curve, x: x, y: y)) }
            let secret = SecretBytes(try key.number("priv").bytes(size: curve.size))
            return .ecdsaPrivate(try ECDSA.PrivateKey(curve, x: x, y: y, secret: secret))
        case EVP_PKEY_ED25519:
            var octets = [UInt8](repeating: 0, count: Ed25519.keySize)
            var length = octets.count
            let isRead =
                unsafe isPrivate
                ? EVP_PKEY_get_raw_private_key(key.raw, &octets, &length)
                : EVP_PKEY_get_raw_public_key(key.raw, &octets, &length)
            guard isRead == 1 else { throw .library("reading an Ed25519 key") }
            return isPrivate
                ? .ed25519Private(try Ed25519.PrivateKey(octets)) : .ed25519Public(try Ed25519.PublicKey(octets))
        default:
            throw CryptographyError(.invalidKey, "the key is none of RSA, ECDSA and Ed25519")
        }
    }
}

extension ECDSA.Curve {
    /// What libcrypto calls it, depending on where a key came from.
    fileprivate var groupNames: [String] {
        switch self {
        case .p256: ["P-256", "prime256v1", "secp256r1"]
        case .p384: ["P-384", "secp384r1"]
        case .p521: ["P-521", "secp521r1"]
        }
    }
}
