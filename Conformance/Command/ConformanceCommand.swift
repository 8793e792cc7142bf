import ArgumentParser
import Foundation
import GatehouseMessages

/// `gatehouse-conformance`: runs scripted scenarios against any live server that claims to speak a protocol.
@main
struct ConformanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse-conformance",
        abstract: "Runs scripted scenarios against a live server.",
        discussion: """
            Exit codes: 0 all passed, 1 something failed, 2 the command or a file is wrong, 3 the target cannot be \
            reached, 130 stopped by a signal.
            """,
        version: Release.version,
        subcommands: [RunCommand.self, ListCommand.self, CheckCommand.self, TourCommand.self])

    static func main() async {
        // A reader that has gone must not end the program before its clean-up.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            exit(code)
        } catch {
            let message = fullMessage(for: error)
            switch exitCode(for: error) {
            case .success:
                Output.write(message + "\n")
                exit(.success)
            case .validationFailure:
                Output.writeError(message + "\n")
                exit(.usage)
            case let code:
                Output.writeError(message + "\n")
                exit(code)
            }
        }
    }

    private static func exit(_ code: ExitCode) -> Never { Foundation.exit(code.rawValue) }
}

extension ExitCode {
    /// Wrong arguments or broken files.
    static let usage = ExitCode(2)
    static let unreachable = ExitCode(3)
    /// What shells report for a program that SIGINT ended.
    static let stopped = ExitCode(130)
}

/// A reason to end with exit code 2.
struct UsageProblem: Error {
    let text: String

    /// Prints the problem.
    ///
    /// - Returns: what to throw.
    var reported: ExitCode {
        Output.writeError(text + "\n")
        return .usage
    }
}

enum Output {
    /// Unbuffered, so that progress is seen when it happens.
    static func write(_ text: String) { write(text, to: .standardOutput) }

    static func writeError(_ text: String) { write(text, to: .standardError) }

    /// Whoever reads may have gone (`| head`); the run still has to clean up, so that is no reason to stop.
    private static func write(_ text: String, to file: FileHandle) {
        try? file.write(contentsOf: Data(text.utf8))
    }

    /// Whether a person watches who can see a line being written over.
    static var isTerminal: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }
}
