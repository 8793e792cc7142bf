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
    ///   - padding: for RSA.
    ///   - size: octets of the longest signature.
    func sign(
        _ message: [UInt8], hash: HashAlgorithm?, padding: RSA.Padding? = nil, size: Int
    ) throws(CryptographyError) -> [UInt8] {
        let context = try Context()
        var signature = [UInt8](repeating: 0, count: size)
        var length = size
        var options: OpaquePointer?
        guard unsafe EVP_DigestSignInit(context.raw, &options, hash?.handle, nil, raw) == 1,
            unsafe padding?.isSet(in: options) ?? true,
            unsafe EVP_DigestSign(context.raw, &signature, &length, message, message.count) == 1
        else { throw .library("signing") }
        return length == size ? signature : Array(signature.prefix(length))
    }

    /// - Returns: false also when libcrypto fails: what could not be checked is not valid.
    func isValid(
        _ signature: [UInt8], for message: [UInt8], hash: HashAlgorithm?, padding: RSA.Padding? = nil
    ) -> Bool {
        var options: OpaquePointer?
        guard let context = try? Context(),
            unsafe EVP_DigestVerifyInit(context.raw, &options, hash?.handle, nil, raw) == 1,
            unsafe padding?.isSet(in: options) ?? true,
            unsafe EVP_DigestVerify(context.raw, signature, signature.count, message, message.count) == 1
        else {
            ERR_clear_error()
            return false
        }
        return true
    }

    /// Whether the numbers of the key are right by themselves and, of a pair, belong together. Takes long for a long
    /// private RSA key, because its factors are tested for being prime.
    func isConsistent(isPair: Bool) -> Bool {
        guard let context = unsafe EVP_PKEY_CTX_new(raw, nil) else { return false }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        let isRight = unsafe (isPair ? EVP_PKEY_check(context) : EVP_PKEY_public_check(context)) == 1
        ERR_clear_error()
        return isRight
    }

    /// One of the key's numbers.
    ///
    /// - Parameter name: libcrypto's (EVP_PKEY-RSA(7), EVP_PKEY-EC(7)).
    func number(_ name: String) throws(CryptographyError) -> BigNumber {
        var number: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(raw, name, &number) == 1, let number = unsafe number else {
            throw .library("reading a key")
        }
        return unsafe BigNumber(taking: number)
    }

    /// One of the key's numbers in its shortest form, big-endian.
    func bytes(_ name: String) throws(CryptographyError) -> [UInt8] {
        let number = try number(name)
        return number.bytes(size: number.size)
    }

    /// One of the key's texts.
    ///
    /// - Parameter name: libcrypto's (EVP_PKEY-EC(7)).
    func text(_ name: String) throws(CryptographyError) -> String {
        var octets = [CChar](repeating: 0, count: 64)
        var length = 0
        guard unsafe EVP_PKEY_get_utf8_string_param(raw, name, &octets, octets.count, &length) == 1 else {
            throw .library("reading a key")
        }
        return String(decoding: octets.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
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
