import CGatehouseOpenSSL

/// RSA signatures (RFC 8017 §8). Numbers are big-endian and have no leading zeros.
package enum RSA {
    /// How long a modulus may be. NIST SP 800-131A §3 calls less unsafe; more costs whoever verifies too much time.
    package static let modulusBits = 2048...8192
    /// Of the keys that we make: as strong as the P-256 and Ed25519 keys beside them (NIST SP 800-57 part 1 §5.6.1.1).
    package static let newModulusBits = 3072
    /// FIPS 186-5 §A.1.1 starts above 2¹⁶. Verifying takes longer with each bit, and other libraries stop at 32 as well.
    package static let publicExponents: ClosedRange<UInt> = 65537...0xffff_ffff

    package enum Padding: Sendable {
        /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
        case pkcs1
        /// RSASSA-PSS (RFC 8017 §8.1), with a salt as long as the digest and the same hash in MGF1.
        case pss

        func isSet(in options: OpaquePointer?) -> Bool {
            switch self {
            case .pkcs1: unsafe EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING) == 1
            case .pss:
                // A verifier that is told so takes no other length of the salt (EVP_PKEY_CTX_set_rsa_pss_saltlen(3)).
                unsafe EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1
                    && EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1
            }
        }
    }

    package struct PublicKey: Sendable, Equatable {
        package let modulus: [UInt8]
        package let exponent: [UInt8]
        fileprivate let key: EVPKey

        /// - Parameters:
        ///   - minimumBits: fewer than `modulusBits` begins with only for what others published with a short key.
        ///   - isKnown: whether the same numbers were accepted before: looking for factors takes an eighth of a second at
        ///     8192 bits.
        /// - Throws: `.weakKey` for a short modulus; `.invalidKey` for a long one, an exponent that is even or out of
        ///   `publicExponents`, a modulus that is a prime or has small factors, and leading zeros. Larger factors of what
        ///   is no modulus are found by chance (libcrypto tries random bases), so such a number is not refused each time.
        package init(
            modulus: [UInt8], exponent: [UInt8], minimumBits: Int = RSA.modulusBits.lowerBound, isKnown: Bool = false
        ) throws(CryptographyError) {
            try RSA.check(modulus: modulus, exponent: exponent, minimumBits: minimumBits)
            let n = try BigNumber(bigEndian: modulus)
            let e = try BigNumber(bigEndian: exponent)
            let numbers = unsafe [Optional(n.raw), e.raw]
            guard let raw = unsafe gatehouse_rsa_key(numbers, Int32(numbers.count)) else {
                throw .library("reading an RSA public key")
            }
            let key = unsafe EVPKey(taking: raw)
            guard isKnown || key.isConsistent(isPair: false) else {
                throw CryptographyError(.invalidKey, "the modulus is none of an RSA key")
            }
            self.init(modulus, exponent, key)
        }

        fileprivate init(_ modulus: [UInt8], _ exponent: [UInt8], _ key: EVPKey) {
            self.modulus = modulus
            self.exponent = exponent
            self.key = key
        }

        package static func == (a: PublicKey, b: PublicKey) -> Bool {
            a.modulus == b.modulus && a.exponent == b.exponent
        }

        /// False for a signature that is not exactly as long as the modulus (RFC 8017 §8.2.2).
        package func isValid(
            _ signature: [UInt8], for message: [UInt8], padding: Padding, hash: HashAlgorithm
        ) -> Bool {
            signature.count == modulus.count && key.isValid(signature, for: message, hash: hash, padding: padding)
        }
    }

    /// The private numbers of a key with two factors (RFC 8017 §3.2).
    package struct PrivateNumbers: Sendable {
        /// d, p, q, d mod (p − 1), d mod (q − 1), q⁻¹ mod p.
        package let exponent, prime1, prime2, exponent1, exponent2, coefficient: SecretBytes

        package init(
            exponent: SecretBytes, prime1: SecretBytes, prime2: SecretBytes, exponent1: SecretBytes,
            exponent2: SecretBytes, coefficient: SecretBytes
        ) {
            self.exponent = exponent
            self.prime1 = prime1
            self.prime2 = prime2
            self.exponent1 = exponent1
            self.exponent2 = exponent2
            self.coefficient = coefficient
        }

        /// - Throws: when it is no pair.
        init(of key: EVPKey) throws(CryptographyError) {
            exponent = SecretBytes(try key.bytes("d"))
            prime1 = SecretBytes(try key.bytes("rsa-factor1"))
            prime2 = SecretBytes(try key.bytes("rsa-factor2"))
            exponent1 = SecretBytes(try key.bytes("rsa-exponent1"))
            exponent2 = SecretBytes(try key.bytes("rsa-exponent2"))
            coefficient = SecretBytes(try key.bytes("rsa-coefficient1"))
        }
    }

    package struct PrivateKey: Sendable {
        package let publicKey: PublicKey
        package let numbers: PrivateNumbers

        /// - Throws: what `PublicKey` throws; `.invalidKey` also when any number does not belong to the others: signing
        ///   with one that is off can give the key away.
        package init(
            modulus: [UInt8], exponent: [UInt8], _ numbers: PrivateNumbers,
            minimumBits: Int = RSA.modulusBits.lowerBound
        ) throws(CryptographyError) {
            try RSA.check(modulus: modulus, exponent: exponent, minimumBits: minimumBits)
            let n = try BigNumber(bigEndian: modulus)
            let e = try BigNumber(bigEndian: exponent)
            let d = try BigNumber(secret: numbers.exponent)
            let p = try BigNumber(secret: numbers.prime1)
            let q = try BigNumber(secret: numbers.prime2)
            let dp = try BigNumber(secret: numbers.exponent1)
            let dq = try BigNumber(secret: numbers.exponent2)
            let qi = try BigNumber(secret: numbers.coefficient)
            let all = unsafe [Optional(n.raw), e.raw, d.raw, p.raw, q.raw, dp.raw, dq.raw, qi.raw]
            let raw = unsafe gatehouse_rsa_key(all, Int32(all.count))
            guard let key = unsafe raw.map({ raw in unsafe EVPKey(taking: raw) }), key.isConsistent(isPair: true) else {
                ERR_clear_error()
                throw CryptographyError(.invalidKey, "the numbers of the RSA key do not belong together")
            }
            publicKey = PublicKey(modulus, exponent, key)
            self.numbers = numbers
        }

        /// Takes a good part of a second.
        package static func generate() -> PrivateKey {
            do {
                guard let raw = unsafe gatehouse_generate_rsa(newModulusBits) else {
                    throw CryptographyError.library("making an RSA key")
                }
                return try PrivateKey(unsafe EVPKey(taking: raw))
            } catch {
                preconditionFailure("libcrypto makes no RSA key: \(error)")
            }
        }

        /// - Parameter key: one that libcrypto made itself.
        private init(_ key: EVPKey) throws(CryptographyError) {
            publicKey = PublicKey(try key.bytes("n"), try key.bytes("e"), key)
            numbers = try PrivateNumbers(of: key)
        }

        package func sign(
            _ message: [UInt8], padding: Padding, hash: HashAlgorithm
        ) throws(CryptographyError) -> [UInt8] {
            try publicKey.key.sign(message, hash: hash, padding: padding, size: publicKey.modulus.count)
        }
    }

    /// What costs no arithmetic, before anything that does.
    private static func check(
        modulus: [UInt8], exponent: [UInt8], minimumBits: Int = modulusBits.lowerBound
    ) throws(CryptographyError) {
        guard let first = modulus.first, first != 0, exponent.first != 0 else {
            throw CryptographyError(.invalidKey, "a number of the RSA key is empty or begins with zero")
        }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard bits >= minimumBits else {
            throw CryptographyError(.weakKey, "the RSA key has \(bits) bits, fewer than \(minimumBits)")
        }
        guard bits <= modulusBits.upperBound else {
            throw CryptographyError(.invalidKey, "the RSA key has \(bits) bits, more than \(modulusBits.upperBound)")
        }
        let isSmall = exponent.count <= 4
        let value = isSmall ? exponent.reduce(0) { $0 << 8 | UInt($1) } : 0
        guard publicExponents.contains(value), value % 2 == 1 else {
            throw CryptographyError(
                .invalidKey, "the public exponent of the RSA key is even, below 65537 or above 32 bits")
        }
    }
}
