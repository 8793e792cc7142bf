import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseMessages
import GatehouseOpenCAP
import GatehouseStorage

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
        if let error = error as? StorageError, error.isUnavailable {
            // What the person at the terminal can mend; its kind and code are for the log.
            writeToStandardError("gatehouse: \(error.message)\n")
            return 1
        }
        if error is InvalidName || error is AliasError {
            writeToStandardError("gatehouse: \(error)\n")
            return 2
        }
        // Everything has been said already.
        if let code = error as? ExitCode { return code.rawValue }
        let text = Root.fullMessage(for: error)
        switch Root.exitCode(for: error) {
        case .success:
            try? writeLine(text)
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
        discussion: "Exit codes: 0 done, 1 refused or failed, 2 the command or a setting is wrong.",
        version: Release.version,
        subcommands: [
            Serve.self, Initialize.self, UserCommands.self, DomainCommands.self, KeyCommands.self,
            SigningKeyCommands.self, AuditCommands.self, MailCommands.self, GenerateKey.self, Backup.self, Restore.self,
            Import.self, Check.self,
        ])
}

/// An end that is no bug: a sentence for the person at the terminal, and the exit code.
struct Refusal: Error {
    let reason: String
    var exitCode: Int32 = 1
}

/// Unlike `print`, which keeps quiet about a full disk: a secret is shown only once.
func writeLine(_ line: String) throws {
    do { try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8)) } catch {
        let reason = unsafe String(cString: strerror(error.systemCode))
        throw Refusal(reason: "Standard output cannot be written: \(reason). What the command changed stays changed.")
    }
}

/// What cannot be written is lost: nobody is left to be told, and a server stays.
func writeToStandardError(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
}
