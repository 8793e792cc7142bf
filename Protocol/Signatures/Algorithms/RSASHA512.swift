import GatehouseCryptography

extension SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-512. RFC 9421 has no name for it, so there it is told by the key alone.
    public static let rsaSHA512 = SignatureAlgorithm(
        "rsa-sha512", labels: ["rsa-sha512"], registeredName: nil
    ) { RSAMaker($0, .pkcs1, .sha512) }
}
