import CGatehouseOpenSSL

/// Ed25519 signatures (RFC 8032 §5.1): keys of 32 octets, signatures of 64.
package enum Ed25519 {
    /// Octets of a public key, and of what RFC 8032 calls the private key.
    package static let keySize = 32
    package static let signatureSize = 64

    package struct PublicKey: Sendable, Equatable {
        /// 32 octets.
        package let bytes: [UInt8]
        private let key: EVPKey

        /// - Throws: `.invalidKey` for anything but the encoding of a point that is worth something as a key.
        package init(_ bytes: [UInt8]) throws(CryptographyError) {
            guard bytes.count == Ed25519.keySize else {
                throw CryptographyError(.invalidKey, "an Ed25519 public key has 32 octets")
            }
            guard try EdwardsPoint.isUsable(bytes) else {
                throw CryptographyError(.invalidKey, "these octets are no Ed25519 public key")
            }
            guard let raw = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count) else {
                throw .library("reading an Ed25519 public key")
            }
            unsafe key = EVPKey(taking: raw)
            self.bytes = bytes
        }

        package static func == (a: PublicKey, b: PublicKey) -> Bool { a.bytes == b.bytes }

        /// False for anything but 64 octets, and for a signature whose second half is not below the group order.
        package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            signature.count == Ed25519.signatureSize && key.isValid(signature, for: message, hash: nil)
        }
    }

    package struct PrivateKey: Sendable {
        private let seed: SecretBytes
        private let key: EVPKey
        package let publicKey: PublicKey

        /// - Parameter seed: the 32 octets that RFC 8032 calls the private key.
        package init(_ seed: [UInt8]) throws(CryptographyError) {
            guard seed.count == Ed25519.keySize else {
                throw CryptographyError(.invalidKey, "an Ed25519 private key has 32 octets")
            }
            guard let raw = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else {
                throw .library("reading an Ed25519 private key")
            }
            unsafe key = EVPKey(taking: raw)
            var bytes = [UInt8](repeating: 0, count: Ed25519.keySize)
            var length = bytes.count
            guard unsafe EVP_PKEY_get_raw_public_key(raw, &bytes, &length) == 1 else { throw .library("reading a key") }
            publicKey = try PublicKey(bytes)
            self.seed = SecretBytes(seed)
        }

        package static func generate() -> PrivateKey {
            do { return try PrivateKey(SystemRandom.bytes(Ed25519.keySize)) } catch {
                preconditionFailure("libcrypto refuses an Ed25519 key: \(error)")
            }
        }

        /// The 32 octets.
        package var bytes: [UInt8] { seed.copy }

        /// The seed, to be compared or kept.
        package var secret: SecretBytes { seed }

        package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
            try key.sign(message, hash: nil, size: Ed25519.signatureSize)
        }
    }
}
