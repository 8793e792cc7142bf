import GatehouseCryptography

extension JWSAlgorithm {
    /// HMAC with SHA-512 (RFC 7518 §3.2).
    public static let hs512 = hmac("HS512", .sha512)
}
