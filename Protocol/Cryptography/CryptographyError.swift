import CGatehouseOpenSSL

/// Why a cryptographic operation was refused or failed.
package struct CryptographyError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        /// The key has the wrong length or is no key of its kind.
        case invalidKey
        /// The key is of its kind, but too short to be safe.
        case weakKey
        /// A sealed value was changed, moved to another place, or sealed under another key.
        case notAuthentic
        /// The certificate is not X.509 in DER.
        case invalidCertificate
        /// libcrypto refused; its own words are in `detail`.
        case libraryFailure
    }

    package let reason: Reason
    package let detail: String

    init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    package var description: String { detail }

    /// Takes the newest entry of libcrypto's error queue and empties the queue.
    static func library(_ operation: String) -> CryptographyError {
        var text = [CChar](repeating: 0, count: 256)
        let code = ERR_peek_last_error()
        unsafe ERR_error_string_n(code, &text, text.count)
        ERR_clear_error()
        let words = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return CryptographyError(.libraryFailure, "\(operation): \(words)")
    }
}
