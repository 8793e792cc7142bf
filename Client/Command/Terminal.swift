import Foundation

/// Lines for people, in which others may have had a say: addresses, nicknames, a server's words.
enum Terminal {
    /// One line on standard output.
    static func write(_ line: String) { print(printable(line)) }

    /// One line on standard error.
    static func writeError(_ line: String) { writeErrorLines(printable(line)) }

    /// Text of our own, which may have several lines, on standard error.
    static func writeErrorLines(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// An answer's body on standard output: as it came for a program, made safe to look at for a terminal.
    static func write(octets: [UInt8]) {
        guard isatty(STDOUT_FILENO) == 1 else { return FileHandle.standardOutput.write(Data(octets)) }
        for line in String(decoding: octets, as: UTF8.self).split(separator: "\n") { write(String(line)) }
    }

    /// A time in Unix seconds, as RFC 3339 writes it.
    static func time(_ unixSeconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(unixSeconds)).formatted(.iso8601)
    }

    /// Without what would move the cursor, colour the screen or change the direction of the text.
    private static func printable(_ text: String) -> String {
        var printable = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                printable += "\\u{\(String(scalar.value, radix: 16))}"
            default: printable.unicodeScalars.append(scalar)
            }
        }
        return printable
    }
}
