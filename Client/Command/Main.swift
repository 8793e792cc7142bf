import ArgumentParser
import Foundation
import GatehouseClient
import GatehouseMessages
import GatehouseResolver

/// `gatehouse-client`: the SDK on the command line.
@main
struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse-client", abstract: "A Gatehouse server from the command line.",
        discussion: "Exit codes: 0 done, 1 refused or failed, 2 the command is wrong.",
        version: Release.version,
        subcommands: [
            Resolve.self, SetAddress.self, DeleteAddress.self, Login.self, Logout.self, WhoAmI.self, ShowToken.self,
            ListSessions.self, EndSession.self, ChangePassword.self, Sign.self, Explain.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Foundation.exit(report(error))
        }
    }

    /// Says what went wrong.
    ///
    /// - Returns: the exit code.
    private static func report(_ error: any Error) -> Int32 {
        if let code = error as? ExitCode { return code.rawValue }
        if let error = error as? GatehouseError {
            Terminal.writeError("gatehouse-client: \(error)")
            if case .signInRequired = error { Terminal.writeError("Sign in with: gatehouse-client login") }
            if case .invalidServer = error { return 2 }
            return 1
        }
        if let error = error as? ResolverError {
            Terminal.writeError("gatehouse-client: \(error)")
            switch error {
            case .hostChanged: Terminal.writeError("If its operator says so, say --accept-new-host.")
            case .invalidAlias, .invalidNameServer: return 2
            default: break
            }
            return 1
        }
        if let error = error as? ValidationError {
            // Found while running, so the arguments were understood, and the usage of the whole program says nothing.
            Terminal.writeError("gatehouse-client: \(error.message)")
            return 2
        }
        switch exitCode(for: error) {
        case .success:
            print(fullMessage(for: error))
            return 0
        case .validationFailure:
            Terminal.writeErrorLines(fullMessage(for: error))
            return 2
        default:
            Terminal.writeError("gatehouse-client: \(error)")
            return 1
        }
    }
}
