internal import CGatehousePSL
import GatehouseMessages
import GatehouseOpenCAP

/// Which domains nobody can have for themselves, whatever DNS says.
struct ClaimableDomains: Sendable {
    /// That of the public URL; nil without one.
    let ownHost: String?

    /// - Throws: `Problem.invalidDomain` for a public suffix, and for our own host and what is below it.
    func check(_ domain: DomainName) throws(Problem) {
        // The star rule would take each top-level domain that nobody registered for a suffix; a domain has two labels anyway.
        if unsafe psl_is_public_suffix(psl_builtin(), domain.text) == 1 {
            throw .invalidDomain.saying("\(domain) is a public suffix, which belongs to nobody alone.")
        }
        if let ownHost, domain.text == ownHost || domain.text.hasSuffix(".\(ownHost)") {
            throw .invalidDomain.saying("\(domain) is this server's own.")
        }
    }
}
