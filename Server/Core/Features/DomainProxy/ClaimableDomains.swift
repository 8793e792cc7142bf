import GatehouseMessages
import GatehouseOpenCAP
import GatehousePublicSuffixes

/// Which domains nobody can have for themselves, whatever DNS says.
struct ClaimableDomains: Sendable {
    /// That of the public URL; nil without one.
    let ownHost: String?

    /// - Throws: `Problem.invalidDomain` for a public suffix, and for our own host and what is below it.
    func check(_ domain: DomainName) throws(Problem) {
        if PublicSuffix.contains(domain.text) {
            throw .invalidDomain.saying("\(domain) is a public suffix, which belongs to nobody alone.")
        }
        if let ownHost, domain.text == ownHost || domain.text.hasSuffix(".\(ownHost)") {
            throw .invalidDomain.saying("\(domain) is this server's own.")
        }
    }
}
