import GatehouseCryptography

extension JWSAlgorithm {
    /// ECDSA over P-384 with SHA-384 (RFC 7518 §3.4).
    public static let es384 = ecdsa("ES384", .p384, .sha384)
}
