internal import Glibc

/// A name server: an IP address with a port, `127.0.0.1:5353`, `[::1]:53` or `192.0.2.1`.
package struct DNSServer: Hashable, Sendable, CustomStringConvertible {
    /// As c-ares reads it: an IPv6 address in brackets, always with a port.
    package let description: String

    /// - Returns: nil for anything else, names among it.
    package init?(_ text: String) {
        // What C sees of a text ends at a NUL.
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        let isBracketed = text.hasPrefix("[")
        let host: Substring
        let rest: Substring
        if isBracketed {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else if text.count(where: { $0 == ":" }) > 1 {
            (host, rest) = (text[...], "")
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
        }
        let isV6 = isIPAddress(String(host), family: AF_INET6)
        guard isV6 || (!isBracketed && isIPAddress(String(host), family: AF_INET)) else { return nil }
        var port: UInt16 = 53
        if !rest.isEmpty {
            guard rest.first == ":", rest.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let given = UInt16(rest.dropFirst()), given > 0
            else { return nil }
            port = given
        }
        description = isV6 ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

private func isIPAddress(_ text: String, family: Int32) -> Bool {
    var address = in6_addr()
    return unsafe inet_pton(family, text, &address) == 1
}
