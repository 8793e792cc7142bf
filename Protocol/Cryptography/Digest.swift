import CGatehouseOpenSSL

/// The hash functions that we use. SHA-1 and MD5 are left out on purpose.
package enum HashAlgorithm: Sendable, CaseIterable {
    case sha256, sha384, sha512

    /// Octets of a digest.
    package var size: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// libcrypto's name for it.
    var name: String {
        switch self {
        case .sha256: "SHA256"
        case .sha384: "SHA384"
        case .sha512: "SHA512"
        }
    }

    var handle: OpaquePointer {
        switch self {
        case .sha256: unsafe EVP_sha256()
        case .sha384: unsafe EVP_sha384()
        case .sha512: unsafe EVP_sha512()
        }
    }
}

/// SHA-2 over a whole message (FIPS 180-4).
package enum Digest {
    package static func hash(_ bytes: [UInt8], with algorithm: HashAlgorithm) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: algorithm.size)
        let isDone = unsafe EVP_Digest(bytes, bytes.count, &digest, nil, algorithm.handle, nil) == 1
        precondition(isDone, "libcrypto cannot hash")
        return digest
    }

    package static func sha256(_ bytes: [UInt8]) -> [UInt8] { hash(bytes, with: .sha256) }
}

/// SHA-2 over a message that comes in pieces.
///
/// Not Sendable: one thread at a time adds to it.
@safe package final class RunningDigest {
    private let context: OpaquePointer
    private let algorithm: HashAlgorithm

    package init(_ algorithm: HashAlgorithm = .sha256) {
        guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, algorithm.handle, nil) == 1
        else { preconditionFailure("libcrypto cannot hash") }
        unsafe self.context = context
        self.algorithm = algorithm
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    package func add(_ bytes: [UInt8]) {
        let isAdded = unsafe EVP_DigestUpdate(context, bytes, bytes.count) == 1
        precondition(isAdded, "libcrypto cannot hash")
    }

    /// The digest of all that was added; nothing can be added afterwards.
    package func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: algorithm.size)
        let isDone = unsafe EVP_DigestFinal_ex(context, &digest, nil) == 1
        precondition(isDone, "libcrypto cannot hash")
        return digest
    }
}

/// Compares without telling by its time where the two differ. Only the lengths show.
package func isEqualInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    unsafe a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
