/// The server that is judged.
package struct Target: Sendable, Equatable {
    /// The URL without a slash at its end; targets of requests are appended to it.
    package let url: String
    package let isSecure: Bool
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let port: UInt16
    /// Host and port as they stand in the URL: what a client puts in `Host`.
    package let authority: String
    /// What the URL has after the authority, empty or beginning with a slash.
    let basePath: String

    /// - Parameter text: `http://host[:port][/path]` or `https://…`, without user, query and fragment.
    /// - Returns: nil for anything else.
    package init?(_ text: String) {
        let scheme: String
        if text.lowercased().hasPrefix("http://") {
            scheme = "http"
        } else if text.lowercased().hasPrefix("https://") {
            scheme = "https"
        } else {
            return nil
        }
        let rest = text.dropFirst(scheme.count + 3)
        guard !rest.contains(where: { "?#@ \\".contains($0) }), rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = String(rest[..<slash])
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        guard let (host, port) = Self.split(authority, defaultPort: scheme == "http" ? 80 : 443), port > 0 else {
            return nil
        }
        isSecure = scheme == "https"
        self.host = host
        self.port = port
        self.authority = authority
        basePath = path
        url = "\(scheme)://\(authority)\(path)"
    }

    /// - Parameter defaultPort: nil when one must be written.
    static func split(_ authority: String, defaultPort: UInt16?) -> (host: String, port: UInt16)? {
        var host = authority[...]
        var port = defaultPort
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            if rest.hasPrefix(":") { port = UInt16(rest.dropFirst()) } else if !rest.isEmpty { return nil }
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            port = UInt16(authority[authority.index(after: colon)...])
        }
        guard !host.isEmpty, let port else { return nil }
        return (String(host), port)
    }

    /// Whether something listens there.
    ///
    /// - Returns: nil when it does, else why not.
    package func unreachableReason(timeout: Duration = .seconds(5)) async -> String? {
        do {
            try await onOwnThread { _ = try PlainConnection(host: host, port: port, timeout: timeout) }
            return nil
        } catch {
            return "\(error)"
        }
    }
}
