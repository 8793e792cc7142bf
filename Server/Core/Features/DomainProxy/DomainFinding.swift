import GatehouseDNS
import GatehouseMessages
import GatehouseOpenCAP

/// What DNS said about a domain.
enum DomainFinding: Sendable {
    case texts([[UInt8]])
    case nothing(DNSError)

    static func of(_ domain: String, _ lookUp: DomainProxy.LookUp) async -> DomainFinding {
        do { return .texts(try await lookUp(domain).map(\.octets)) } catch { return .nothing(error) }
    }

    /// Octet by octet.
    func has(_ record: String) -> Bool {
        if case .texts(let texts) = self { texts.contains(Array(record.utf8)) } else { false }
    }

    /// Whether what is not in it is not in DNS.
    var isCertain: Bool {
        switch self {
        case .texts: true
        case .nothing(let error): error.isCertain
        }
    }

    /// That the record of a claim is not there, with what is there instead.
    func problem(at domain: DomainName) -> Problem {
        switch self {
        case .nothing(let error):
            return .domainNotVerified.saying("Looking for a TXT record at \(domain): \(error)")
        case .texts(let texts):
            let prefix = Array(DomainRecord.prefix.utf8)
            // Only what is meant for us: a server that asks within a network must not tell strangers what else is said there.
            let others = texts.filter { $0.starts(with: prefix) && $0.allSatisfy { (0x21...0x7e).contains($0) } }
            let found = others.prefix(3).map { "\"\(String(decoding: $0.prefix(300), as: UTF8.self))\"" }
            let what =
                found.isEmpty
                ? "there \(texts.count == 1 ? "is 1 TXT record" : "are \(texts.count) TXT records"), none beginning with \(DomainRecord.prefix)"
                : "found \(found.joined(separator: ", ")), which is not the record of this claim"
            return .domainNotVerified.saying("At \(domain) \(what).")
        }
    }
}
