import ArgumentParser
import Foundation
import GatehouseClient

/// `gatehouse-client whoami`
struct WhoAmI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whoami", abstract: "Show who is signed in, and where.",
        discussion: "Asks the server, so a session that has ended is exit code 1.")

    @Flag(help: "Print a JSON object.")
    var json = false
    @OptionGroup var options: SignedInOptions

    func run() async throws {
        let (gatehouse, name) = try options.gatehouse()
        let session = try await gatehouse.sessions().first { $0.isCurrent }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
            let answer = ["name": name, "server": gatehouse.server, "session": session?.id]
            print(String(decoding: try encoder.encode(answer.compactMapValues { $0 }), as: UTF8.self))
        } else {
            let end = session.map { ", until \(Terminal.time($0.expiresAt)) at the latest" } ?? ""
            Terminal.write("\(name) at \(gatehouse.server)\(end)")
        }
    }
}

/// `gatehouse-client token`
struct ShowToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Print an access token, for other programs.",
        discussion:
            "It is renewed when it is about to end: curl -H \"Authorization: Bearer $(gatehouse-client token)\" …")

    @OptionGroup var options: SignedInOptions

    func run() async throws { Terminal.write(try await options.gatehouse().gatehouse.accessToken().text) }
}

/// `gatehouse-client change-password`
struct ChangePassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Change one's password.",
        discussion: "Ends every session of the account and signs in again. Asks at a terminal for what no file gives.")

    @OptionGroup var password: PasswordSource
    @Option(help: ArgumentHelp("A file whose first line is the new password.", valueName: "file"))
    var newPasswordFile: String?
    @OptionGroup var options: SignedInOptions

    func validate() throws {
        if password.passwordFile == "-", newPasswordFile == "-" {
            throw ValidationError("Only one of the passwords can come from standard input.")
        }
    }

    func run() async throws {
        let (gatehouse, name) = try options.gatehouse()
        let old = try password.password()
        let new = try newPassword()
        try await gatehouse.changePassword(from: old, to: new)
        Terminal.write("\(name) has a new password. All other sessions have ended.")
    }

    private func newPassword() throws -> String {
        func asked(_ prompt: String) throws -> String {
            try PasswordSource.password(from: newPasswordFile, orAsk: prompt, "--new-password-file")
        }
        let new = try asked("New password: ")
        guard try newPasswordFile != nil || asked("The same again: ") == new else {
            throw ValidationError("The new passwords differ; nothing was changed.")
        }
        return new
    }
}
