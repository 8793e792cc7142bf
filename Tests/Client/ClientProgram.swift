import Foundation
import GatehouseTestSupport
import Testing

/// What the program left when it ended.
struct Ended: Sendable, Equatable {
    let code: Int32
    let output: String
    let errors: String
}

/// Runs the built `gatehouse-client` to its end.
func program(_ arguments: String...) async throws -> Ended { try await program(arguments) }

/// Runs the built `gatehouse-client` to its end.
///
/// - Parameters:
///   - input: what it reads from standard input.
///   - started: told the process's identifier.
func program(
    _ arguments: [String], input: String = "", environment: [String: String] = [:],
    started: @escaping @Sendable (pid_t) -> Void = { _ in }
) async throws -> Ended {
    let executable = try #require(ClientProgram.executable, "the program has not been built beside the tests")
    return try await withCheckedThrowingContinuation { continuation in
        // Waiting for a process blocks, so it has its own thread.
        Thread.detachNewThread {
            continuation.resume(
                with: Result {
                    // Files, not pipes: whoever reads two pipes in turn can wait for ever.
                    let folder = try Folder(["input": input, "output": "", "errors": ""])
                    let process = Process()
                    process.executableURL = executable
                    process.arguments = arguments
                    // Nothing of whoever runs the tests.
                    process.environment = ["HOME": folder.path("")].merging(environment) { $1 }
                    process.standardInput = try FileHandle(forReadingFrom: URL(filePath: folder.path("input")))
                    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: folder.path("output")))
                    process.standardError = try FileHandle(forWritingTo: URL(filePath: folder.path("errors")))
                    try process.begin()
                    started(process.processIdentifier)
                    process.waitUntilExit()
                    return Ended(
                        code: process.terminationStatus, output: try folder.text("output"),
                        errors: try folder.text("errors"))
                })
        }
    }
}

private enum ClientProgram {
    static let executable: URL? = {
        let folder = Bundle.main.executableURL?.deletingLastPathComponent()
        return folder.map { $0.appending(path: "gatehouse-client") }
            .flatMap { FileManager.default.isExecutableFile(atPath: $0.path) ? $0 : nil }
    }()
}
