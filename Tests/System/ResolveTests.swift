import Foundation
import GatehouseJSON
import GatehouseTestSupport
import Testing

@Suite("gatehouse-client that finds the server of an alias", .timeLimit(.minutes(2)))
struct ResolveTests {
    /// Our own server with TLS, as the host `cap.a.test` of the domain, and the names of both.
    private struct Place: Sendable {
        let server: ServerProcess
        let names: NameServer
        let certificate: TestCertificate
        let folder: TemporaryFolder

        func service(_ host: String = "cap", priority: Int = 1, port: UInt16? = nil) -> String {
            "_opencap._tcp 60 SRV \(priority) 0 \(port ?? server.port) \(host)\n"
        }

        func change(to records: String) async throws { try await names.change("a.test", to: hosts + records) }

        var hosts: String { "cap A 127.0.0.1\ncap2 A 127.0.0.1\nother A 127.0.0.1\n" }

        func resolve(_ alias: String, _ more: String..., trusting file: String? = nil) async throws -> Program.Ended {
            try await Program.client.run(
                [
                    "resolve", alias, "--dns-server", names.address, "--ca-file", file ?? certificate.file,
                    "--hosts-file", folder.path("hosts.json"),
                ] + more)
        }
    }

    private func withPlace(_ body: (Place) async throws -> Void) async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            let names = "DNS:cap.a.test,DNS:cap2.a.test,DNS:localhost,IP:127.0.0.1"
            let certificate = try TestCertificate(in: store.folder, named: "server", for: names)
            let server = try await store.start(["--tls-cert", certificate.file, "--tls-key", certificate.key])
            let set = try await Program.client.run(
                [
                    "set-address", "alice$a.test", Address.legacy.text, "--type", "100", "--password-file", "-",
                    "--server", server.url, "--ca-file", certificate.file,
                ], input: TestStore.password + "\n")
            #expect(set.code == 0, "\(set)")
            let place = Place(
                server: server, names: try await NameServer(["a.test": "", "b.test": ""]), certificate: certificate,
                folder: store.folder)
            try await place.change(to: place.service())
            try await body(place)
        }
    }

    @Test("resolves through DNS to a server over TLS, and keeps its host")
    func resolves() async throws {
        try await withPlace { place in
            let run = try await place.resolve("alice$a.test")
            #expect(run.code == 0 && run.output == "100  \(Address.legacy.text)\n" && run.errors.isEmpty, "\(run)")
            #expect(try place.folder.text("hosts.json") == #"{"a.test":["cap.a.test"]}"#)
            let json = try await place.resolve("Alice$A.test", "--type", "100", "--json")
            let expected: JSONValue = [
                ["address_type": 100, "address": .string(Address.legacy.text), "extensions": [:]]
            ]
            #expect(try JSONValue(parsing: Array(json.output.utf8)) == expected)
            let none = try await place.resolve("alice$a.test", "--type", "300")
            #expect(none.code == 1 && none.errors.contains("has no address of type 300"))
        }
    }

    @Test("says why not: no such alias, no service, no alias, a name server that does not help")
    func refusals() async throws {
        try await withPlace { place in
            for (alias, code, reason) in [
                ("nobody$a.test", 1, "knows no such alias"),
                ("alice$b.test", 1, "b.test does not offer OpenCAP: DNS names no host"),
                ("alice$c.test", 1, "refuse to answer"), ("alice", 2, "has no $"),
            ] {
                let run = try await place.resolve(alias)
                #expect(run.code == Int32(code) && run.output.isEmpty && run.errors.contains(reason), "\(run)")
            }
            let nobody = try await Program.client.run([
                "resolve", "alice$a.test", "--dns-server", "127.0.0.1:\(try RawServer.unusedPort())", "--hosts-file",
                place.folder.path("hosts.json"),
            ])
            #expect(nobody.code == 1 && nobody.errors.contains("cannot be reached"), "\(nobody)")
        }
    }

    @Test("refuses a wrong certificate and http, and goes on to the second host")
    func targets() async throws {
        try await withPlace { place in
            let untrusted = try TestCertificate(in: place.folder, named: "other", for: "DNS:cap.a.test")
            let foreign = try await place.resolve("alice$a.test", trusting: untrusted.file)
            #expect(foreign.code == 1 && foreign.errors.contains("cap.a.test:\(place.server.port)"), "\(foreign)")
            try await place.change(to: place.service("other"))
            #expect(try await place.resolve("alice$a.test").code == 1, "the certificate is not for that name")
            #expect(try !place.folder.names().contains("hosts.json"), "nobody was believed")

            try await withStore { store in
                try await store.addDomain("a.test")
                try await store.addAccount("alice$a.test")
                let plain = try await store.start()
                try await place.change(to: place.service(port: plain.port))
                let http = try await place.resolve("alice$a.test")
                #expect(http.code == 1 && http.output.isEmpty, "\(http)")
                let both = place.service(port: plain.port) + place.service("cap2", priority: 2)
                try await place.change(to: both)
                let run = try await place.resolve("alice$a.test")
                #expect(run.code == 0 && run.output.contains(Address.legacy.text), "\(run)")
            }
        }
    }

    @Test("refuses another host than before until that is confirmed")
    func pinning() async throws {
        try await withPlace { place in
            #expect(try await place.resolve("alice$a.test").code == 0)
            try await place.change(to: place.service("cap2"))
            for _ in 0..<2 {
                let run = try await place.resolve("alice$a.test")
                #expect(run.code == 1 && run.output.isEmpty && run.errors.contains("--accept-new-host"), "\(run)")
                #expect(run.errors.contains("cap2.a.test instead of cap.a.test"))
            }
            let confirmed = try await place.resolve("alice$a.test", "--accept-new-host")
            #expect(confirmed.code == 0 && confirmed.errors.contains("names cap2.a.test now"), "\(confirmed)")
            #expect(try await place.resolve("alice$a.test").code == 0)
        }
    }
}
