internal import GatehouseCryptography

/// Bytes for people.
enum ReadableBytes {
    /// The bytes as text, when they are text without control characters other than line breaks and tabs; else base64.
    static func text(_ bytes: [UInt8]) -> String {
        guard let text = String(validating: bytes, as: UTF8.self), isPrintable(text) else {
            return "(\(bytes.count) bytes, base64) \(Base64.encode(bytes))"
        }
        return text
    }

    /// Whether a shell and a report can show the text as it is.
    static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            scalar == "\n" || scalar == "\t" || scalar.properties.generalCategory != .control
        }
    }

    /// Text as it stands between quotes: line ends and control characters are written out.
    static func escaped(_ text: String) -> String { escape(text, backslash: "\\\\") }

    /// Text for reports that are read, not copied: backslashes stay as they are.
    static func escapedKeepingBackslashes(_ text: String) -> String { escape(text, backslash: "\\") }

    private static func escape(_ text: String, backslash: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\r": escaped += "\\r"
            case "\n": escaped += "\\n"
            case "\t": escaped += "\\t"
            case "\\": escaped += backslash
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                escaped += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A long text cut, with its length.
    static func abbreviated(_ text: String, to limit: Int = 2_000) -> String {
        guard text.unicodeScalars.count > limit else { return text }
        return String(text.unicodeScalars.prefix(limit)) + "… (\(text.utf8.count) bytes)"
    }
}
