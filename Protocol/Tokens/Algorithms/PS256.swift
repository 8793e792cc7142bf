import GatehouseCryptography

extension JWSAlgorithm {
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    public static let ps256 = rsa("PS256", .pss, .sha256)
}
