import Foundation
import GatehouseTestSupport
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A program of this package, as the build left it beside the test program.
enum Program: String {
    case gatehouse
    case client = "gatehouse-client"
    case conformance = "gatehouse-conformance"
    case notes = "GatehouseNotesExample"
    case hello = "GatehouseHelloExample"

    struct NotBuilt: Error { let program: Program }

    /// What a program left when it ended.
    struct Ended: Sendable, CustomStringConvertible {
        /// The exit code, or the number of the signal that ended it.
        let code: Int32
        let output: String
        let errors: String

        var description: String { "exit code \(code)\n\(output)\n\(errors)" }
    }

    var executable: URL {
        get throws {
            // On Linux the test program is an executable of its own; on macOS a bundle in the folder of the products.
            let ends = ([Bundle.main.executablePath].compactMap { $0 } + CommandLine.arguments).map {
                URL(filePath: $0).resolvingSymlinksInPath()
            }
            for end in ends {
                var folder = end.deletingLastPathComponent()
                while folder.path.count > 1 {
                    let file = folder.appending(path: rawValue)
                    if FileManager.default.isExecutableFile(atPath: file.path) { return file }
                    folder.deleteLastPathComponent()
                }
            }
            throw NotBuilt(program: self)
        }
    }

    /// Runs it to its end.
    ///
    /// - Parameter input: what it reads from standard input; nothing when nil.
    func run(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:], shell: String? = nil,
        whileRunning: @escaping @Sendable (RunningProgram) async throws -> Void = { _ in }
    ) async throws -> Ended {
        let folder = try TemporaryFolder()
        let running = try await start(arguments, in: folder, input: input, environment: environment, shell: shell)
        do { try await whileRunning(running) } catch {
            running.send(SIGKILL)
            _ = try await running.end()
            throw error
        }
        let code = try await running.end()
        return Ended(code: code, output: running.output, errors: running.errors)
    }

    /// - Parameters:
    ///   - folder: gets what the program writes.
    ///   - shell: a line for sh(1) that begins the program as `"$0" "$@"`.
    func start(
        _ arguments: [String], in folder: TemporaryFolder, input: String? = nil, environment: [String: String] = [:],
        shell: String? = nil
    ) async throws -> RunningProgram {
        let process = Process()
        if let shell {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", shell, try executable.path] + arguments
        } else {
            process.executableURL = try executable
            process.arguments = arguments
        }
        process.currentDirectoryURL = folder.url
        process.environment = ProcessInfo.processInfo.environment.filter { name, _ in
            !name.hasPrefix("GATEHOUSE_") && !name.hasPrefix("AMPHO_SECURITY_")
        }
        .merging(environment) { $1 }
        // Files, not pipes: whoever reads two pipes in turn can wait for ever.
        let name = UUID().uuidString
        let output = try folder.write("", to: "\(name).out")
        let errors = try folder.write("", to: "\(name).log")
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        if let input {
            process.standardInput = try FileHandle(forReadingFrom: try folder.write(input, to: "\(name).in"))
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        return try await RunningProgram(process, in: folder, output: output, errors: errors)
    }
}

/// A program that was started. It is killed with its owner.
final class RunningProgram: Sendable {
    private let process: Process
    private let folder: TemporaryFolder
    private let outputFile: URL
    private let errorsFile: URL
    private let ending: Task<Int32, Never>

    init(_ process: Process, in folder: TemporaryFolder, output: URL, errors: URL) async throws {
        self.process = process
        self.folder = folder
        outputFile = output
        errorsFile = errors
        let (codes, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            continuation.yield(process.terminationStatus)
            continuation.finish()
        }
        try await withCheckedThrowingContinuation { (started: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread {
                // The threads of tasks block signals, and a program inherits that.
                var none = sigset_t()
                unsafe sigemptyset(&none)
                unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
                started.resume(with: Result { try process.begin() })
            }
        }
        ending = Task { await codes.first { _ in true } ?? -1 }
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var isRunning: Bool { process.isRunning }
    var output: String { text(of: outputFile) }
    var errors: String { text(of: errorsFile) }

    func send(_ signal: Int32) { if process.isRunning { kill(process.processIdentifier, signal) } }

    /// Waits for its end; kills it when the test is cancelled.
    ///
    /// - Returns: the exit code, or the number of the signal.
    func end() async throws -> Int32 {
        await withTaskCancellationHandler {
            await ending.value
        } onCancel: {
            send(SIGKILL)
        }
    }

    private func text(of file: URL) -> String {
        String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
    }
}

struct TookTooLong: Error { let what: String }

/// Looks again and again until `condition` holds.
func wait(
    for what: String, atMost limit: Duration = .seconds(60), until condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else { throw TookTooLong(what: what) }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// What several tasks change.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value { state.withLock { $0 } }

    func change(_ body: @Sendable (inout Value) -> Void) { state.withLock { body(&$0) } }
}
