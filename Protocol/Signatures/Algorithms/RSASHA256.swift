import GatehouseCryptography

extension SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 9421 §3.3.2).
    public static let rsaSHA256 = SignatureAlgorithm(
        "rsa-sha256", labels: ["rsa-sha256"], registeredName: "rsa-v1_5-sha256"
    ) { RSAMaker($0, .pkcs1, .sha256) }
}
