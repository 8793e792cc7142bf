import GatehouseCryptography

/// Keys that nobody has, for requests that name none that counts: checked with one of these, such a request takes as long
/// as one by a known key, as far as the message tells what kind of key it would be.
package struct Decoys: Sendable {
    private let keys: [SignatureAlgorithm: SignatureKey]
    private let shared: SignatureKey

    package init() {
        let secret = SystemRandom.bytes(SignatureKey.secretSize)
        var keys: [SignatureAlgorithm: SignatureKey] = [:]
        for algorithm in SignatureAlgorithm.allCases {
            let pair: AsymmetricKey? =
                switch algorithm {
                case .ed25519: .ed25519Private(.generate())
                case .ecdsaP256SHA256: .ecdsaPrivate(.generate(.p256))
                case .ecdsaP384SHA384: .ecdsaPrivate(.generate(.p384))
                default: algorithm.isShared ? nil : try? AsymmetricKey(pem: Array(Self.rsa.utf8), isKnown: true)
                }
            if let pair {
                keys[algorithm] = try? SignatureKey(id: "-", pair, algorithm: algorithm)
            } else {
                keys[algorithm] = try? SignatureKey(id: "-", secret: secret, algorithm: algorithm)
            }
        }
        self.keys = keys
        guard let shared = keys[.hmacSHA256] else { preconditionFailure("a secret of 256 bits makes a key") }
        self.shared = shared
    }

    /// By what the message names, else by how long its signature is.
    private func key(for received: ReceivedSignature) -> SignatureKey {
        let named = SignatureAlgorithm.allCases.first { received.names($0) }
        let algorithm: SignatureAlgorithm =
            if let named { named } else {
                switch received.size {
                case ..<64: .hmacSHA256
                case 64: .ed25519
                case ..<96: .ecdsaP256SHA256
                case ..<128: .ecdsaP384SHA384
                default: .rsaSHA256
                }
            }
        return keys[algorithm] ?? shared
    }

    /// Spends the time of a check; what comes of it counts for nothing.
    package func check(_ received: ReceivedSignature, of message: SignableMessage) {
        _ = try? received.verify(message, with: key(for: received))
    }

    /// A constant, because making one takes longer than starting the server. What it says of a signature counts for
    /// nothing, so it does not matter who has the other half.
    private static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApOVf+Bqbcbn3bIwjiqKP
        PYK8K5xts/U2/4JlyyKBNxvvj/DdWy9c3E1jhCjE1oU/8ryI/EHS2Ssuwjq5p3QE
        /GkjXNO0vqreBMhD12ClcgqGRe2XYTkW0ROOk3AptjYUfjFlzFIcYCxSaE4IkVbX
        soM688A280d/NHZJonCmTU3LtLIFqtlMq2QHKtIgjoDggZUCcxfbf8skUtVY0gfr
        DP0xPj5xdIodnvV5AdU9pHLKjnYFt+LLEt/uebY3pmdoFRfFZDbrk+LL5IXH7I57
        Ba6Gq9c9tj2G69SB4lsnJ0r71pgXNtw9OGS5elyz1o4XV2bbiwid+MIjvi9OMPds
        HwIDAQAB
        -----END PUBLIC KEY-----
        """
}
