import ArgumentParser
import Foundation

@main
enum Main {
    /// Exit codes: 0 done, 1 refused or failed, 2 usage.
    static func main() async {
        do {
            var command = try Root.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(report(error))
        }
    }

    private static func report(_ error: any Error) -> Int32 {
        if let refusal = error as? Refusal {
            writeToStandardError("gatehouse: \(refusal.reason)\n")
            return refusal.exitCode
        }
        let text = Root.fullMessage(for: error)
        switch Root.exitCode(for: error) {
        case .success:
            print(text)
            return 0
        case .validationFailure:
            writeToStandardError(text + "\n")
            return 2
        default:
            // What our own rules throw describes itself; there is no usage to show.
            writeToStandardError("gatehouse: \(error)\n")
            return 1
        }
    }
}

struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse", abstract: "A self-hosted identity server.",
        version: "0.1.0",
        subcommands: [
            Serve.self, Initialize.self, UserCommands.self, DomainCommands.self, SigningKeyCommands.self,
            GenerateKey.self,
        ])
}

/// An end that is no bug: a sentence for the person at the terminal, and the exit code.
struct Refusal: Error {
    let reason: String
    var exitCode: Int32 = 1
}

func writeToStandardError(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
}
