import ArgumentParser
import Foundation

/// Where a password comes from; never from the command line, where others could read it.
struct PasswordSource: ParsableArguments {
    @Option(help: ArgumentHelp("A file whose first line is the password; - for standard input.", valueName: "file"))
    var passwordFile: String?

    func password() throws -> String { try Self.password(from: passwordFile, orAsk: "Password: ", "--password-file") }

    /// - Parameters:
    ///   - prompt: what to ask at a terminal when there is no file.
    ///   - option: how to name a file.
    static func password(from passwordFile: String?, orAsk prompt: String, _ option: String) throws -> String {
        guard let passwordFile else { return try asked(prompt, option) }
        let data =
            passwordFile == "-"
            ? try FileHandle.standardInput.readToEnd() ?? Data() : FileManager.default.contents(atPath: passwordFile)
        guard let data else { throw ValidationError("The file \(passwordFile) cannot be read.") }
        let name = passwordFile == "-" ? "standard input" : passwordFile
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ValidationError("What \(name) holds is not UTF-8.")
        }
        // A line ends with LF or CR LF; anything else belongs to the password.
        var line = text.unicodeScalars.prefix { $0 != "\n" }
        if line.last == "\r" { line.removeLast() }
        guard !line.isEmpty else { throw ValidationError("The first line of \(name) is empty.") }
        return String(String.UnicodeScalarView(line))
    }

    private static func asked(_ prompt: String, _ option: String) throws -> String {
        // getpass turns the echo off.
        guard isatty(STDIN_FILENO) == 1, let text = unsafe getpass(prompt) else {
            throw ValidationError("There is no terminal to ask at: name a file with \(option), - for standard input.")
        }
        return unsafe String(cString: text)
    }
}
