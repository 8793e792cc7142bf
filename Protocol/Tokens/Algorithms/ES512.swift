import GatehouseCryptography

extension JWSAlgorithm {
    /// ECDSA over P-521 with SHA-512 (RFC 7518 §3.4).
    public static let es512 = ecdsa("ES512", .p521, .sha512)
}
