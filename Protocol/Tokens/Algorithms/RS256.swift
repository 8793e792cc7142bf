import GatehouseCryptography

extension JWSAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    public static let rs256 = rsa("RS256", .pkcs1, .sha256)
}
