import Foundation
import GatehouseJSON
import GatehouseTestSupport
import Testing

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
            // Another server than ours listens there: one that speaks no HTTP at all.
            let (code, verdicts) = try await Self.verdicts(store, ["--public-url", "http://127.0.0.1:9"])
            #expect(code == 1)
            #expect(verdicts["admins"] == "wrong")
            #expect(verdicts["public URL"] == "wrong")
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
