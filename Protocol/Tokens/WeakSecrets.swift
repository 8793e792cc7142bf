package import GatehouseCryptography

/// Secrets that no server may sign with. This is the one place that lists them.
package enum WeakSecrets {
    /// Whether it has fewer than 256 bits, is not random, or can be read somewhere.
    package static func isWeak(_ secret: SecretBytes) -> Bool {
        secret.count < 32 || isGuessable(secret) || isPublished(secret)
    }

    /// Whether it stands in a document or source tree that anyone can read. A server that signs with it belongs to
    /// everybody.
    static func isPublished(_ secret: SecretBytes) -> Bool {
        let octets = secret.copy
        return published.contains(octets) || publishedBeginnings.contains { octets.starts(with: $0) }
    }

    /// Whether the private half of a pair can be read somewhere.
    static func isPublished(_ jwk: JWK) -> Bool { jwk.isAsymmetric && publishedPairs.contains(jwk.thumbprint()) }

    /// Whether it is clearly not random: few different octets, a plain sequence, or a text with fewer than 256 bits even if
    /// its characters were random. A random one of 256 bits is taken for such a secret less than once in 10^13 keys.
    static func isGuessable(_ secret: SecretBytes) -> Bool {
        let octets = secret.copy
        let steps = Set(zip(octets, octets.dropFirst()).map { $1 &- $0 })
        return Set(octets).count < 8 || steps.count < 2 || (bits(ofText: octets).map { $0 < 256 } ?? false)
    }

    /// At most so many bits are in a text of such characters; nil for what is no text.
    private static func bits(ofText octets: [UInt8]) -> Double? {
        guard octets.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        let characters = Set(octets.map { Character(Unicode.Scalar($0)) })
        let bitsEach =
            if characters.allSatisfy(\.isNumber) {
                3.33
            } else if characters.allSatisfy(\.isHexDigit) {
                4.0
            } else if !characters.contains(where: \.isUppercase) || !characters.contains(where: \.isLowercase) {
                5.2
            } else if characters.allSatisfy({ $0.isLetter || $0.isNumber || "+/-_=".contains($0) }) {
                6.0
            } else {
                6.6
            }
        return Double(octets.count) * bitsEach
    }

    private static let texts = [
        // The default of the C3-PRO IDM service.
        "super-duper-secret",
        // The sample in Ampho's documentation.
        "PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s",
        // RFC 7515 A.1.
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        // RFC 7520 §3.5 and §3.6.
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        "AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8",
        // What jwt.io, a page for trying tokens out, fills in for HS256, HS384 and HS512.
        "a-string-secret-at-least-256-bits-long",
        "a-valid-string-secret-that-is-at-least-384-bits-long",
        "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    ]

    /// Pairs by their thumbprint (RFC 7638), since one key can be written with more than one private number.
    private static let publishedPairs: Set = [
        // RFC 7515 A.2, A.3 and A.4.
        "IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8",
        "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
        "u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U",
        // RFC 7517 A.2.
        "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        // RFC 7520 §3.2 and §3.4.
        "dHri3SADZkrush5HU_50AoRhcKFryN-PI6jPBtPL55M",
        "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
        // RFC 8037 A.1.
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        // RFC 9421 B.1: RSA, RSA for PSS, P-256, Ed25519.
        "BHj8s0GPnMEQtkaULIM-PLgEhLBbuGUQ1vMxmBWZzEo",
        "oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA",
        "ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI",
        "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U",
        // jwt.io: RSA, P-256, P-384, P-521.
        "oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY",
        "19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8",
        "iTqXXI0zbAnJCKDaobfhkM1f-6rMSpTfyZMRp_2tKI8",
        "xZDfZpry4P9vZPZyG2fNBRj-7Lz5omVdm7tHoCgSNfY",
    ]

    /// A text may have been put into `k` as it is, or as the octets that it encodes.
    private static let published = Set(texts.flatMap(forms))

    /// The secret in flaskCCAP's published settings; its beginning suffices to know it.
    private static let publishedBeginnings = forms("PyO/SMCi")

    private static func forms(_ text: String) -> [[UInt8]] {
        [Array(text.utf8)] + [Base64URL.decode(text), Base64.decode(text)].compactMap { $0 }
    }
}
