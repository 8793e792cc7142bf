/// A server's place, checked: scheme, host and port, and nothing else.
struct ServerURL {
    let isSecure: Bool
    /// In lower case; an IPv6 address with its brackets.
    let host: String
    let port: UInt16?

    /// Without a trailing slash.
    var text: String { "\(isSecure ? "https" : "http")://\(host)\(port.map { ":\($0)" } ?? "")" }

    init(_ text: String) throws(GatehouseError) {
        // What is wrong stays unquoted when it may hold a password.
        let shown = text.contains("@") ? "This" : "\"\(text)\""
        let refusal = GatehouseError.invalidServer("\(shown) is no server such as https://id.example.org.")
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw refusal }
        let lower = text.lowercased()
        let rest: Substring
        if lower.hasPrefix("https://") {
            (isSecure, rest) = (true, lower.dropFirst(8))
        } else if lower.hasPrefix("http://") {
            (isSecure, rest) = (false, lower.dropFirst(7))
        } else {
            throw refusal
        }
        let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
        let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map(authority.index(after:)) : nil
        let hostEnd = end ?? authority.firstIndex(of: ":") ?? authority.endIndex
        host = String(authority[..<hostEnd])
        guard end == nil ? Self.isName(host) : Self.isIPv6(host) else { throw refusal }
        let tail = authority[hostEnd...]
        guard !tail.isEmpty else {
            port = nil
            return
        }
        guard tail.hasPrefix(":"), tail.dropFirst().utf8.allSatisfy(isDigit), let number = UInt16(tail.dropFirst()),
            number > 0
        else { throw refusal }
        port = number
    }

    /// Whether nobody but this machine can be there (RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
    var isThisMachine: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" || isIPv4 && parts[0] == "127"
    }

    /// A host name or IPv4 address by its characters; the resolver knows the rest.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                isLetter($0) || isDigit($0) || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_")].contains($0)
            }
    }

    private static func isIPv6(_ text: String) -> Bool {
        let inside = text.dropFirst().dropLast().utf8
        return inside.contains(UInt8(ascii: ":"))
            && inside.allSatisfy {
                isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
                    || [UInt8(ascii: ":"), UInt8(ascii: ".")].contains($0)
            }
    }
}

private func isDigit(_ octet: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet) }

private func isLetter(_ octet: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(octet) }
