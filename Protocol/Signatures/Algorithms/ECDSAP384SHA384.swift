import GatehouseCryptography

extension SignatureAlgorithm {
    /// ECDSA over P-384 with SHA-384 (RFC 9421 §3.3.5). draft-cavage has `hs2019` for it only.
    public static let ecdsaP384SHA384 = SignatureAlgorithm(
        "ecdsa-p384-sha384", labels: [], registeredName: "ecdsa-p384-sha384"
    ) { ECDSAMaker($0, .p384, .sha384) }
}
