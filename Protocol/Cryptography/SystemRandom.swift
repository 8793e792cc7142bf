import CGatehouseOpenSSL

/// The system's generator, through libcrypto.
package enum SystemRandom {
    /// Traps when the generator fails: a server without randomness must not go on.
    package static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let isFilled = unsafe RAND_bytes(&bytes, Int32(count)) == 1
        precondition(isFilled, "the system's random generator failed")
        return bytes
    }

    /// Octets of an identifier.
    package static let identifierSize = 16

    /// 128 random bits in base64url: 22 characters that cannot be guessed and need no escaping.
    package static func identifier() -> String { Base64URL.encode(bytes(identifierSize)) }
}
