import CGatehouseOpenSSL

/// A master key: seals what must be recoverable with AES-256-GCM, and makes further keys from itself.
package struct SealingKey: Sendable, CustomStringConvertible {
    private static let nonceSize = 12
    private static let tagSize = 16

    private let secret: SecretBytes

    /// - Parameter bytes: exactly 32.
    package init(_ bytes: [UInt8]) throws(CryptographyError) {
        guard bytes.count == 32 else {
            throw CryptographyError(.invalidKey, "a master key has 32 octets, not \(bytes.count)")
        }
        secret = SecretBytes(bytes)
    }

    package var description: String { "SealingKey(\(fingerprint))" }

    /// Nonce, ciphertext and tag, in this order (NIST SP 800-38D). The nonce is random: 2^32 seals under one key are
    /// safe.
    ///
    /// - Parameter context: names the place; a value sealed for another place does not open here.
    package func seal(_ plain: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        let nonce = SystemRandom.bytes(Self.nonceSize)
        var ciphertext = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: Self.tagSize)
        let cipher = try Cipher()
        var length: Int32 = 0
        let label = Array(context.utf8)
        let isDone = unsafe secret.withBytes { key in
            unsafe EVP_EncryptInit_ex(cipher.raw, EVP_aes_256_gcm(), nil, key.baseAddress, nonce) == 1
        }
        guard isDone, unsafe EVP_EncryptUpdate(cipher.raw, nil, &length, label, Int32(label.count)) == 1,
            unsafe EVP_EncryptUpdate(cipher.raw, &ciphertext, &length, plain, Int32(plain.count)) == 1,
            unsafe EVP_EncryptFinal_ex(cipher.raw, nil, &length) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(cipher.raw, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
        else { throw .library("sealing") }
        return nonce + ciphertext + tag
    }

    /// - Throws: `.notAuthentic` when a single bit differs, or key or context are others.
    package func open(_ sealed: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        guard sealed.count >= Self.nonceSize + Self.tagSize else {
            throw CryptographyError(.notAuthentic, "the sealed value is cut off")
        }
        let nonce = Array(sealed.prefix(Self.nonceSize))
        let ciphertext = Array(sealed.dropFirst(Self.nonceSize).dropLast(Self.tagSize))
        var tag = Array(sealed.suffix(Self.tagSize))
        var plain = [UInt8](repeating: 0, count: ciphertext.count)
        let cipher = try Cipher()
        var length: Int32 = 0
        let label = Array(context.utf8)
        let isDone = unsafe secret.withBytes { key in
            unsafe EVP_DecryptInit_ex(cipher.raw, EVP_aes_256_gcm(), nil, key.baseAddress, nonce) == 1
        }
        guard isDone, unsafe EVP_DecryptUpdate(cipher.raw, nil, &length, label, Int32(label.count)) == 1,
            unsafe EVP_DecryptUpdate(cipher.raw, &plain, &length, ciphertext, Int32(ciphertext.count)) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(cipher.raw, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1,
            unsafe EVP_DecryptFinal_ex(cipher.raw, nil, &length) == 1
        else {
            ERR_clear_error()
            throw CryptographyError(.notAuthentic, "the sealed value was changed, or belongs to another key or place")
        }
        return plain
    }

    /// A key for another purpose: HKDF-SHA256 (RFC 5869) with `label` as its info. The same label gives the same
    /// octets.
    ///
    /// - Parameter count: 8160 at most (RFC 5869 §2.3).
    package func derive(_ label: String, count: Int) -> [UInt8] {
        precondition((1...255 * 32).contains(count), "HKDF-SHA256 gives 1 to 8160 octets")
        var derived = [UInt8](repeating: 0, count: count)
        let kdf = unsafe EVP_KDF_fetch(nil, "HKDF", nil)
        let context = unsafe EVP_KDF_CTX_new(kdf)
        unsafe EVP_KDF_free(kdf)
        defer { unsafe EVP_KDF_CTX_free(context) }
        let info = Array(label.utf8)
        let isDone = unsafe secret.withBytes { key in
            unsafe gatehouse_hkdf_sha256(context, key.baseAddress, key.count, info, info.count, &derived, count) == 1
        }
        precondition(isDone, "libcrypto cannot derive a key")
        return derived
    }

    /// Names the key without telling anything about it: 16 hexadecimal digits of a derived value.
    package var fingerprint: String {
        derive("gatehouse fingerprint", count: 8).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        .joined()
    }
}

/// One `EVP_CIPHER_CTX`, freed once; freeing also wipes it.
@safe private struct Cipher: ~Copyable {
    let raw: OpaquePointer

    init() throws(CryptographyError) {
        guard let raw = unsafe EVP_CIPHER_CTX_new() else { throw .library("making a cipher") }
        unsafe self.raw = raw
    }

    deinit { unsafe EVP_CIPHER_CTX_free(raw) }
}
