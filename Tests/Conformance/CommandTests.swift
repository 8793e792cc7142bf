import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseRunner

/// The built program, as a person or a pipeline calls it.
@Suite("The command gatehouse-conformance")
struct CommandTests {
    @Test("exit code 0 when all pass; the last line counts; reports are written")
    func success() async throws {
        let server = try ScriptedServer { _ in .json("{}") }
        let folder = try TemporaryFolder(["suite/a/b.yaml": TestSuites.scenario("  - send: GET /")])
        let run = try await program(
            "run", "--target", server.url, "--scenarios", folder.path("suite"), "--junit", folder.path("j.xml"),
            "--json", folder.path("r.json"))
        #expect(run.code == 0)
        #expect(run.output.hasPrefix("ok    suite/a/b ("))
        #expect(run.output.hasSuffix("\n1 passed, 0 failed, 0 skipped\n"))
        #expect(try folder.text("j.xml").contains("<testcase classname=\"suite.a\" name=\"b\""))
        #expect(try folder.text("r.json").hasPrefix(#"{"title":"suite","#))
    }

    @Test("exit code 1 when something fails, also when a known failure passes")
    func failure() async throws {
        let server = try ScriptedServer { $0.target == "/bad" ? .http(500) : .json("{}") }
        let folder = try TemporaryFolder([
            "suite/a/bad.yaml": TestSuites.scenario("  - send: GET /bad"),
            "suite/a/good.yaml": TestSuites.scenario("  - send: GET /"),
            "one.yaml": "[{ id: suite/a/bad, owner: ann, reason: r, expires: 2999-01-01 }]",
            "two.yaml": "[{ id: suite/a/good, owner: ann, reason: r, expires: 2999-01-01 }]",
            "old.yaml": "[{ id: suite/a/bad, owner: ann, reason: r, expires: 2001-01-01 }]",
        ])
        let arguments = ["run", "--target", server.url, "--scenarios", folder.path("suite"), "--quiet"]
        let plain = try await program(arguments)
        #expect(plain.code == 1)
        #expect(
            plain.output.hasPrefix("FAIL  suite/a/bad") && plain.output.hasSuffix("1 passed, 1 failed, 0 skipped\n"))
        let known = try await program(arguments + ["--known-failures", folder.path("one.yaml")])
        #expect(known.code == 0 && known.output == "1 passed, 0 failed, 1 skipped\n")
        let unexpected = try await program(
            arguments + ["--only", "good", "--only", "a/good", "--known-failures", folder.path("two.yaml")])
        #expect(unexpected.code == 2, "a pattern that matches nothing is a mistake")
        let passes = try await program(
            arguments + ["--only", "a/good", "--known-failures", folder.path("two.yaml")])
        #expect(passes.code == 1)
        let expired = try await program(
            arguments + ["--only", "a/good", "--known-failures", folder.path("old.yaml")])
        #expect(expired.code == 1 && expired.output.contains("known-failures/suite/a/bad"))
    }

    @Test("exit code 2 for wrong arguments and broken files, before anything is sent")
    func usage() async throws {
        let server = try ScriptedServer { _ in .json("{}") }
        let folder = try TemporaryFolder([
            "suite/a/b.yaml": TestSuites.scenario("  - send: GET /\n    expct: {}"),
            "suite/a/c.yaml": TestSuites.scenario("  - send: GET /\n    expect: { stats: 1 }"),
            "fine/a/b.yaml": TestSuites.scenario("  - send: GET /"),
        ])
        let broken = try await program("run", "--target", server.url, "--scenarios", folder.path("suite"))
        #expect(broken.code == 2)
        #expect(broken.errors.contains("suite/a/b.yaml:7:5: unknown key `expct`"))
        #expect(broken.errors.contains("suite/a/c.yaml:7:15: unknown key `stats`"))
        let fine = folder.path("fine")
        for arguments in [
            ["run"], ["run", "--target", "nowhere"], ["walk"], ["run", "--target", server.url, "--jobs", "0"],
            ["run", "--target", server.url, "--scenarios", fine, "--only", "nothing/*"],
            ["run", "--target", server.url, "--scenarios", fine, "--variable", "x"],
            ["run", "--target", server.url, "--scenarios", fine, "--variables", folder.path("missing.yaml")],
            ["run", "--target", server.url, "--suite", "nobody"],
            ["check", "--scenarios", folder.path("suite")], ["check", "--scenarios", folder.path("missing")],
        ] {
            let run = try await program(arguments)
            #expect(run.code == 2 && !run.errors.isEmpty, "\(arguments)")
        }
        #expect(server.requests.isEmpty)
        #expect(try await program("check", "--scenarios", fine).output == "1 scenarios, 0 fixtures, no mistakes\n")
        #expect(try await program("--help").code == 0)
    }

    @Test("exit code 3 when nothing listens at the target")
    func unreachable() async throws {
        let folder = try TemporaryFolder(["suite/a/b.yaml": TestSuites.scenario("  - send: GET /")])
        let url = "http://127.0.0.1:\(try ScriptedServer.unusedPort())"
        let run = try await program("run", "--target", url, "--scenarios", folder.path("suite"))
        #expect(run.code == 3)
        #expect(run.output.isEmpty && run.errors == "The target \(url) cannot be reached: Connection refused\n")
    }

    @Test(
        "a signal lets running scenarios clean up, writes the reports and gives exit code 130",
        arguments: [SIGINT, SIGTERM])
    func signals(number: Int32) async throws {
        let server = try ScriptedServer { $0.target == "/hangs" ? .silence : .json("{}") }
        let folder = try TemporaryFolder([
            "suite/a/b.yaml": TestSuites.scenario("  - send: GET /hangs", more: "cleanup: [{ send: DELETE /mine }]\n"),
            "suite/a/c.yaml": TestSuites.scenario("  - send: GET /later"),
        ])
        let run = try await program(
            [
                "run", "--target", server.url, "--scenarios", folder.path("suite"), "--jobs", "1", "--json",
                folder.path("r"),
            ]
        ) { process in
            while !server.requests.contains(where: { $0.target == "/hangs" }) { Thread.sleep(forTimeInterval: 0.005) }
            kill(process.processIdentifier, number)
        }
        #expect(run.code == 130)
        #expect(server.requests.map(\.target) == ["/hangs", "/mine"])
        #expect(run.output.hasSuffix("0 passed, 0 failed, 2 skipped\n"))
        #expect(try folder.text("r").contains("stopped before its end"))
    }

    @Test("a reader that has gone does not keep the run from cleaning up")
    func readerGone() async throws {
        let server = try ScriptedServer { _ in .json("{}") }
        let folder = try TemporaryFolder([
            "suite/a/b.yaml": TestSuites.scenario("  - send: GET /", more: "cleanup: [{ send: DELETE /mine }]\n"),
            "suite/a/c.yaml": TestSuites.scenario("  - send: GET /2", more: "cleanup: [{ send: DELETE /mine2 }]\n"),
        ])
        let executable = try #require(Self.executable)
        let code = try await onOwnThread { [url = server.url] in
            let process = Process()
            process.executableURL = executable
            process.arguments = ["run", "--target", url, "--scenarios", folder.path("suite"), "--jobs", "1"]
            let pipe = Pipe()
            process.standardOutput = pipe
            try pipe.fileHandleForReading.close()
            try process.begin()
            process.waitUntilExit()
            return process.terminationStatus
        }
        #expect(code == 0)
        #expect(server.requests.map(\.target) == ["/", "/mine", "/2", "/mine2"])
    }

    @Test("list shows scenarios; by source it fails when a promise has no scenario")
    func lists() async throws {
        let folder = try TemporaryFolder([
            "suite/a/b.yaml": TestSuites.scenario("  - send: GET /", more: "tags: [limits]\n"),
            "whole.md": "- **O-1** is kept\n", "more.md": "- **O-1** is kept\n- **O-2** is not checked\n",
            "API.md": "- **O-1** is kept\n- **O-2** is not checked\n", "full/API.md": "- **O-1** is kept\n",
        ])
        let suite = ["--scenarios", folder.path("suite")]
        #expect(try await program(["list"] + suite).output == "suite/a/b  must [limits]  a promise\n")
        #expect(try await program(["list", "--source"] + suite).output == "API.md#O-1\n    suite/a/b\n")
        let full = try await program(["list", "--source", "--promises", folder.path("full/API.md")] + suite)
        #expect(full.code == 0 && full.output.contains("O-1\n    suite/a/b\n"))
        let partial = try await program(["list", "--source", "--promises", folder.path("API.md")] + suite)
        #expect(partial.code == 1)
        #expect(partial.errors.contains("API.md:2:1: O-2 has no scenario: is not checked"))
    }

    @Test("variables come from flags, environment and file, and their secrets are not printed")
    func variables() async throws {
        let server = try ScriptedServer { _ in .http(500, body: "you sent hunter2-from-file") }
        let folder = try TemporaryFolder([
            "suite/a/b.yaml": TestSuites.scenario(
                "  - send: GET /{{domain}}/{{owner}}\n    bearer: \"{{domain_secret}}\""),
            "v.yaml": "domain: file.test\nowner: file\ndomain_secret: hunter2-from-file\n",
        ])
        let run = try await program(
            [
                "run", "--target", server.url, "--scenarios", folder.path("suite"), "--variables",
                folder.path("v.yaml"),
                "--variable", "domain=flag.test",
            ],
            environment: ["GATEHOUSE_CONFORMANCE_OWNER": "environment", "GATEHOUSE_CONFORMANCE_DOMAIN": "environment"])
        #expect(run.code == 1)
        #expect(server.requests.map(\.target) == ["/flag.test/environment"])
        #expect(server.requests.first?.header("Authorization") == "Bearer hunter2-from-file")
        #expect(!run.output.contains("hunter2") && run.output.contains("Bearer {{domain_secret}}"))
    }

    // MARK: Running it

    private struct Ended: Sendable {
        let code: Int32
        let output: String
        let errors: String
    }

    private func program(_ arguments: String...) async throws -> Ended { try await program(arguments) }

    private func program(
        _ arguments: [String], environment: [String: String] = [:],
        whileRunning: @escaping @Sendable (Process) -> Void = { _ in }
    ) async throws -> Ended {
        let executable = try #require(Self.executable, "the program has not been built beside the tests")
        return try await onOwnThread {
            let process = Process()
            process.executableURL = executable
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("GATEHOUSE_") }
                .merging(environment) { $1 }
            // Files, not pipes: whoever reads two pipes in turn can wait for ever.
            let folder = try TemporaryFolder(["output": "", "errors": ""])
            process.standardOutput = try FileHandle(forWritingTo: URL(filePath: folder.path("output")))
            process.standardError = try FileHandle(forWritingTo: URL(filePath: folder.path("errors")))
            try process.begin()
            whileRunning(process)
            process.waitUntilExit()
            return Ended(
                code: process.terminationStatus, output: try folder.text("output"), errors: try folder.text("errors"))
        }
    }

    private static let executable: URL? = {
        let folder = Bundle.main.executableURL?.deletingLastPathComponent()
        return ["gatehouse-conformance", "GatehouseConformanceCommand"].compactMap { folder?.appending(path: $0) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }()
}
