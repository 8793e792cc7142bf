import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseCryptography
import GatehousePasswords

/// Where a new password comes from; never from the command line, where others could read it.
struct PasswordSource: ParsableArguments {
    @Option(help: ArgumentHelp("A file whose first line is the password; - for standard input.", valueName: "file"))
    var passwordFile: String?

    /// The password, and whether it was made here and has to be shown.
    func password() throws -> (text: String, isMade: Bool) {
        if let passwordFile { return (try SecretFile.firstLine(of: passwordFile), false) }
        if isatty(STDIN_FILENO) == 1 { return (try askTwice(), false) }
        return (madePassword(), true)
    }

    private func askTwice() throws -> String {
        let first = try Terminal.askSecret("New password: ")
        let second = try Terminal.askSecret("Once more: ")
        guard first == second else { throw Refusal(reason: "The two passwords differ.") }
        return first
    }
}

/// A secret in a file, or on standard input.
enum SecretFile {
    static func firstLine(of path: String) throws -> String {
        let data = try contents(of: path)
        let name = path == "-" ? "standard input" : path
        guard let text = String(validating: data, as: UTF8.self) else {
            throw Refusal(reason: "The text in \(name) is not UTF-8.", exitCode: 2)
        }
        // A password may hold the other characters that Unicode calls line ends.
        let line = text.prefix { $0 != "\n" && $0 != "\r\n" }
        guard !line.isEmpty else { throw Refusal(reason: "The first line of \(name) is empty.", exitCode: 2) }
        return String(line)
    }

    /// The whole file; `-` is standard input.
    static func contents(of path: String) throws -> Data {
        do { return try path == "-" ? FileHandle.standardInput.readToEnd() ?? Data() : GivenFile.read(path) } catch {
            throw Refusal(reason: "\(error)", exitCode: 2)
        }
    }
}
