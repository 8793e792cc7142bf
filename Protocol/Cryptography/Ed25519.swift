import CGatehouseOpenSSL

/// Ed25519 signatures (RFC 8032 §5.1): keys of 32 octets, signatures of 64.
package enum Ed25519 {
    package struct PublicKey: Sendable, Equatable {
        /// 32 octets.
        package let bytes: [UInt8]
        private let key: EVPKey

        package init(_ bytes: [UInt8]) throws(CryptographyError) {
            guard bytes.count == 32,
                let raw = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
            else { throw CryptographyError(.invalidKey, "an Ed25519 public key has 32 octets") }
            unsafe key = EVPKey(taking: raw)
            self.bytes = bytes
        }

        package static func == (a: PublicKey, b: PublicKey) -> Bool { a.bytes == b.bytes }

        /// False for anything but 64 octets, and for a signature whose second half is not below the group order.
        package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            signature.count == 64 && key.verify(signature, over: message, digest: nil)
        }
    }

    package struct PrivateKey: Sendable {
        private let seed: SecretBytes
        private let key: EVPKey
        package let publicKey: PublicKey

        /// - Parameter seed: the 32 octets that RFC 8032 calls the private key.
        package init(_ seed: [UInt8]) throws(CryptographyError) {
            guard seed.count == 32,
                let raw = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
            else { throw CryptographyError(.invalidKey, "an Ed25519 private key has 32 octets") }
            unsafe key = EVPKey(taking: raw)
            var bytes = [UInt8](repeating: 0, count: 32)
            var length = bytes.count
            guard unsafe EVP_PKEY_get_raw_public_key(raw, &bytes, &length) == 1 else { throw .library("reading a key") }
            publicKey = try PublicKey(bytes)
            self.seed = SecretBytes(seed)
        }

        package static func generate() -> PrivateKey {
            do { return try PrivateKey(SystemRandom.bytes(32)) } catch {
                preconditionFailure("libcrypto refuses an Ed25519 key: \(error)")
            }
        }

        /// The 32 octets.
        package var bytes: [UInt8] { unsafe seed.withBytes { unsafe Array($0) } }

        package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
            try key.sign(message, digest: nil, size: 64)
        }
    }
}
