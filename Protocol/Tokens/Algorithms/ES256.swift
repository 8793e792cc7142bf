import GatehouseCryptography

extension JWSAlgorithm {
    /// ECDSA over P-256 with SHA-256 (RFC 7518 §3.4).
    public static let es256 = ecdsa("ES256", .p256, .sha256)
}
