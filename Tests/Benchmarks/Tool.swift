import Foundation
import Glibc

/// A program that a benchmark starts: the server, a load, the server that it is compared with. Killed with its owner.
final class Tool: Sendable {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private let process = Process()
    private let output = Pipe()

    /// - Parameters:
    ///   - program: a path, or a name to look for in `PATH`.
    ///   - folder: where it runs, and where what it says on standard error goes.
    init(_ program: String, _ arguments: [String], in folder: URL) async throws {
        process.executableURL = URL(filePath: program.contains("/") ? program : "/usr/bin/env")
        process.arguments = program.contains("/") ? arguments : [program] + arguments
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        let log = folder.appending(path: "\(UUID().uuidString).log")
        try Data().write(to: log)
        process.standardError = try FileHandle(forWritingTo: log)
        try await Self.onThread { [process] in try process.run() }
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// The first line of its output; empty when it ended without one.
    func firstLine() async throws -> String {
        try await Self.onThread { [output] in
            var line: [UInt8] = []
            while let octet = try output.fileHandleForReading.read(upToCount: 1)?.first, octet != UInt8(ascii: "\n") {
                line.append(octet)
            }
            return String(decoding: line, as: UTF8.self)
        }
    }

    /// All of its output, once it has ended well.
    func result() async throws -> String {
        let (text, code) = try await Self.onThread { [process, output] in
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (text, process.terminationStatus)
        }
        guard code == 0 else { throw Failed(description: "\(process.arguments ?? []) ended with \(code): \(text)") }
        return text
    }

    func stop() async throws {
        try await Self.onThread { [process] in
            process.terminate()
            process.waitUntilExit()
        }
    }

    /// Resident memory now, in MB.
    func megabytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let line, let kilobytes = Double(line.filter(\.isNumber)) else {
            throw Failed(description: "no VmRSS in \(status)")
        }
        return kilobytes * 1024 / 1_000_000
    }

    /// Blocks a thread of its own, not one that tasks share; programs started there get no blocked signals.
    private static func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                var none = sigset_t()
                unsafe sigemptyset(&none)
                unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
                continuation.resume(with: Result(catching: body))
            }
        }
    }
}

/// One request that `wrk` sends over and over.
struct WrkRequest {
    let url: String
    var method = "GET"
    var headers: [String: String] = [:]
    /// Sent in turn.
    var bodies: [String] = []
    /// Lua that defines `target()`: what to ask for next.
    var target: String?

    struct Result {
        let perSecond: Double
        /// The 99th percentile of the time to an answer, in milliseconds.
        let p99: Double
    }

    /// Starts a load from a process of its own; `result` waits for its end.
    func start(connections: Int, seconds: Double, in folder: URL) async throws -> Running {
        var script = "wrk.method = \(Self.lua(method))\n"
        for (name, value) in headers { script += "wrk.headers[\(Self.lua(name))] = \(Self.lua(value))\n" }
        if !bodies.isEmpty {
            script +=
                "local bodies, turn = {\(bodies.map(Self.lua).joined(separator: ","))}, 0\n"
                + "request = function() turn = turn % #bodies + 1; return wrk.format(nil, nil, nil, bodies[turn]) end\n"
        }
        if let target {
            script +=
                target + "\ninit = function() math.randomseed(os.time()) end\n"
                + "request = function() return wrk.format(nil, target()) end\n"
        }
        // Its own durations are whole seconds.
        script +=
            "done = function(summary, latency)\n"
            + "  io.write(string.format('%d %d %f %d\\n', summary.requests, summary.duration, latency:percentile(99), "
            + "summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write "
            + "+ summary.errors.timeout))\nend\n"
        let file = folder.appending(path: "\(UUID().uuidString).lua")
        try Data(script.utf8).write(to: file)
        let whole = String(Int(max(1, seconds.rounded())))
        return Running(
            tool: try await Tool(
                "wrk", ["-t1", "-c\(connections)", "-d\(whole)s", "-s", file.path, url], in: folder))
    }

    func run(connections: Int, seconds: Double, in folder: URL) async throws -> Result {
        try await start(connections: connections, seconds: seconds, in: folder).result()
    }

    struct Running {
        let tool: Tool

        /// Every answer must have been a 2xx or 3xx.
        func result() async throws -> Result {
            let text = try await tool.result()
            let words = text.split(separator: "\n").last?.split(separator: " ").compactMap { Double($0) } ?? []
            guard words.count == 4, words[0] > 0, words[3] == 0 else {
                throw Tool.Failed(description: "the load went wrong:\n\(text)")
            }
            return Result(perSecond: words[0] / (words[1] / 1_000_000), p99: words[2] / 1_000)
        }
    }

    private static func lua(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
