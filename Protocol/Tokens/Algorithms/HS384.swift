import GatehouseCryptography

extension JWSAlgorithm {
    /// HMAC with SHA-384 (RFC 7518 §3.2).
    public static let hs384 = hmac("HS384", .sha384)
}
