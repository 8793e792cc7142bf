import CGatehouseOpenSSL

/// Turns of `body` a second, which has to say that all is well.
func perSecond(_ seconds: Double, _ body: () -> Bool) -> Double {
    let start = ContinuousClock.now
    var (count, elapsed) = (0, 0.0)
    while elapsed < seconds {
        for _ in 0..<16 { precondition(body(), "a right signature does not verify") }
        count += 16
        elapsed = (ContinuousClock.now - start) / .seconds(1)
    }
    return Double(count) / elapsed
}

/// A key and a signature of libcrypto's own, used as a C program would. Nobody frees it: the process ends soon.
@safe struct BareKey {
    enum Kind { case hmac, ed25519, p256, rsa, rsaPSS }

    private let kind: Kind
    private let key: OpaquePointer?
    private let mac: OpaquePointer?
    private let hash: OpaquePointer?
    private let message: [UInt8]
    private let signature: [UInt8]

    init(_ kind: Kind, _ message: [UInt8]) {
        self.kind = kind
        self.message = message
        if kind == .hmac {
            unsafe (key, hash) = (nil, nil)
            unsafe mac = EVP_MAC_CTX_new(EVP_MAC_fetch(nil, "HMAC", nil))
            let secret = [UInt8](repeating: 7, count: 32)
            precondition(unsafe gatehouse_hmac_init(mac, secret, secret.count, "SHA256") == 1)
            signature = unsafe Self.code(mac, message)
            return
        }
        unsafe mac = nil
        switch kind {
        case .ed25519: unsafe key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, Array(1...32), 32)
        case .p256: unsafe key = gatehouse_generate_ec("P-256")
        // As long as those that we make.
        default: unsafe key = gatehouse_generate_rsa(3072)
        }
        unsafe hash = kind == .ed25519 ? nil : kind == .rsaPSS ? EVP_sha512() : EVP_sha256()
        signature = unsafe Self.signature(kind, key, hash, message)
    }

    /// Whether it made one.
    func signs() -> Bool {
        if unsafe mac != nil { return unsafe Self.code(mac, message).count == 32 }
        return unsafe !Self.signature(kind, key, hash, message).isEmpty
    }

    func verifies() -> Bool {
        if unsafe mac != nil { return unsafe Self.code(mac, message) == signature }
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var parameters: OpaquePointer?
        return unsafe EVP_DigestVerifyInit(context, &parameters, hash, nil, key) == 1
            && Self.setPadding(kind, parameters)
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    private static func signature(
        _ kind: Kind, _ key: OpaquePointer?, _ hash: OpaquePointer?, _ message: [UInt8]
    ) -> [UInt8] {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var (signature, size) = ([UInt8](repeating: 0, count: 512), 512)
        var parameters: OpaquePointer?
        let isSigned =
            unsafe EVP_DigestSignInit(context, &parameters, hash, nil, key) == 1 && setPadding(kind, parameters)
            && EVP_DigestSign(context, &signature, &size, message, message.count) == 1
        precondition(isSigned, "libcrypto does not sign")
        return Array(signature.prefix(size))
    }

    private static func setPadding(_ kind: Kind, _ parameters: OpaquePointer?) -> Bool {
        guard kind == .rsaPSS else { return true }
        return unsafe EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 64) == 1
    }

    private static func code(_ mac: OpaquePointer?, _ message: [UInt8]) -> [UInt8] {
        var (code, size) = ([UInt8](repeating: 0, count: 32), 0)
        let isDone =
            unsafe EVP_MAC_init(mac, nil, 0, nil) == 1 && EVP_MAC_update(mac, message, message.count) == 1
            && EVP_MAC_final(mac, &code, &size, code.count) == 1
        precondition(isDone)
        return code
    }
}
