/// A host with an optional port, as in `Host` (RFC 9110 §7.2), in lower case.
package struct Authority: Hashable, Sendable {
    /// A registered name, an IPv4 address, or an IPv6 address without its brackets.
    package let host: String
    package let port: Int?

    package init?(_ text: some StringProtocol) {
        let text = text.trimmingSpaces().lowercased()
        var rest = Substring(text)
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            // Without a zone: RFC 3986 §3.2.2 has none.
            guard case .v6? = IPAddress(host), !host.contains("%") else { return nil }
            rest = rest[rest.index(after: end)...]
        } else {
            let name = rest.prefix { $0 != ":" }
            let isNamed = name.utf8.allSatisfy { octet in
                switch octet {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                    UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            guard !name.isEmpty, name != ".", name.utf8.count <= 255, isNamed else { return nil }
            host = String(name.last == "." ? name.dropLast() : name)
            rest = rest[name.endIndex...]
        }
        if rest.isEmpty {
            port = nil
        } else {
            let digits = rest.dropFirst()
            guard rest.first == ":", digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
                let number = digits.isEmpty ? 0 : Int(digits), number <= 65535
            else { return nil }
            port = digits.isEmpty ? nil : number
        }
    }

    /// The authority of `http://host:port/path`; nil for any other target.
    package init?(ofAbsoluteTarget target: String) {
        let lowered = target.prefix(8).lowercased()
        let scheme = lowered.hasPrefix("http://") ? 7 : lowered.hasPrefix("https://") ? 8 : 0
        guard scheme > 0 else { return nil }
        self.init(target.dropFirst(scheme).prefix { $0 != "/" && $0 != "?" })
    }
}
