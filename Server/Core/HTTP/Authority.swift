/// A host with an optional port, as in `Host` (RFC 9110 §7.2), in lower case.
package struct Authority: Hashable, Sendable {
    /// A registered name, an IPv4 address, or an IPv6 address without its brackets.
    package let host: String
    package let port: Int?

    package init?<Text: StringProtocol>(_ text: Text) where Text.SubSequence == Substring {
        // By octets: every request comes here, and by characters it took an eighth of the server's time.
        let octets = text.trimmingSpaces().utf8.map {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0
        }
        var rest = octets[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = String(decoding: rest[1..<end], as: UTF8.self)
            // Without a zone: RFC 3986 §3.2.2 has none.
            guard case .v6? = IPAddress(host), !host.utf8.contains(UInt8(ascii: "%")) else { return nil }
            rest = rest[(end + 1)...]
        } else {
            let name = rest.prefix { $0 != UInt8(ascii: ":") }
            let isNamed = name.allSatisfy { octet in
                switch octet {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                    UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            guard !name.isEmpty, name != [UInt8(ascii: ".")], name.count <= 255, isNamed else { return nil }
            host = String(decoding: name.last == UInt8(ascii: ".") ? name.dropLast() : name, as: UTF8.self)
            rest = rest[name.endIndex...]
        }
        if rest.isEmpty {
            port = nil
        } else {
            let digits = rest.dropFirst()
            guard rest.first == UInt8(ascii: ":"), digits.allSatisfy({ $0 >= 48 && $0 <= 57 }),
                let number = digits.isEmpty ? 0 : Int(String(decoding: digits, as: UTF8.self)), number <= 65535
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
