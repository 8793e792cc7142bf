import GatehouseCryptography

/// Secrets that no server may sign with. This is the one place that lists them.
enum WeakSecrets {
    /// Whether it stands in a document or source tree that anyone can read. A server that signs with it belongs to
    /// everybody.
    static func isPublished(_ secret: SecretBytes) -> Bool {
        let octets = secret.copy
        return published.contains(octets) || publishedBeginnings.contains { octets.starts(with: $0) }
    }

    /// Whether it is clearly not random: few different octets, or a plain sequence. A random one of 256 bits is taken
    /// for such a secret less than once in 10^30 keys.
    static func isGuessable(_ secret: SecretBytes) -> Bool {
        let octets = secret.copy
        let steps = Set(zip(octets, octets.dropFirst()).map { $1 &- $0 })
        return Set(octets).count < 8 || steps.count < 2
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
        // RFC 8037 A.1, the private key.
        "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        // What a well-known web page for trying tokens out fills in.
        "a-string-secret-at-least-256-bits-long",
    ]

    /// A text may have been put into `k` as it is, or as the octets that it encodes.
    private static let published = Set(texts.flatMap(forms))

    /// The secret in flaskCCAP's published settings; its beginning suffices to know it.
    private static let publishedBeginnings = forms("PyO/SMCi")

    private static func forms(_ text: String) -> [[UInt8]] {
        [Array(text.utf8)] + [Base64URL.decode(text), Base64.decode(text)].compactMap { $0 }
    }
}
