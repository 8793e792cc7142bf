import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import Testing

@Suite("The audit log from the command line", .timeLimit(.minutes(3)))
struct AuditTests {
    @Test("verify says that a log is whole and how far it goes, and later what was changed since, with exit code 1")
    func verify() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            let early = try await store.command(["audit", "verify"])
            #expect(early.code == 1 && early.errors.contains("the first `gatehouse serve`"), "\(early)")
            let server = try await store.start()
            try await store.addAccount("alice@a.test")
            #expect(try await server.stop() == 0)
            let whole = try await store.command(["audit", "verify"])
            #expect(whole.code == 0 && whole.output.hasPrefix("Whole: 3 events checked"), "\(whole)")
            let place = try #require(whole.output.split(separator: "\n").last.map(String.init))
            #expect(place.hasPrefix("3:"))
            // Without a server the command seals what it wrote.
            try await store.gatehouse("user", "disable", "alice@a.test")
            let json = try JSONValue(parsing: Array(try await store.gatehouse("audit", "verify", "--json").utf8))
            #expect(json["whole"] == true && json["count"]?.int64 == 4 && json["unsealed"]?.int64 == 0)
            #expect(try await store.command(["audit", "verify", "--expect", place]).code == 0)
            #expect(try await store.command(["audit", "verify", "--head", store.database + ".audit-head"]).code == 0)
            let other = try await store.command(["audit", "verify", "--expect", "5" + place.dropFirst()])
            #expect(other.code == 1 && other.output.contains("Event 5 was cut off the end: --expect knows of them."))
            let wrong = try await store.command(["audit", "verify", "--expect", "5"])
            #expect(wrong.code == 2)

            try FileManager.default.moveItem(atPath: store.database + ".audit-head", toPath: store.folder.path("kept"))
            let lost = try await store.command(["audit", "verify"])
            #expect(lost.code == 1 && lost.output.contains("There is no file"), "\(lost)")
            #expect(try await store.command(["audit", "verify", "--head", store.folder.path("kept")]).code == 0)
            let again = try await store.gatehouse("audit", "new-head")
            #expect(again.hasPrefix("5:"))
            #expect(try await store.command(["audit", "verify"]).code == 0)
        }
    }

    @Test("after a restore the log is whole, and who kept its head elsewhere sees what is gone")
    func restored() async throws {
        try await withStore { store in
            let server = try await store.start()
            #expect(try await server.stop() == 0)
            try await store.addDomain("a.test")
            try await store.gatehouse("backup", store.folder.path("backup"))
            try await store.addDomain("b.test")
            try await store.addDomain("c.test")
            let kept = try await store.gatehouse("audit", "verify").split(separator: "\n").last.map(String.init)
            try await store.gatehouse("restore", store.folder.path("backup"))
            let whole = try await store.command(["audit", "verify"])
            #expect(whole.code == 0 && whole.output.hasPrefix("Whole: 3 events checked"), "\(whole)")
            let compared = try await store.command(["audit", "verify", "--expect", try #require(kept)])
            #expect(compared.code == 1 && compared.output.contains("Event 4 was cut off the end"), "\(compared)")
            #expect(try await store.gatehouse("audit", "export").contains("\"restore\""))
        }
    }

    @Test("an export can be checked, and a CSV has no cell that is a formula")
    func export() async throws {
        try await withStore { store in
            let server = try await store.start()
            try await store.addDomain("a.test")
            try await store.addAccount("=cmd@a.test")
            #expect(try await server.stop() == 0)
            let lines = try await store.gatehouse("audit", "export")
            #expect(lines.split(separator: "\n").count == 3)
            let file = try store.folder.write(lines + "\n", to: "export.jsonl").path
            #expect(try await store.command(["audit", "verify", "--export", file]).code == 0)
            _ = try store.folder.write(lines.replacing("=cmd", with: "=cmb"), to: "export.jsonl")
            let changed = try await store.command(["audit", "verify", "--export", file])
            #expect(changed.code == 1 && changed.output.hasPrefix("Event 3 of "), "\(changed)")
            _ = try store.folder.write("nonsense", to: "export.jsonl")
            let nonsense = try await store.command(["audit", "verify", "--export", file])
            #expect(nonsense.code == 1 && nonsense.errors.contains("export.jsonl:1: not a line of an export"))
            let csv = try await store.gatehouse("audit", "export", "--format", "csv", "--to", "2020-01-01T00:00:00Z")
            #expect(csv == "time,number,id,at,actor_id,actor,action,object_kind,object_id,subject,sequence,code")
            let all = try await store.gatehouse("audit", "export", "--format", "csv", "--from", "2020-01-01T00:00:00Z")
            #expect(all.split(separator: "\n").count == 4)
        }
    }

    @Test("servers that are killed at random while things change leave a log that is whole")
    func killed() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            var made = 0
            for round in 0..<4 {
                let servers = [try await store.start(["--test-limits"]), try await store.start(["--test-limits"])]
                let token = try await servers[0].token("alice$a.test")
                let changed = Shared(0)
                let delay = Duration.milliseconds(Int.random(in: 100...900))
                try await withThrowingTaskGroup { group in
                    for (index, server) in servers.enumerated() {
                        for client in 0..<3 {
                            group.addTask {
                                for number in 0... {
                                    let text: JSONValue = .string("\(round)-\(index)-\(client)-\(number)")
                                    guard
                                        let answer = try? await server.setAddress(
                                            bearer: token, extensions: ["number": text])
                                    else { return }
                                    if answer.status == 200 { changed.change { $0 += 1 } }
                                }
                            }
                        }
                    }
                    group.addTask {
                        try await Task.sleep(for: delay)
                        for server in servers { try await server.kill() }
                    }
                    try await group.waitForAll()
                }
                made += changed.value
                let left = try await store.command(["audit", "verify"])
                #expect(left.code == 0, "round \(round): \(left)")
            }
            let server = try await store.start()
            #expect(try await server.stop() == 0)
            let json = try JSONValue(parsing: Array(try await store.gatehouse("audit", "verify", "--json").utf8))
            #expect(json["whole"] == true && json["unsealed"]?.int64 == 0, "\(json)")
            // No acknowledged change is without its event.
            #expect(try #require(json["count"]?.int64) >= Int64(made))
            #expect(made > 0)
        }
    }
}
