import Foundation
public import GatehouseAuth
public import Logging

/// Why keys cannot be fetched from a place.
public struct InvalidKeyURL: Error, Equatable, CustomStringConvertible {
    /// A sentence for the person who gave it.
    public let description: String
}

extension KeySource {
    /// The keys that an issuer publishes as a JWK set (RFC 7517 §5), such as `/.well-known/jwks.json` of a Gatehouse
    /// server.
    ///
    /// They are fetched when the first token comes, once for any number that wait, and again when `max-age` of the
    /// answer is over (10 s to 30 minutes; 5 minutes without one) or a token names a key that is not among them, for
    /// that at most once a minute. While the issuer does not answer, those that were fetched last are used, but none
    /// for longer than an hour; then, and when there are none yet, requests are refused with 503. Secrets and private
    /// keys in the set are left out, answers over 256 KiB refused, redirects not followed.
    ///
    /// - Parameters:
    ///   - url: https, or http to this machine (`127.0.0.1`, `[::1]`, `localhost`).
    ///   - caFile: a PEM file of the certificates to trust instead of the system's.
    ///   - logger: told when a fetch fails.
    /// - Throws: `InvalidKeyURL`.
    public static func remote(
        _ url: String, caFile: String? = nil, logger: Logger = Logger(label: "gatehouse.auth")
    ) throws(InvalidKeyURL) -> KeySource {
        let start = ContinuousClock.now
        return try remote(url, caFile: caFile, limits: RemoteKeyLimits(), logger: logger) { start.duration(to: .now) }
    }

    /// With limits and a clock of one's own, which says how much time has passed since whenever; for tests.
    package static func remote(
        _ url: String, caFile: String? = nil, limits: RemoteKeyLimits, logger: Logger,
        elapsed: @escaping @Sendable () -> Duration
    ) throws(InvalidKeyURL) -> KeySource {
        try check(url)
        let keys = RemoteKeys(url: url, caFile: caFile, limits: limits, logger: logger, elapsed: elapsed)
        return KeySource { insufficient in
            guard let insufficient else { return try await keys.current() }
            return try await keys.newer(than: insufficient)
        }
    }

    private static func check(_ url: String) throws(InvalidKeyURL) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host?.lowercased(), !host.isEmpty,
            parts.user == nil, parts.password == nil, parts.fragment == nil
        else {
            // What is wrong stays unquoted: it may hold a password.
            throw InvalidKeyURL(
                description: "Keys are fetched from a URL such as https://id.example.org/.well-known/jwks.json.")
        }
        guard scheme == "https" || isThisMachine(host) else {
            throw InvalidKeyURL(description: "Keys are fetched with https, or from this machine, but not from \(url).")
        }
    }

    /// RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5.3.
    private static func isThisMachine(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return ["localhost", "[::1]", "::1"].contains(host)
            || parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } && parts[0] == "127"
    }
}
