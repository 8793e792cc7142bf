import Foundation
import Testing

/// The program `GatehouseStorageProbe`, built beside the tests.
final class Probe: Sendable {
    private let process: LockedProcess
    private let input = Pipe()
    let output = Pipe()

    init(_ verb: String, _ store: SQLiteTestStore) throws {
        let process = Process()
        process.executableURL = try Self.executable()
        process.arguments = [verb, store.path]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // Ours of the two ends, so that reading ends when the probe does.
        try output.fileHandleForWriting.close()
        self.process = LockedProcess(process: process)
    }

    /// Runs the probe to its end and returns its lines.
    static func run(_ verb: String, _ store: SQLiteTestStore) async throws -> [String] {
        let probe = try Probe(verb, store)
        return try await blocking {
            var lines: [String] = []
            while let line = try probe.readLine() { lines.append(line) }
            #expect(probe.waitUntilExit() == 0)
            return lines
        }
    }

    /// Reads one line at a time; `nil` at the end. A last line without its end is left out.
    func readLine() throws -> String? {
        var bytes: [UInt8] = []
        while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first {
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        return nil
    }

    func writeLine() throws { try input.fileHandleForWriting.write(contentsOf: [UInt8(ascii: "\n")]) }

    func endInput() throws { try input.fileHandleForWriting.close() }

    func kill() { Foundation.kill(process.process.processIdentifier, SIGKILL) }

    @discardableResult
    func waitUntilExit() -> Int32 {
        process.process.waitUntilExit()
        return process.process.terminationStatus
    }

    /// `@unchecked Sendable`: started before it is shared; what is asked of it later is safe from any thread.
    private struct LockedProcess: @unchecked Sendable { let process: Process }

    private static func executable() throws -> URL {
        let name = "GatehouseStorageProbe"
        var folders = [Bundle.main.bundleURL, URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()]
        // On Linux the tests are a program of their own, beside the probe; the argument names it elsewhere.
        if let flag = CommandLine.arguments.firstIndex(of: "--test-bundle-path"), flag + 1 < CommandLine.arguments.count
        {
            folders.append(URL(filePath: CommandLine.arguments[flag + 1]).deletingLastPathComponent())
        }
        let found = folders.map { $0.appending(path: name) }.first {
            FileManager.default.isExecutableFile(atPath: $0.path)
        }
        return try #require(found, "the probe was not built: looked in \(folders.map(\.path))")
    }
}
