internal import GatehouseCryptography

/// A command that sends a request again, for people who look into a failure. Secrets stand in it as `{{name}}`.
struct ShellCommand {
    let secrets: Secrets
    let caFile: String?

    func text(for request: Exchange.Request) -> String {
        switch request {
        case .http(let method, let url, let headers, let body):
            curl(method: method, url: url, headers: headers, body: body)
        case .raw(let bytes, let host, let port):
            "printf '%b' \(quoted(printfText(bytes))) | nc -q 15 \(host) \(port)"
        }
    }

    private func curl(method: String, url: String, headers: [HeaderLine], body: [UInt8]?) -> String {
        var words = ["curl -sS -i"]
        if method == "HEAD" {
            words.append("-I")
        } else if method != "GET" || body != nil {
            words.append("-X \(method)")
        }
        if let caFile { words.append("--cacert \(quoted(caFile))") }
        if url.hasPrefix("http://") || url.hasPrefix("https://") {
            words.append("--path-as-is --globoff \(quoted(secrets.masking(url)))")
        } else {
            words.append("--request-target \(quoted(secrets.masking(url)))")
        }
        words += headers.map { header in
            // An empty value is written with a semicolon, or curl would leave the header out.
            let line = header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)"
            return "-H \(quoted(secrets.masking(line)))"
        }
        guard let body else { return words.joined(separator: " ") }
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            // Else curl adds its own.
            words.append("-H 'Content-Type:'")
        }
        if let text = String(validating: body, as: UTF8.self), ReadableBytes.isPrintable(text) {
            words.append("--data-binary \(quoted(shortened(secrets.masking(text))))")
            return words.joined(separator: " ")
        }
        words.append("--data-binary @-")
        return "printf %s \(quoted(shortened(Base64.encode(body)))) | base64 -d | " + words.joined(separator: " ")
    }

    /// A body that no terminal takes is cut; the command then serves as a sketch.
    private func shortened(_ text: String) -> String { ReadableBytes.abbreviated(text, to: 8_000) }

    /// Bytes for `printf '%b'`, which knows `\\r`, `\\n`, `\\\\` and octal numbers (POSIX).
    private func printfText(_ bytes: [UInt8]) -> String {
        let masked = String(validating: bytes, as: UTF8.self).map { shortened(secrets.masking($0)) }
        return (masked.map { Array($0.utf8) } ?? bytes).map { byte in
            switch byte {
            case UInt8(ascii: "\r"): "\\r"
            case UInt8(ascii: "\n"): "\\n"
            case UInt8(ascii: "\\"): "\\\\"
            case 0x20..<0x7F: String(Unicode.Scalar(byte))
            default: "\\0" + String(byte, radix: 8)
            }
        }.joined()
    }

    /// One word for a POSIX shell.
    private func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
}
