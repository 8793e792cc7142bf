import Foundation
import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("gatehouse check", .timeLimit(.minutes(2)))
struct CheckTests {
    /// The verdicts, by subject; of several about one subject the worst.
    private static func verdicts(_ store: TestStore, _ flags: [String]) async throws -> (code: Int32, [String: String])
    {
        let ended = try await store.command(["check", "--json"] + flags)
        let findings = try JSONValue(parsing: Array(ended.output.utf8)).array ?? []
        var verdicts: [String: String] = [:]
        for finding in findings {
            let (subject, verdict) = (finding["subject"]?.string ?? "", finding["verdict"]?.string ?? "")
            if verdicts[subject] != "wrong" { verdicts[subject] = verdict }
        }
        return (ended.code, verdicts)
    }

    @Test("finds nothing wrong with a server as it should be")
    func good() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let server = try await store.start()
            let (code, verdicts) = try await Self.verdicts(store, ["--public-url", server.url])
            #expect(code == 0)
            for subject in ["store", "master key", "admins", "public URL", "disk"] {
                #expect(verdicts[subject] == "ok", "\(subject)")
            }
            #expect(verdicts["mail"] == "note")
        }
    }

    @Test(
        "finds what is wrong: files for all, no public URL, no proxy named, strangers believed, mail that nobody takes, another key"
    )
    func wrong() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.gatehouse("key", "add", "--account", "admin@a.test")
            var (code, verdicts) = try await Self.verdicts(store, [])
            #expect(code == 1 && verdicts["public URL"] == "wrong")
            // A port of this machine at which nobody listens.
            let nobody = "127.0.0.1:9"
            (code, verdicts) = try await Self.verdicts(
                store,
                [
                    "--public-url", "https://\(nobody)", "--mail-server", "smtp://\(nobody)", "--mail-from",
                    "id@a.test",
                    "--mail-tls", "none",
                ])
            #expect(code == 1)
            for subject in ["public URL", "proxy", "mail"] { #expect(verdicts[subject] == "wrong", "\(subject)") }
            (code, verdicts) = try await Self.verdicts(store, ["--trusted-proxies", "0.0.0.0/0"])
            #expect(verdicts["proxy"] == "wrong")
            (code, verdicts) = try await Self.verdicts(store, ["--trusted-proxies", "10.0.0.0/8,::1"])
            #expect(verdicts["proxy"] == "ok")

            let key = store.database + ".key"
            #expect(verdicts["master key"] == "ok")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: key)
            (code, verdicts) = try await Self.verdicts(store, [])
            #expect(verdicts["master key"] == "wrong")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
            try Data((String(repeating: "A", count: 43) + "\n").utf8).write(to: URL(filePath: key))
            (code, verdicts) = try await Self.verdicts(store, [])
            #expect(verdicts["master key"] == "wrong")
            let mistyped = try await store.command(["check", "--public-urls", "x"])
            #expect(mistyped.code == 2)
        }
    }

    @Test("finds a store without an admin, and a public URL that leads elsewhere")
    func incomplete() async throws {
        try await withStore { store in
            try await store.addAccount("nurse@a.test")
            let other = try RawServer(answering: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            let (code, verdicts) = try await Self.verdicts(store, ["--public-url", other.url])
            #expect(other.connections == 1)
            #expect(code == 1)
            #expect(verdicts["admins"] == "wrong")
            #expect(verdicts["public URL"] == "wrong")
        }
    }

    @Test("finds a file of settings with a secret that others can read, and lets others read one without")
    func settingsFile() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let key = #"{"k":"\#(Base64URL.encode(SystemRandom.bytes(32)))","kty":"oct"}"#
            for (text, verdict) in [("port: 9999\n", "ok"), ("signing-key: '\(key)'\n", "wrong")] {
                let file = try store.folder.write(text, to: "\(verdict).yaml").path
                try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
                let (_, verdicts) = try await Self.verdicts(store, ["--config", file])
                #expect(verdicts["settings"] == verdict, "\(text)")
            }
            let ended = try await store.command(["check", "--tls-cert", "no.pem", "--tls-key", "no.key"])
            #expect(ended.code == 1 && ended.output.contains("Put it there, or name another."), "\(ended)")
        }
    }

    @Test("finds a store that the server cannot read, and a folder in which it can make no files")
    func permissions() async throws {
        // Root obeys permissions once it lacks these capabilities.
        let shell = #"exec setpriv --bounding-set=-dac_override,-dac_read_search "$0" "$@""#
        try await withStore { store in
            try await store.addAdmin()
            let check = ["check", "--database", store.database]
            let folder = store.folder.url.path
            for (path, permissions, words) in [
                (store.database, 0o000, "\(store.database) belongs to \(NSUserName()) and cannot be read by"),
                (folder, 0o500, "can make no files in it"),
            ] {
                let before = try FileManager.default.attributesOfItem(atPath: path)
                try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
                let ended = try await Program.gatehouse.run(check, shell: geteuid() == 0 ? shell : nil)
                try FileManager.default.setAttributes(
                    [.posixPermissions: try #require(before[.posixPermissions])], ofItemAtPath: path)
                #expect(ended.code == 1)
                let lines = ended.output.split(separator: "\n")
                #expect(lines.contains { $0.hasPrefix("wrong   store: ") && $0.contains(words) })
            }
        }
    }

    @Test("tells root to be the user who has the store", .enabled(if: geteuid() == 0, "only for root"))
    func root() async throws {
        try await withStore { store in
            try await store.addAdmin()
            var (_, verdicts) = try await Self.verdicts(store, [])
            #expect(verdicts["user"] == nil)
            try FileManager.default.setAttributes([.ownerAccountID: 65534], ofItemAtPath: store.database)
            (_, verdicts) = try await Self.verdicts(store, [])
            #expect(verdicts["user"] == "note")
        }
    }

    @Test(
        "finds a certificate that ends soon, and one that has ended",
        .enabled(if: OpenSSL.isThere, "openssl is not installed"))
    func certificate() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let (certificate, key) = (store.folder.path("tls.pem"), store.folder.path("tls.key"))
            func openSSL(_ arguments: String...) async throws {
                let code = try await OpenSSL.run(arguments, in: store.folder)
                try #require(code == 0)
            }
            func check() async throws -> Program.Ended {
                try await store.command(["check", "--tls-cert", certificate, "--tls-key", key])
            }
            try await openSSL(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=a.test", "-keyout", key, "-out", certificate)
            var ended = try await check()
            #expect(ended.code == 1)
            #expect(ended.output.contains("wrong   TLS: the certificate in \(certificate) ends in "))
            // One that ended yesterday.
            try await openSSL("x509", "-in", certificate, "-signkey", key, "-days", "-1", "-out", certificate)
            ended = try await check()
            #expect(ended.code == 1)
            #expect(ended.output.contains("wrong   TLS: the certificate in \(certificate) has ended"))
        }
    }

    @Test(
        "looks at each of several certificates, and names the hosted hosts that none of them names",
        .enabled(if: OpenSSL.isThere, "openssl is not installed"))
    func severalCertificates() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.gatehouse("domain", "add", "a.test", "--host", "id.a.test", "--host", "cap.b.test")
            var files: [(certificate: String, key: String)] = []
            for (name, host, days) in [("one", "*.a.test", "90"), ("two", "a.test", "2")] {
                let (certificate, key) = (store.folder.path("\(name).pem"), store.folder.path("\(name).key"))
                files.append((certificate, key))
                let arguments: [String] = [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    days,
                    "-subj", "/CN=x", "-addext", "subjectAltName=DNS:\(host)", "-keyout", key, "-out", certificate,
                ]
                let code = try await OpenSSL.run(arguments, in: store.folder)
                try #require(code == 0)
            }
            let flags: [String] = [
                "--tls-cert", files.map(\.certificate).joined(separator: ","), "--tls-key",
                files.map(\.key).joined(separator: ","),
            ]
            let ended = try await store.command(["check"] + flags)
            let expected: [String] = [
                "ok      TLS: the certificate in \(files[0].certificate) ends in ",
                "wrong   TLS: the certificate in \(files[1].certificate) ends in ",
                "note    TLS: no certificate names cap.b.test, of domains that are hosted here",
                "ok      TLS key: \(files[0].key)", "ok      TLS key: \(files[1].key)",
            ]
            for words in expected {
                #expect(ended.output.contains(words), "\(words): \(ended)")
            }
            let elsewhere = try await store.command(["check", "--public-url", "https://id.c.test"] + flags)
            #expect(elsewhere.output.contains("wrong   TLS: no certificate names id.c.test"), "\(elsewhere)")
        }
    }

    @Test("changes nothing")
    func readsOnly() async throws {
        try await withStore { store in
            let (code, verdicts) = try await Self.verdicts(store, [])
            #expect(code == 1 && verdicts["store"] == "wrong")
            #expect(!FileManager.default.fileExists(atPath: store.database))
        }
    }
}
