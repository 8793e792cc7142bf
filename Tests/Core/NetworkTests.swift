import Testing

@testable import GatehouseCore

@Suite("Networks and hosts")
struct NetworkTests {
    static let networks: [(address: String, network: String)] = [
        ("192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80:0:0:0::/64"),
        ("::1", "0:0:0:0::/64"),
        ("", "unknown"), ("localhost", "unknown"), ("1.2.3", "unknown"), ("1.2.3.4.5", "unknown"),
        ("01.2.3.4", "unknown"),
    ]

    @Test("limits are counted for an IPv4 address and for the first half of an IPv6 address", arguments: networks)
    func network(address: String, network: String) { #expect(Network(address: address).description == network) }

    static let blocks: [(block: String, address: String, isInside: Bool)] = [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/9", "10.127.0.1", true), ("10.0.0.0/9", "10.128.0.1", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true), ("::1", "::1", true), ("::/0", "10.0.0.1", false),
        ("10.1.2.3/8", "10.9.9.9", true),
    ]

    @Test("a block holds the addresses that share its first bits", arguments: blocks)
    func block(block: String, address: String, isInside: Bool) throws {
        let block = try #require(AddressBlock(block))
        #expect(block.contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(
        "what is no block is refused",
        arguments: ["", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "a/8"])
    func noBlock(text: String) { #expect(AddressBlock(text) == nil) }

    static let forwarded: [(peer: String, lines: [String], client: String)] = [
        // A stranger may write what it wants.
        ("203.0.113.5", ["1.1.1.1"], "203.0.113.5"),
        ("203.0.113.5", ["10.0.0.1"], "203.0.113.5"),
        // A trusted proxy says who was there.
        ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("::ffff:10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        // What stands to the left of the first stranger was written by that stranger.
        ("10.0.0.1", ["9.9.9.9, 1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9, 1.1.1.1, 10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9", "1.1.1.1", "10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // Nobody there, or nobody that can be read.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, garbage"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["1.1.1.1,,"], "1.1.1.1"),
    ]

    @Test("only trusted proxies are believed", arguments: forwarded)
    func trustedProxies(peer: String, lines: [String], client: String) throws {
        let proxies = TrustedProxies([try #require(AddressBlock("10.0.0.0/8"))])
        #expect(proxies.client(peer: peer, forwardedFor: lines) == client)
        #expect(TrustedProxies([]).client(peer: peer, forwardedFor: lines) == peer)
    }

    static let authorities: [(text: String, host: String?, port: Int?)] = [
        ("Example.COM", "example.com", nil), ("example.com:443", "example.com", 443), ("a.test.", "a.test", nil),
        ("a.test:", "a.test", nil), ("127.0.0.1:9096", "127.0.0.1", 9096), ("[::1]", "::1", nil),
        ("[2001:DB8::1]:80", "2001:db8::1", 80), (" a.test ", "a.test", nil), ("a_b.test", "a_b.test", nil),
        ("a.test:65535", "a.test", 65535),
        ("", nil, nil), (":80", nil, nil), ("a.test:65536", nil, nil), ("a.test:8a", nil, nil), ("a b", nil, nil),
        ("a.test:+1", nil, nil), ("a.test:-1", nil, nil), ("[::1", nil, nil), ("[1.2.3.4]", nil, nil),
        ("[::1]x", nil, nil), ("::1", nil, nil), ("user@a.test", nil, nil), ("a.test/", nil, nil), ("a,b", nil, nil),
        ("bücher.test", nil, nil), ("\u{212A}.test", nil, nil), ("[::1]\u{301}", nil, nil),
        ("a.test:99999999999999999999", nil, nil), ("[a.test]", nil, nil),
    ]

    @Test("a host is a name or an address with an optional port, and nothing else", arguments: authorities)
    func authority(text: String, host: String?, port: Int?) {
        let authority = Authority(text)
        #expect(authority?.host == host)
        #expect(authority?.port == port)
    }

    @Test("a host has 255 octets at most")
    func longHost() {
        #expect(Authority(String(repeating: "a", count: 255)) != nil)
        #expect(Authority(String(repeating: "a", count: 256)) == nil)
    }

    @Test("the authority of an absolute target is read, and no other target has one")
    func absoluteTarget() {
        #expect(Authority(ofAbsoluteTarget: "http://A.test:80/x?y") == Authority("a.test:80"))
        #expect(Authority(ofAbsoluteTarget: "HTTPS://a.test?x") == Authority("a.test"))
        #expect(Authority(ofAbsoluteTarget: "/http://a.test") == nil)
        #expect(Authority(ofAbsoluteTarget: "ftp://a.test/") == nil)
        #expect(Authority(ofAbsoluteTarget: "http:///x") == nil)
    }

    static let encoded: [(text: String, plain: String?, form: String?)] = [
        ("a%24b", "a$b", "a$b"), ("a+b", "a+b", "a b"), ("%2B", "+", "+"), ("%c3%a9", "é", "é"), ("", "", ""),
        ("é", "é", "é"), ("%00", "\0", "\0"), ("%2", nil, nil), ("%", nil, nil), ("%GG", nil, nil), ("%2g", nil, nil),
        ("%FF", nil, nil), ("%C3", nil, nil), ("%C0%80", nil, nil), ("%ED%A0%80", nil, nil), ("%+2", nil, nil),
        ("%25%32%34", "%24", "%24"),
    ]

    @Test("percent-encoding is undone once, and what is broken or no UTF-8 is refused", arguments: encoded)
    func percentEncoding(text: String, plain: String?, form: String?) {
        #expect(PercentEncoding.decode(text) == plain)
        #expect(PercentEncoding.decodeForm(text) == form)
    }
}
