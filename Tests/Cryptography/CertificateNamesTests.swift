import GatehouseCryptography
import Testing

@Suite("Names of certificates")
struct CertificateNamesTests {
    /// Made with `openssl req -x509 -newkey ed25519 -nodes -subj /CN=common.example.test -days 3650 -outform DER
    /// -addext
    /// subjectAltName=DNS:id.example.test,DNS:*.wild.example.test,DNS:part*.example.test,IP:192.0.2.7,IP:2001:db8::7`.
    private static let named = """
        MIIBsDCCAWKgAwIBAgIUaOvp6V/l04jcgQ2xblVrdzTR1cQwBQYDK2VwMB4xHDAaBgNVBAMME2NvbW1vbi5leGFtcGxlLnRlc3QwHhcNMjYxMT
        IxMDYwNjQ3WhcNMzYxMTE4MDYwNjQ3WjAeMRwwGgYDVQQDDBNjb21tb24uZXhhbXBsZS50ZXN0MCowBQYDK2VwAyEAWLl3VPlL4MCIW5l2OBuG
        GMrFzJt/BkYLXgJA2SFwFFujgbEwga4wHQYDVR0OBBYEFLe78Nq29YFO3wiNC2AimDfsFGziMB8GA1UdIwQYMBaAFLe78Nq29YFO3wiNC2AimD
        fsFGziMA8GA1UdEwEB/wQFMAMBAf8wWwYDVR0RBFQwUoIPaWQuZXhhbXBsZS50ZXN0ghMqLndpbGQuZXhhbXBsZS50ZXN0ghJwYXJ0Ki5leGFt
        cGxlLnRlc3SHBMAAAgeHECABDbgAAAAAAAAAAAAAAAcwBQYDK2VwA0EALvFPDLgg6AeXYBe8OBEo3bvY5j9JdtNzfcqRqhd3OGMNPYPNdCWSJ+
        0h3OjkjcC5qZKzHhP9Mgay8s0HFaZ9DQ==
        """

    /// The same without `subjectAltName`.
    private static let commonNameOnly = """
        MIIBUTCCAQOgAwIBAgIUDUlxq+Xsw553yy0C+Q6iAPPQlOEwBQYDK2VwMB4xHDAaBgNVBAMME2NvbW1vbi5leGFtcGxlLnRlc3QwHhcNMjYxMT
        IxMDYwNjQ3WhcNMzYxMTE4MDYwNjQ3WjAeMRwwGgYDVQQDDBNjb21tb24uZXhhbXBsZS50ZXN0MCowBQYDK2VwAyEAdyM5UubCKFOjqmI6yNKH
        xhlJ/gdH0HPHPFgdCMecSrejUzBRMB0GA1UdDgQWBBRaMbSWJu5ArjIgcc6LOWi3PDo0AzAfBgNVHSMEGDAWgBRaMbSWJu5ArjIgcc6LOWi3PD
        o0AzAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAAKSUCjAGUNXgkt5KntkaL89fZRD6sC3NJlHVrqeCAElSOjF9NmzJwRUVAEdzSM4g1Qap+uX
        wC+9yeilzxwtngQ=
        """

    private func names(_ base64: String) throws -> CertificateNames {
        try CertificateNames(der: try #require(Base64.decode(base64.filter { !$0.isNewline })))
    }

    @Test(
        "a certificate covers the hosts in its subjectAltName, without regard to case",
        arguments: ["id.example.test", "ID.Example.TEST", "a.wild.example.test", "192.0.2.7", "2001:db8::7"])
    func covers(host: String) throws { #expect(try names(Self.named).cover(host: host)) }

    @Test(
        "it covers no other host",
        arguments: [
            "", "example.test", "x.id.example.test", "wild.example.test", "a.b.wild.example.test", ".example.test",
            ".wild.example.test", "partial.example.test", "common.example.test", "192.0.2.8", "2001:db8::8",
            "id.example.test\u{0}.evil.test", "id.example.test.evil.test", "*", "*.example.test",
        ])
    func coversNoOther(host: String) throws { #expect(try !names(Self.named).cover(host: host)) }

    @Test("the common name of a subject names no host (RFC 9525 §2)")
    func commonName() throws { #expect(try !names(Self.commonNameOnly).cover(host: "common.example.test")) }

    @Test("what is no certificate is refused", arguments: [[], [1, 2, 3], [0x30, 0x82, 0xff, 0xff]])
    func refuses(der: [UInt8]) {
        let error = #expect(throws: CryptographyError.self) { try CertificateNames(der: der) }
        #expect(error?.reason == .invalidCertificate)
    }
}
