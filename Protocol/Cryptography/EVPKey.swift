import CGatehouseOpenSSL

/// One `EVP_PKEY`, freed with its last owner. What all kinds of asymmetric keys share.
///
/// Sendable because libcrypto only reads a key that is complete, and counts its references atomically.
@safe final class EVPKey: @unchecked Sendable {
    let raw: OpaquePointer

    /// Takes over the reference.
    init(taking raw: OpaquePointer) { unsafe self.raw = raw }

    deinit { unsafe EVP_PKEY_free(raw) }

    /// A signature over the whole message.
    ///
    /// - Parameters:
    ///   - hash: nil for algorithms that hash inside (Ed25519).
    ///   - size: octets of the longest signature.
    func sign(_ message: [UInt8], hash: HashAlgorithm?, size: Int) throws(CryptographyError) -> [UInt8] {
        let context = try Context()
        var signature = [UInt8](repeating: 0, count: size)
        var length = size
        guard unsafe EVP_DigestSignInit(context.raw, nil, hash?.handle, nil, raw) == 1,
            unsafe EVP_DigestSign(context.raw, &signature, &length, message, message.count) == 1
        else { throw .library("signing") }
        return length == size ? signature : Array(signature.prefix(length))
    }

    /// - Returns: false also when libcrypto fails: what could not be checked is not valid.
    func isValid(_ signature: [UInt8], for message: [UInt8], hash: HashAlgorithm?) -> Bool {
        guard let context = try? Context(),
            unsafe EVP_DigestVerifyInit(context.raw, nil, hash?.handle, nil, raw) == 1,
            unsafe EVP_DigestVerify(context.raw, signature, signature.count, message, message.count) == 1
        else {
            ERR_clear_error()
            return false
        }
        return true
    }

    /// One `EVP_MD_CTX`, freed once.
    @safe private struct Context: ~Copyable {
        let raw: OpaquePointer

        init() throws(CryptographyError) {
            guard let raw = unsafe EVP_MD_CTX_new() else { throw .library("making a digest context") }
            unsafe self.raw = raw
        }

        deinit { unsafe EVP_MD_CTX_free(raw) }
    }
}
