import GatehouseCryptography

extension SignatureAlgorithm {
    /// ECDSA over P-256 with SHA-256 (RFC 9421 §3.3.4).
    public static let ecdsaP256SHA256 = SignatureAlgorithm(
        "ecdsa-p256-sha256", labels: ["ecdsa-sha256"], registeredName: "ecdsa-p256-sha256"
    ) { ECDSAMaker($0, .p256, .sha256) }
}
