import Testing

@testable import GatehouseCryptography

@Suite("Key files", .timeLimit(.minutes(1)))
struct AsymmetricKeyTests {
    /// Made with `openssl genpkey`, `ecparam` and `genrsa`.
    private enum File {
        static let encrypted = """
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh14bcNLj69MgICCAAw
            DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELMFB4joUxEJyDApliErXpQEQMTo
            tA5HEEFL11xBohVEfYMW92DxkBktBsZU1yVZxJEROrkxnd+fF4ycn6JrhffkKWQ+
            6FYWpxNdda4x26QuBio=
            -----END ENCRYPTED PRIVATE KEY-----
            """
        static let koblitz = """
            -----BEGIN PUBLIC KEY-----
            MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEg/8TvQm01iw4UuZaluBGEMatZxDZZSPK
            W1ZxDMdg9dLuEso0kJM1gqDfnj1CmFSKBgDmMaH9bG/R/cNOt8Tu3g==
            -----END PUBLIC KEY-----
            """
        static let x25519 = """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VuAyEA/zESJlDGI6xKma0ubx2+6ZXvi0iBhhv6KbVNWI9cUCQ=
            -----END PUBLIC KEY-----
            """
        static let shortRSA = """
            -----BEGIN PUBLIC KEY-----
            MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCyCNJOL1cqC70t883c4EZrvKLx
            bbkY0zCccNDhJGaVLhi9aPIm4A0BKtkO1JEGW01A83sgEGBOw9BkhCK6Tt2TlnOX
            Pc4kIZ+f/9vJQgT151n7hx749CR3xfg++LXSz6ES3KeOxtLGfDqnvVmJpHRuahWB
            KSeN7ZaFn1+BfgLLcQIDAQAB
            -----END PUBLIC KEY-----
            """
        static let ed25519 = """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEAkvdp600SuxpJsWa+Ui8KHxtITVJ2L+/zWocQxYFi+Zo=
            -----END PUBLIC KEY-----
            """
        static let p384 = """
            -----BEGIN EC PRIVATE KEY-----
            MIGkAgEBBDAaTTYA0SMxT+J/Si91Zxp3x5xYAFbiwuLmF91Yptkudo6eBaDRh3vA
            00RSNVaNDj6gBwYFK4EEACKhZANiAAQViUy8qCb5sremUrLd2OVmVWUkUnZMuUa+
            dgY6bf0z/XWTAewryvKtsu9Z4XCkj+0FanumwnNVKF95cxGzeUA/ZiW0pNMa5ytK
            Llo7R6A5jBMqiJ2z2VY8ad+UzocpUaw=
            -----END EC PRIVATE KEY-----
            """
    }

    private func read(_ text: String, minimumBits: Int = 2048) throws -> AsymmetricKey {
        try AsymmetricKey(pem: Array(text.utf8), minimumBits: minimumBits)
    }

    @Test("a public and a private key are read as what they are, whatever stands around them")
    func kinds() throws {
        guard case .ed25519Public = try read("Some words.\n\(File.ed25519)\nMore.\n") else {
            Issue.record("no public Ed25519 key")
            return
        }
        guard case .ecdsaPrivate(let key) = try read(File.p384) else {
            Issue.record("no private P-384 key")
            return
        }
        #expect(key.publicKey.curve == .p384)
        #expect(
            key.publicKey.isValid(
                try key.sign([1], hash: .sha384), for: [1], hash: .sha384))
    }

    @Test("what is no key that we know is refused with the reason")
    func refused() {
        for (text, words) in [
            ("", "no key in PEM"), ("nonsense", "no key in PEM"), (File.encrypted, "decrypted first"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no key in PEM"),
            (String(File.ed25519.prefix(60)), "no key in PEM"),
            (File.koblitz, "none of P-256, P-384 and P-521"), (File.x25519, "none of RSA, ECDSA and Ed25519"),
        ] {
            let error = #expect(throws: CryptographyError.self, "\(words)") { try read(text) }
            #expect(
                error?.reason == .invalidKey && error?.detail.contains(words) == true, "\(String(describing: error))")
        }
    }

    @Test("a short RSA key is weak, unless a shorter one is asked for")
    func short() throws {
        #expect(#expect(throws: CryptographyError.self) { try read(File.shortRSA) }?.reason == .weakKey)
        #expect(throws: Never.self) { try read(File.shortRSA, minimumBits: 1024) }
    }
}
