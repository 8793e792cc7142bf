/// An origin of web pages (RFC 6454 §6.2), written as browsers send it: `https://host[:port]`, in lower case and without the port
/// that the scheme has anyway.
package struct WebOrigin: Hashable, Sendable {
    package let text: String

    /// What a value should have been, for whoever gave another.
    package static let expectation = "must be like https://id.example.org, without a path"

    /// Nil for what is no origin; a slash at its end does not count.
    package init?(_ text: String) {
        let bare = text.hasSuffix("/") ? text.dropLast() : text[...]
        let scheme = bare.hasPrefix("https://") ? "https" : bare.hasPrefix("http://") ? "http" : ""
        guard !scheme.isEmpty, let authority = Authority(bare.dropFirst(scheme.utf8.count + 3)) else { return nil }
        let host = authority.host.utf8.contains(UInt8(ascii: ":")) ? "[\(authority.host)]" : authority.host
        let port = authority.port.flatMap { $0 == (scheme == "https" ? 443 : 80) ? nil : ":\($0)" } ?? ""
        self.text = "\(scheme)://\(host)\(port)"
    }
}
