import CGatehouseOpenSSL

/// One HMAC key (RFC 2104), ready to use from any thread.
///
/// libcrypto prepares a key in a context; starting that context again is three times faster than preparing it anew for
/// each message, so contexts are kept and lent out, one to a thread at a time.
package final class HMACKey: Sendable {
    /// Contexts kept for later; more threads than this at once make their own.
    private static let kept = 8

    private let hash: HashAlgorithm
    private let secret: SecretBytes
    private let pool = Locked<[Context]>([])

    package convenience init(_ hash: HashAlgorithm, secret: [UInt8]) { self.init(hash, secret: SecretBytes(secret)) }

    package init(_ hash: HashAlgorithm, secret: SecretBytes) {
        self.hash = hash
        self.secret = secret
    }

    /// The message's authentication code, as long as the digest.
    package func code(for message: [UInt8]) -> [UInt8] {
        let context = pool.withLock { $0.popLast() } ?? Context(hash, secret)
        let code = context.code(for: message, size: hash.size)
        pool.withLock { if $0.count < Self.kept { $0.append(context) } }
        return code
    }

    /// Compares in constant time.
    package func isValid(_ code: [UInt8], for message: [UInt8]) -> Bool {
        isEqualInConstantTime(self.code(for: message), code)
    }

    /// A prepared `EVP_MAC_CTX`.
    ///
    /// Sendable because it is lent to one thread at a time and has no state between messages.
    @safe private final class Context: @unchecked Sendable {
        private let raw: OpaquePointer

        init(_ hash: HashAlgorithm, _ secret: SecretBytes) {
            let mac = unsafe EVP_MAC_fetch(nil, "HMAC", nil)
            let context = unsafe EVP_MAC_CTX_new(mac)
            // The context holds a reference of its own.
            unsafe EVP_MAC_free(mac)
            guard let context = unsafe context else { preconditionFailure("libcrypto has no HMAC") }
            unsafe raw = context
            let isReady = unsafe secret.withBytes { key in
                unsafe gatehouse_hmac_init(context, key.baseAddress, key.count, hash.name) == 1
            }
            precondition(isReady, "libcrypto refuses an HMAC key")
        }

        deinit { unsafe EVP_MAC_CTX_free(raw) }

        func code(for message: [UInt8], size: Int) -> [UInt8] {
            var code = [UInt8](repeating: 0, count: size)
            var written = 0
            // Without a key, EVP_MAC_init starts the context again with the key that it has (EVP_MAC(3)).
            let isDone =
                unsafe EVP_MAC_init(raw, nil, 0, nil) == 1 && EVP_MAC_update(raw, message, message.count) == 1
                && EVP_MAC_final(raw, &code, &written, size) == 1
            precondition(isDone && written == size, "libcrypto cannot compute an HMAC")
            return code
        }
    }
}
