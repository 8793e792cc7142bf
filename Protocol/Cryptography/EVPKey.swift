import CGatehouseOpenSSL

/// One `EVP_PKEY`, freed with its last owner.
///
/// Sendable because libcrypto only reads a key that is complete, and counts its references atomically.
@safe final class EVPKey: @unchecked Sendable {
    let raw: OpaquePointer

    /// Takes over the reference.
    init(taking raw: OpaquePointer) { unsafe self.raw = raw }

    deinit { unsafe EVP_PKEY_free(raw) }

    /// A signature over the whole message, for algorithms that hash inside (Ed25519: no digest name).
    func sign(_ message: [UInt8], digest: OpaquePointer?, size: Int) throws(CryptographyError) -> [UInt8] {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: size)
        var length = size
        guard unsafe EVP_DigestSignInit(context, nil, digest, nil, raw) == 1,
            unsafe EVP_DigestSign(context, &signature, &length, message, message.count) == 1
        else { throw .library("signing") }
        return Array(signature.prefix(length))
    }

    func verify(_ signature: [UInt8], over message: [UInt8], digest: OpaquePointer?) -> Bool {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, digest, nil, raw) == 1,
            unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        else {
            ERR_clear_error()
            return false
        }
        return true
    }
}
