import GatehouseCryptography

extension SignatureAlgorithm {
    /// HMAC with SHA-256 (RFC 9421 §3.3.3).
    public static let hmacSHA256 = SignatureAlgorithm(
        "hmac-sha256", labels: ["hmac-sha256"], registeredName: "hmac-sha256"
    ) { HMACMaker($0, .sha256) }
}
