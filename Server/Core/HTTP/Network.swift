import Glibc
package import HTTPTypes

/// The part of an address that limits are counted for: an IPv4 address (/32), or the first half of an IPv6 address (/64),
/// because one household or server holds at least that much.
package struct Network: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// - Parameter address: an IP address in text; anything else is one network of its own, so that it is limited too.
    package init(address: String) {
        guard let parsed = IPAddress(address) else {
            description = "unknown"
            return
        }
        switch parsed {
        case .v4(let octets): description = octets.map(String.init).joined(separator: ".") + "/32"
        case .v6(let octets):
            description =
                stride(from: 0, to: 8, by: 2).map {
                    String(UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]), radix: 16)
                }
                .joined(separator: ":") + "::/64"
        }
    }
}

/// An IP address. IPv4-mapped IPv6 addresses are the IPv4 address that they hold.
package enum IPAddress: Hashable, Sendable {
    case v4([UInt8])
    case v6([UInt8])

    package init?(_ text: String) {
        // A zone (`fe80::1%eth0`) names an interface of this machine, not a part of the address.
        let bare = String(text.prefix { $0 != "%" })
        var four = in_addr()
        var six = in6_addr()
        if unsafe inet_pton(AF_INET, bare, &four) == 1 {
            self = .v4(unsafe withUnsafeBytes(of: &four) { unsafe Array($0) })
        } else if unsafe inet_pton(AF_INET6, bare, &six) == 1 {
            let octets = unsafe withUnsafeBytes(of: &six) { unsafe Array($0) }
            let isMapped = octets[0..<10].allSatisfy { $0 == 0 } && octets[10] == 0xff && octets[11] == 0xff
            self = isMapped ? .v4(Array(octets[12...])) : .v6(octets)
        } else {
            return nil
        }
    }

    var octets: [UInt8] {
        switch self {
        case .v4(let octets), .v6(let octets): octets
        }
    }

    package var isLoopback: Bool {
        switch self {
        case .v4(let octets): octets[0] == 127
        case .v6(let octets): octets.dropLast().allSatisfy { $0 == 0 } && octets[15] == 1
        }
    }
}

/// A block of addresses such as `10.0.0.0/8`, or one address.
package struct AddressBlock: Hashable, Sendable {
    let base: IPAddress
    let prefix: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let base = IPAddress(String(parts[0])) else { return nil }
        let bits = base.octets.count * 8
        guard let prefix = parts.count == 2 ? Int(parts[1]) : bits, (0...bits).contains(prefix) else { return nil }
        self.base = base
        self.prefix = prefix
    }

    /// Whether it holds more addresses than one organisation's network has: beyond /8 of IPv4 and /32 of IPv6.
    package var isBroad: Bool { prefix < (base.octets.count == 4 ? 8 : 32) }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.octets.count == base.octets.count else { return false }
        for (index, (a, b)) in zip(address.octets, base.octets).enumerated() {
            let bits = min(8, max(0, prefix - index * 8))
            guard bits == 0 || a >> (8 - bits) == b >> (8 - bits) else { return false }
        }
        return true
    }
}

/// Decides what a proxy in front may say about a request: only peers that the operator named are believed.
package struct TrustedProxies: Sendable {
    let blocks: [AddressBlock]

    package init(_ blocks: [AddressBlock]) { self.blocks = blocks }

    /// The client that limits are counted for.
    ///
    /// Reads `X-Forwarded-For` from the right and stops at the first address that is not a trusted proxy, since everything
    /// to the left of it was written by the client.
    package func client(peer: String, forwardedFor: [String]) -> String {
        guard trusts(peer) else { return peer }
        let hops = forwardedFor.joined(separator: ",").split(separator: ",").map { String($0.trimmingSpaces()) }
        var client = peer
        for hop in hops.reversed() {
            guard IPAddress(hop) != nil else { break }
            client = hop
            guard trusts(hop) else { break }
        }
        return client
    }

    /// The host that the client asked for, and how, as far as a trusted proxy says so: `X-Forwarded-Host` and
    /// `X-Forwarded-Proto`, else `Forwarded` (RFC 7239). Of several values the last one counts, which the proxy nearest to us
    /// wrote.
    package func origin(peer: String, headers: HTTPFields) -> (host: String?, scheme: String?) {
        guard trusts(peer) else { return (nil, nil) }
        func last(_ name: HTTPField.Name) -> String? {
            headers[values: name].last.flatMap { $0.parts(",").last }.map { String($0.trimmingSpaces()) }
        }
        let forwarded = last(HTTPField.Name("Forwarded")!)?.parts(";").map { pair in
            pair.split(separator: "=", maxSplits: 1).map { $0.trimmingSpaces() }
        }
        func parameter(_ name: String) -> String? {
            forwarded?.first { $0.count == 2 && $0[0].lowercased() == name }
                .map { $0[1].trimmingPrefix("\"") }.map { String($0.hasSuffix("\"") ? $0.dropLast() : $0) }
        }
        let host = last(.xForwardedHost) ?? parameter("host")
        let scheme = (last(HTTPField.Name("X-Forwarded-Proto")!) ?? parameter("proto"))?.lowercased()
        return (
            host.flatMap { Authority($0) == nil ? nil : $0 },
            scheme.flatMap { ["http", "https"].contains($0) ? $0 : nil }
        )
    }

    package func trusts(_ peer: String) -> Bool {
        guard !blocks.isEmpty, let address = IPAddress(peer) else { return false }
        return blocks.contains { $0.contains(address) }
    }
}

extension HTTPField.Name {
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xForwardedHost = HTTPField.Name("X-Forwarded-Host")!
}

extension String {
    /// What stands between the separators that are not in quotes (RFC 9110 §5.6.4).
    fileprivate func parts(_ separator: Character) -> [Substring] {
        var isQuoted = false
        var isEscaped = false
        return split(omittingEmptySubsequences: false) { character in
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = isQuoted
            } else if character == "\"" {
                isQuoted.toggle()
            }
            return character == separator && !isQuoted
        }
    }
}
