import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("Backups", .timeLimit(.minutes(5)))
struct BackupTests {
    private static func accounts(in store: TestStore) async throws -> [String] {
        try await store.gatehouse("user", "list").split(separator: "\n").dropFirst().compactMap {
            $0.split(separator: " ").first.map(String.init)
        }
    }

    private static func sqlite(_ path: String, _ statement: String) throws {
        let program = Process()
        program.executableURL = URL(filePath: "/usr/bin/sqlite3")
        program.arguments = [path, statement]
        try program.begin()
        program.waitUntilExit()
        #expect(program.terminationStatus == 0)
    }

    @Test("a backup has all that was acknowledged before it began, is sound, and is made while others write")
    func whileWriting() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let server = try await store.start(["--test-limits"])
            let admin = try await server.token("admin@a.test")
            let made = Shared([String]())
            let backup = store.folder.path("backup.db")
            let before = try await withThrowingTaskGroup(of: [String].self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for number in 0..<12 {
                            let name = "user\(writer).\(number)@a.test"
                            let answer = try await server.send(
                                .post, "/user", bearer: admin,
                                json: ["username": .string(name), "password": .string(TestStore.password)])
                            #expect(answer.status == 200)
                            made.change { $0.append(name) }
                        }
                        return []
                    }
                }
                group.addTask {
                    try await wait(for: "a part of the users") { made.value.count >= 10 }
                    let known = made.value
                    try await store.gatehouse("backup", backup)
                    return known
                }
                return try await group.reduce([], +)
            }
            #expect(before.count >= 10)
            _ = try await server.stop()
            try await store.addAccount("later@a.test")
            let report = try await store.gatehouse("restore", backup)
            #expect(report.contains("is restored"))
            let restored = try await Self.accounts(in: store)
            #expect(Set(before).isSubset(of: Set(restored)))
            #expect(!restored.contains("later@a.test"))
            // It serves, and says in the audit log what it is.
            let again = try await store.start()
            #expect(try await again.send(.get, "/health/ready").status == 200)
            let log = try await store.command(["audit", "verify"])
            #expect(log.code == 0, "\(log)")
            _ = try await again.token("admin@a.test")
        }
    }

    @Test("a restore replaces nothing that a server runs on, and nothing by what is no sound store under its key")
    func refused() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.gatehouse("key", "add", "--account", "admin@a.test")
            let backup = store.folder.path("backup.db")
            try await store.gatehouse("backup", backup)
            let again = try await store.command(["backup", backup])
            #expect(again.code == 1 && again.errors.contains("already"))

            let server = try await store.start()
            let running = try await store.command(["restore", backup])
            #expect(running.code == 1 && running.errors.contains("stop it first"))
            _ = try await server.stop()

            var octets = try Data(contentsOf: URL(filePath: backup))
            for place in stride(from: 4096, to: octets.count - 1, by: 4096) { octets[place] ^= 0xff }
            try octets.write(to: URL(filePath: store.folder.path("broken.db")))
            try store.folder.write("hello", to: "text.db")
            for file in ["broken.db", "text.db", "nothing.db"] {
                let ended = try await store.command(["restore", store.folder.path(file)])
                #expect(ended.code == 1 && ended.errors.contains(file), "\(ended)")
            }
            // With something in it that no store has.
            let strange = store.folder.path("strange.db")
            try await store.gatehouse("backup", strange)
            try Self.sqlite(strange, "CREATE TRIGGER t AFTER INSERT ON accounts BEGIN DELETE FROM sessions; END")
            let ended = try await store.command(["restore", strange])
            #expect(ended.code == 1 && ended.errors.contains("tables"), "\(ended)")
            // Under another key.
            let other = try TestStore()
            try await other.addAdmin()
            try await other.gatehouse("key", "add", "--account", "admin@a.test")
            let foreign = try await other.command(["restore", backup])
            #expect(foreign.code == 1 && foreign.errors.contains("master key"), "\(foreign)")
            #expect(try await Self.accounts(in: store) == ["admin@a.test"])
            let left = try FileManager.default.contentsOfDirectory(atPath: store.folder.url.path)
            #expect(!left.contains { $0.hasSuffix(".restored") || $0.hasSuffix(".part") || $0.contains(".before-") })
        }
    }

    @Test("a backup is for its owner alone, and is written over nothing that lies there")
    func alone() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let backup = store.folder.path("backup.db")
            try store.folder.write("precious", to: "other")
            // A link to a file, and one to nowhere.
            for (name, target) in [("link.db", "other"), ("loose.db", "nowhere")] {
                try FileManager.default.createSymbolicLink(
                    atPath: store.folder.path(name), withDestinationPath: store.folder.path(target))
                let ended = try await store.command(["backup", store.folder.path(name)])
                #expect(ended.code == 1 && ended.output.isEmpty, "\(ended)")
            }
            #expect(try String(contentsOfFile: store.folder.path("other"), encoding: .utf8) == "precious")
            #expect(!FileManager.default.fileExists(atPath: store.folder.path("nowhere")))
            try await store.gatehouse("backup", backup)
            let attributes = try FileManager.default.attributesOfItem(atPath: backup)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(attributes[.type] as? FileAttributeType == .typeRegular)
        }
    }

    @Test("the store that was there is kept, and a damaged one does not stand in the way")
    func overADamagedOne() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let backup = store.folder.path("backup.db")
            try await store.gatehouse("backup", backup)
            try Data("this is no store any more".utf8).write(to: URL(filePath: store.database))
            let ended = try await store.command(["restore", backup])
            #expect(ended.code == 0, "\(ended)")
            #expect(try await Self.accounts(in: store) == ["admin@a.test"])
            let kept = try FileManager.default.contentsOfDirectory(atPath: store.folder.url.path).filter {
                $0.hasPrefix("store.db.before-")
            }
            #expect(kept.count == 1)
        }
    }

    @Test("a log that somebody left without its store is no part of the restored one, and is kept")
    func overALogAlone() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let backup = store.folder.path("backup.db")
            try await store.gatehouse("backup", backup)
            // Killed, a server leaves what it wrote last in its log.
            let server = try await store.start()
            let admin = try await server.token("admin@a.test")
            #expect(
                try await server.send(
                    .post, "/user", bearer: admin,
                    json: ["username": "later@a.test", "password": .string(TestStore.password)]
                ).status == 200)
            try await server.kill()
            #expect(FileManager.default.fileExists(atPath: store.database + "-wal"))
            try FileManager.default.removeItem(atPath: store.database)
            let ended = try await store.command(["restore", backup])
            #expect(ended.code == 0, "\(ended)")
            #expect(try await Self.accounts(in: store) == ["admin@a.test"])
            let kept = try FileManager.default.contentsOfDirectory(atPath: store.folder.url.path).filter {
                $0.hasPrefix("store.db.before-") && $0.hasSuffix("-wal")
            }
            #expect(kept.count == 1)
        }
    }

    @Test(
        "a backup is restored from wherever it lies: beside the store under any name, and where nothing can be written")
    func fromAnywhere() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let beside = store.database + ".restored"
            try await store.gatehouse("backup", beside)
            let before = try Data(contentsOf: URL(filePath: beside))
            try await store.gatehouse("restore", beside)
            #expect(try Data(contentsOf: URL(filePath: beside)) == before)

            let folder = store.folder.path("shelf")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let shelved = folder + "/backup.db"
            try await store.gatehouse("backup", shelved)
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: shelved)
            try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder)
            // Root obeys permissions once it lacks these capabilities.
            let shell = #"exec setpriv --bounding-set=-dac_override,-dac_read_search "$0" "$@""#
            let ended = try await Program.gatehouse.run(
                ["restore", shelved, "--database", store.database], shell: geteuid() == 0 ? shell : nil)
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
            #expect(ended.code == 0, "\(ended)")
        }
    }
}
