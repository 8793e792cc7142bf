import GatehouseCryptography

extension JWSAlgorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2).
    public static let hs256 = hmac("HS256", .sha256)
}
