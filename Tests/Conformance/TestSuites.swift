import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import Testing

@testable import GatehouseRunner

/// Scenario files that a test writes, in a folder of its own.
enum TestSuites {
    /// - Parameter files: paths below the suite's folder, with their texts.
    /// - Throws: `FileMistakes`, in which the suite's folder is called `suite`.
    static func suite(_ files: [String: String], given: Set<String> = []) throws -> Suite {
        // Scenarios are called after the folder too.
        let folder = try TemporaryFolder(Dictionary(uniqueKeysWithValues: files.map { ("suite/" + $0, $1) }))
        return try withExtendedLifetime(folder) {
            try Suite(folder: folder.url.appending(path: "suite"), displayedAs: "suite", givenVariables: given)
        }
    }

    /// The mistakes of files, each as `path:line:column: text` without the suite's name.
    static func mistakes(_ files: [String: String]) throws -> [String] {
        do {
            _ = try suite(files)
            return []
        } catch let mistakes as FileMistakes {
            return mistakes.mistakes.map { String($0.description.dropFirst("suite/".count)) }
        }
    }

    /// A scenario with the given steps.
    static func scenario(_ steps: String, more: String = "") -> String {
        "title: a promise\nsource: API.md#O-1\nlevel: must\nprofile: opencap\n\(more)steps:\n\(steps)\n"
    }

    /// Runs the suite's scenarios against a server that answers as told.
    static func run(
        _ files: [String: String], variables: [String: String] = [:], jobs: Int = 4, stopsAtFailure: Bool = false,
        now: Int64? = nil, headTimeout: Duration = .seconds(60), mailSink: MailSink? = nil,
        answer: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer
    ) async throws -> TestRun {
        let server = try ScriptedServer(headTimeout: headTimeout, answer: answer)
        let results = try await run(
            files, on: server.url, variables: variables, jobs: jobs, stopsAtFailure: stopsAtFailure, now: now,
            mailSink: mailSink)
        server.stop()
        return TestRun(results: results, requests: server.requests, url: server.url)
    }

    static func run(
        _ files: [String: String], on url: String, variables: [String: String] = [:], jobs: Int = 4,
        stopsAtFailure: Bool = false, now: Int64? = nil, mailSink: MailSink? = nil
    ) async throws -> [ScenarioResult] {
        let suite = try suite(files, given: Set(variables.keys))
        let target = try #require(Target(url))
        let transport = CurlTransport()
        defer { transport.shutDown() }
        var runner = Runner(target: target, transport: transport, variables: variables)
        runner.jobs = jobs
        runner.stopsAtFailure = stopsAtFailure
        if let now { runner.now = { now } }
        runner.mailSink = mailSink
        return await runner.run(suite.scenarios, of: suite)
    }

    /// Runs one scenario with the given steps.
    static func run(
        steps: String, more: String = "", variables: [String: String] = [:], now: Int64? = nil,
        headTimeout: Duration = .seconds(60), mailSink: MailSink? = nil,
        answer: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer
    ) async throws -> TestRun {
        try await run(
            ["area/promise.yaml": scenario(steps, more: more)], variables: variables, now: now,
            headTimeout: headTimeout, mailSink: mailSink, answer: answer)
    }
}

struct TestRun {
    let results: [ScenarioResult]
    let requests: [ScriptedServer.Request]
    let url: String

    /// The result of the only scenario.
    var result: ScenarioResult { results[0] }

    /// What did not match in the only scenario, as `subject: expected … actual …`.
    var mismatches: [String] { result.mismatches }
}

extension ScenarioResult {
    var failure: Failure? { if case .failed(let failure) = outcome { failure } else { nil } }

    var mismatches: [String] {
        failure?.mismatches.map { "\($0.subject): expected \($0.expected), actual \($0.actual)" } ?? []
    }
}
