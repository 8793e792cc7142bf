import GatehouseCryptography

extension SignatureAlgorithm {
    /// RSASSA-PSS with SHA-512 and a salt of 64 octets (RFC 9421 §3.3.1). draft-cavage has `hs2019` for it only.
    public static let rsaPSSSHA512 = SignatureAlgorithm(
        "rsa-pss-sha512", labels: [], registeredName: "rsa-pss-sha512"
    ) { RSAMaker($0, .pss, .sha512) }
}
