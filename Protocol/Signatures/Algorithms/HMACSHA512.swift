import GatehouseCryptography

extension SignatureAlgorithm {
    /// HMAC with SHA-512. RFC 9421 has no name for it, so there it is told by the key alone.
    public static let hmacSHA512 = SignatureAlgorithm(
        "hmac-sha512", labels: ["hmac-sha512"], registeredName: nil
    ) { HMACMaker($0, .sha512) }
}
