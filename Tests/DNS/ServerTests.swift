import GatehouseDNS
import GatehouseTestSupport
import Testing

@Suite("The address of a name server")
struct ServerTests {
    @Test("is an IP address with a port, 53 unless it is said")
    func taken() {
        for (text, description) in [
            ("127.0.0.1:5353", "127.0.0.1:5353"), ("192.0.2.1", "192.0.2.1:53"), ("[::1]:5353", "[::1]:5353"),
            ("[2001:db8::1]", "[2001:db8::1]:53"), ("2001:db8::1", "[2001:db8::1]:53"),
            ("127.0.0.1:65535", "127.0.0.1:65535"),
        ] {
            #expect(DNSServer(text)?.description == description, "\(text)")
        }
    }

    @Test("is nothing else")
    func refused() {
        for text in [
            "", ":", "53", "localhost", "ns.a.test:53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+53",
            "127.0.0.1:53 ", " 127.0.0.1", "127.0.0.1:53,127.0.0.2:53", "[127.0.0.1]:53", "[::1", "[::1]53", "[::1]:",
            "::1]:53",
            "127.0.0.1:٥٣", "256.0.0.1", "[::1]:53:53", "127.0.0.1\0", "127.0.0.1\0:53", "[::1%eth0]:53",
        ] {
            #expect(DNSServer(text) == nil, "\(text)")
        }
    }

    @Test("a name that cannot be one is refused before anybody is asked")
    func names() async throws {
        let server = try LyingNameServer { _ in [] }
        let address = try #require(DNSServer(server.address))
        let client = DNSClient(servers: [address])
        let long = String(repeating: "a", count: 64)
        for name in [
            "", ".", "a.", ".a", "a..b", "a b", "a\0b", "é.test", "a\\b", "*.a", long,
            String(repeating: "ab.", count: 84) + "ab",
        ] {
            await #expect(throws: DNSError.invalidName, "\(name)") { () async throws in
                _ = try await client.texts(of: name)
            }
        }
        #expect(server.questions == 0)
    }
}
