import GatehouseCryptography

extension JWSAlgorithm {
    /// RSASSA-PSS with SHA-384 (RFC 7518 §3.5).
    public static let ps384 = rsa("PS384", .pss, .sha384)
}
