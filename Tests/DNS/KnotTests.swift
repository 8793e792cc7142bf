import GatehouseDNS
import GatehouseTestSupport
import Testing

@Suite("A real name server (knot)", .timeLimit(.minutes(2)))
struct KnotTests {
    private static let zone = """
        @ TXT "gatehouse=good"
        split TXT "gatehouse=" "in " "three strings"
        several TXT "one"
        several TXT "two"
        several TXT ""
        alias CNAME several
        further CNAME alias
        dangling CNAME nothing
        outside CNAME somewhere.else.test.
        loop CNAME pool
        pool CNAME loop
        binary TXT "\\000\\255\\"\\\\"
        *.wild TXT "whoever asks"
        host A 127.0.0.1
        both A 127.0.0.2
        both A 127.0.0.3
        both AAAA ::1
        c0 CNAME c1
        c1 CNAME c2
        c2 CNAME c3
        c3 CNAME c4
        c4 TXT "four aliases"
        _opencap._tcp 60 SRV 10 5 8443 cap
        _opencap._tcp 60 SRV 20 0 443 Cap.Other.test.
        _opencap._tcp.none SRV 0 0 0 .
        \(huge)
        """
    private static let huge = (0..<120).map { "huge TXT \"\($0)-\(String(repeating: "x", count: 200))\"" }
        .joined(separator: "\n")

    private func withKnot(_ body: (DNSClient) async throws -> Void) async throws {
        let server = try await NameServer(["a.test": Self.zone])
        let address = try #require(DNSServer(server.address))
        try await body(DNSClient(servers: [address], timeout: .seconds(10)))
        withExtendedLifetime(server) {}
    }

    private func texts(_ client: DNSClient, _ name: String) async throws -> [String] {
        try await client.texts(of: name).map { String(decoding: $0.octets, as: UTF8.self) }.sorted()
    }

    @Test("texts come whole: of several strings, in several records, through aliases, with any octets, and over TCP")
    func texts() async throws {
        try await withKnot { client in
            #expect(try await texts(client, "a.test") == ["gatehouse=good"])
            #expect(try await texts(client, "A.Test") == ["gatehouse=good"])
            #expect(try await texts(client, "split.a.test") == ["gatehouse=in three strings"])
            for name in ["several", "alias", "further"] {
                #expect(try await texts(client, "\(name).a.test") == ["", "one", "two"])
            }
            #expect(try await client.texts(of: "binary.a.test").map(\.octets) == [[0, 255, 34, 92]])
            #expect(try await texts(client, "anybody.wild.a.test") == ["whoever asks"])
            #expect(try await texts(client, "c0.a.test") == ["four aliases"])
            let huge = try await client.texts(of: "huge.a.test")
            #expect(huge.count == 120 && huge.allSatisfy { $0.octets.count > 200 && $0.timeToLive == 300 })
        }
    }

    @Test("what there is not is told apart: no such name, no such record, and what this server cannot know")
    func missing() async throws {
        try await withKnot { client in
            for (name, expected) in [
                ("nothing.a.test", DNSError.nameUnknown), ("dangling.a.test", .nameUnknown),
                ("nothing.below.a.test", .nameUnknown), ("host.a.test", .noData), ("below.wild.a.test.b", .refused),
                ("b.test", .refused), ("outside.a.test", .serverFailed), ("loop.a.test", .malformed),
            ] {
                await #expect(throws: expected, "\(name)") { () async throws in _ = try await client.texts(of: name) }
                #expect(expected.isCertain == [.nameUnknown, .noData].contains(expected))
            }
        }
    }

    @Test("services come with priority, weight, port and host; a service that is not offered says so")
    func services() async throws {
        try await withKnot { client in
            let services = try await client.services(of: "_opencap._tcp.a.test").sorted { $0.priority < $1.priority }
            let words = services.map { "\($0.priority) \($0.weight) \($0.port) \($0.target) \($0.timeToLive)" }
            #expect(words == ["10 5 8443 cap.a.test 60", "20 0 443 cap.other.test 60"])
            #expect(try await client.services(of: "_opencap._tcp.none.a.test").map(\.target) == [""])
            await #expect(throws: DNSError.noData) { () async throws in _ = try await client.services(of: "a.test") }
            await #expect(throws: DNSError.nameUnknown) { () async throws in
                _ = try await client.services(of: "_opencap._tcp.nobody.a.test")
            }
        }
    }

    @Test("the addresses of a host are of both kinds, IPv6 first")
    func addresses() async throws {
        try await withKnot { client in
            #expect(try await client.addresses(of: "host.a.test") == ["127.0.0.1"])
            let both = try await client.addresses(of: "both.a.test")
            #expect(both.first == "::1" && both.dropFirst().sorted() == ["127.0.0.2", "127.0.0.3"])
            await #expect(throws: DNSError.noData) { () async throws in
                _ = try await client.addresses(of: "split.a.test")
            }
            await #expect(throws: DNSError.nameUnknown) { () async throws in
                _ = try await client.addresses(of: "nothing.a.test")
            }
        }
    }

    @Test("two thousand questions at once get their own answers, and a server that is not there is passed over")
    func many() async throws {
        let server = try await NameServer(["a.test": "*.wild TXT \"whoever asks\""])
        let address = try #require(DNSServer(server.address))
        let nobody = try #require(DNSServer("127.0.0.1:\(try RawServer.unusedPort())"))
        let client = DNSClient(servers: [nobody, address], timeout: .seconds(30))
        let right = await withTaskGroup { group in
            for number in 0..<2000 {
                group.addTask { (try? await client.texts(of: "n\(number).wild.a.test"))?.count == 1 }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(right == 2000)
        withExtendedLifetime(server) {}
    }
}
