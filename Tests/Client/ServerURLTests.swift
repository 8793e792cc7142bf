import Testing

@testable import GatehouseClient

@Suite("The server's URL")
struct ServerURLTests {
    @Test(
        "is taken in one form: lower case, no slash at the end",
        arguments: [
            ("https://id.example.org", "https://id.example.org"), ("HTTPS://ID.Example.ORG/", "https://id.example.org"),
            ("https://id.example.org:8443/", "https://id.example.org:8443"),
            ("http://localhost:9096", "http://localhost:9096"),
            ("http://127.0.0.1", "http://127.0.0.1"), ("http://[::1]:80/", "http://[::1]:80"),
            ("https://[2001:DB8::1]", "https://[2001:db8::1]"), ("http://a.localhost", "http://a.localhost"),
        ])
    func canonical(text: String, server: String) throws {
        #expect(try Gatehouse(server: text).server == server)
    }

    @Test(
        "is refused when it is anything but scheme, host and port",
        arguments: [
            "", "id.example.org", "https://", "https:///", "https://:443", "ftp://id.example.org",
            "https://id.example.org//",
            "https://id.example.org/v1", "https://id.example.org?x", "https://id.example.org#x",
            "https://id.example.org:",
            "https://id.example.org:0", "https://id.example.org:65536", "https://id.example.org:+80",
            "https://id.example.org:８０",
            "https://id example.org", "https://id.example.org\n", "https://id.example.org\\@evil.test",
            "https://me@id.example.org",
            "https://[::1", "https://[]", "https://[::1]x", "https://[::1%25lo]", "https://bücher.example",
            "https://a%2fb",
        ])
    func refused(text: String) async {
        let error = #expect(throws: GatehouseError.self) { try Gatehouse(server: text) }
        guard case .invalidServer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "is https for every other machine, unless the caller insists",
        arguments: [
            "http://id.example.org", "http://10.0.0.1", "http://127.0.0.1.example.org", "http://localhost.example.org",
            "http://128.0.0.1",
            "http://127.1", "http://[::2]", "http://0.0.0.0", "http://127.0.0.256",
        ])
    func secure(text: String) throws {
        #expect(throws: GatehouseError.self) { try Gatehouse(server: text) }
        #expect(try Gatehouse(server: text, insecureHTTP: true).server == text)
    }

    @Test("that holds a password is not repeated in the error")
    func password() {
        let error = #expect(throws: GatehouseError.self) { try Gatehouse(server: "https://me:hunter2@id.example.org") }
        #expect(error.map { !"\($0)".contains("hunter2") } == true)
    }
}
