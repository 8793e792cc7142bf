import GatehouseMessages
import HTTPTypes

extension Access where Caller == Anyone {
    /// Anyone but a page of another site, which could send a form of ours by itself.
    ///
    /// Browsers say where a form comes from in `Sec-Fetch-Site` (Fetch Metadata Request Headers, over TLS and on loopback) and
    /// in `Origin`. Programs send neither and pass.
    ///
    /// - Parameter publicURL: an origin that is ours, besides that of the request's own host.
    static func sameSite(_ publicURL: String?) -> Access {
        Access { call in
            let site = call.headers[HTTPField.Name("Sec-Fetch-Site")!]
            if let site, site != "same-origin" && site != "none" { throw Problem.crossSite }
            if let origin = call.headers[.origin] {
                let isOurs =
                    origin == publicURL || origin.isOrigin(ofHost: call.original.host)
                    // A browser that keeps back where a form comes from, but says that it is ours.
                    || (origin == "null" && site == "same-origin")
                guard isOurs else { throw Problem.crossSite }
            }
            return Anyone()
        }
    }
}

extension String {
    /// Whether this is the origin (RFC 6454 §6.2) of a page that came from `host`, over HTTP or over TLS: only the proxy in front
    /// knows which.
    fileprivate func isOrigin(ofHost host: String) -> Bool {
        guard let own = Authority(host) else { return false }
        for (scheme, port) in [("https://", 443), ("http://", 80)] where hasPrefix(scheme) {
            guard let origin = Authority(dropFirst(scheme.count)) else { return false }
            return origin.host == own.host && (origin.port ?? port) == (own.port ?? port)
        }
        return false
    }
}
