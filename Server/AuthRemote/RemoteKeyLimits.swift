import GatehouseTransfer

/// How long keys are kept, and what fetching them may cost.
package struct RemoteKeyLimits: Sendable {
    /// No keys are used for longer after they were fetched, so that one that the issuer took away is refused after an
    /// hour at the latest, also when the issuer cannot be reached.
    package var maximumAge: Duration = .seconds(3600)
    /// Not asked more often, whatever the issuer says, while nothing is missing.
    package var minimumAge: Duration = .seconds(10)
    /// For an answer without `max-age`.
    package var usualAge: Duration = .seconds(300)
    /// How often a key that is not known is a reason to fetch: anybody can make one up.
    package var searchInterval: Duration = .seconds(60)
    /// The pause after a fetch that failed.
    package var retryInterval: Duration = .seconds(5)
    /// For a fetch, the connection included.
    package var timeout: Duration = .seconds(5)
    /// Bytes of a JWK set; one with ten RSA keys and their certificates has some 50 KB.
    package var size: Int = 256 * 1024

    package init() {}

    /// How long the answer may be used without asking again (RFC 9111 §4.2).
    ///
    /// Half of `maximumAge` at most: then an issuer that is down for the other half does no harm.
    func freshness(of response: TransferResponse) -> Duration {
        min(max(Self.lifetime(of: response) ?? usualAge, minimumAge), maximumAge / 2)
    }

    /// What `Cache-Control` says, less what a cache on the way has used up of it; nil when it says nothing.
    private static func lifetime(of response: TransferResponse) -> Duration? {
        func values(_ name: String) -> [String] {
            response.headers.filter { $0.name.lowercased() == name }.map(\.value)
        }
        let directives = values("cache-control").joined(separator: ",").split(separator: ",").map {
            $0.filter { $0 != " " && $0 != "\t" && $0 != "\"" }.lowercased()
        }
        if directives.contains("no-store") || directives.contains("no-cache") { return .zero }
        let ages = directives.filter { $0.hasPrefix("max-age=") }.map { $0.dropFirst("max-age=".count) }
        guard !ages.isEmpty else { return nil }
        // RFC 9111 §4.2.1: of several the shortest, and what is no number counts as nothing.
        let shortest = ages.map(seconds).min() ?? 0
        return .seconds(shortest - min(shortest, values("age").map(seconds).max() ?? 0))
    }

    /// RFC 9111 §1.2.2: what is larger than we can hold means for ever.
    private static func seconds(_ text: some StringProtocol) -> Int64 {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return 0
        }
        return min(Int64(text) ?? .max, 1 << 31)
    }
}
