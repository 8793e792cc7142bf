import GatehouseDNS
import GatehouseOpenCAP

/// A host that answers for a domain.
struct Target: Sendable, Equatable {
    let priority: UInt16
    let weight: UInt16
    /// In lower case, without a dot at its end.
    let host: String
    let port: UInt16

    var url: String { "https://\(host)\(port == 443 ? "" : ":\(port)")" }

    /// Nil for what is no host of the Internet: an address in place of a name, a single label, port 0.
    init?(_ service: DNSService) {
        guard let name = try? DomainName(service.target), service.port > 0 else { return nil }
        self.init(priority: service.priority, weight: service.weight, host: name.text, port: service.port)
    }

    init(priority: UInt16, weight: UInt16, host: String, port: UInt16) {
        (self.priority, self.weight, self.host, self.port) = (priority, weight, host, port)
    }

    /// The order to try them in (RFC 2782): the lowest priority first, and of one priority by chance, as their weights say.
    static func inOrder(_ targets: [Target], random: (ClosedRange<Int>) -> Int) -> [Target] {
        var ordered: [Target] = []
        for (_, group) in Dictionary(grouping: targets, by: \.priority).sorted(by: { $0.key < $1.key }) {
            // Those of weight 0 first, so that they have a small chance.
            var rest = group.sorted { ($0.weight, $0.host, $0.port) < ($1.weight, $1.host, $1.port) }
            while !rest.isEmpty {
                let chosen = random(0...rest.reduce(0) { $0 + Int($1.weight) })
                var sum = 0
                let index = rest.firstIndex { target in
                    sum += Int(target.weight)
                    return sum >= chosen
                }
                ordered.append(rest.remove(at: index ?? 0))
            }
        }
        return ordered
    }
}
