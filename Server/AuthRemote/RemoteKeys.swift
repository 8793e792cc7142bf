import GatehouseAuth
import GatehouseTransfer
import HTTPTypes
import Logging
import WebTokens

/// The keys that an issuer publishes, fetched when they are asked for and kept for as long as the issuer says, within
/// bounds.
actor RemoteKeys {
    /// What was fetched last. Times are those of `elapsed`.
    private struct Kept {
        var keys: IssuerKeys
        var tag: String?
        /// Until then they are used without asking.
        var freshUntil: Duration
        /// Until then they are used when the issuer cannot be reached.
        var trustedUntil: Duration
    }

    private let url: String
    private let caFile: String?
    private let limits: RemoteKeyLimits
    private let logger: Logger
    private let elapsed: @Sendable () -> Duration
    private let transport = CurlTransport(maximumConnections: 1)

    private var kept: Kept?
    /// The fetch that everybody waits for. It ends by itself, after `limits.timeout` at the latest.
    private var running: Task<Void, Never>?
    /// When to try again, after a fetch that failed; nil after one that did not.
    private var retryAt: Duration?
    private var lastSearch: Duration?

    init(
        url: String, caFile: String?, limits: RemoteKeyLimits, logger: Logger,
        elapsed: @escaping @Sendable () -> Duration
    ) {
        self.url = url
        self.caFile = caFile
        self.limits = limits
        self.logger = logger
        self.elapsed = elapsed
    }

    // MARK: What is asked

    /// The keys that count now.
    ///
    /// - Throws: `KeysUnavailable`.
    func current() async throws(KeysUnavailable) -> IssuerKeys {
        if let kept, elapsed() < kept.freshUntil { return kept.keys }
        let isFirstTry = retryAt == nil
        if running != nil || retryAt.map({ $0 <= elapsed() }) ?? true {
            let fetch = startOrJoin()
            // As long as an issuer does not answer, old keys that may still be used need not wait for it.
            if isFirstTry || trusted == nil { await fetch.value }
        }
        return try requireTrusted()
    }

    /// The keys that count now, asked for because these lack one. At most once a minute that is a reason to fetch.
    ///
    /// - Returns: the same object when there is nothing new.
    /// - Throws: `KeysUnavailable`, also when it cannot be known whether there is something new.
    func newer(than insufficient: IssuerKeys) async throws(KeysUnavailable) -> IssuerKeys {
        if let trusted, trusted !== insufficient { return trusted }
        let now = elapsed()
        if lastSearch.map({ now - $0 >= limits.searchInterval }) ?? true {
            lastSearch = now
            await startOrJoin().value
        } else if let running {
            await running.value
        }
        guard retryAt == nil else { throw unavailable }
        return try requireTrusted()
    }

    private var trusted: IssuerKeys? { kept.flatMap { elapsed() < $0.trustedUntil ? $0.keys : nil } }

    private func requireTrusted() throws(KeysUnavailable) -> IssuerKeys {
        guard let trusted else { throw unavailable }
        return trusted
    }

    private var unavailable: KeysUnavailable {
        KeysUnavailable(retryAfter: max(.seconds(1), (retryAt ?? .zero) - elapsed()))
    }

    // MARK: Fetching

    /// Not a child of the task that asks: others wait for it too, and it goes on when that one is cancelled.
    private func startOrJoin() -> Task<Void, Never> {
        if let running { return running }
        let fetch = Task { await self.fetch() }
        running = fetch
        return fetch
    }

    private func fetch() async {
        // Ages count from before the answer was made.
        let startedAt = elapsed()
        do throws(FetchError) {
            kept = try read(try await ask(), askedAt: startedAt)
            retryAt = nil
        } catch {
            retryAt = elapsed() + limits.retryInterval
            logger.warning("keys not fetched", metadata: ["url": .string(url), "error": .string(error.reason)])
        }
        running = nil
    }

    private struct FetchError: Error {
        let reason: String
    }

    private func ask() async throws(FetchError) -> TransferResponse {
        var request = TransferRequest(
            method: .get, url: url, headers: [("Accept", "application/jwk-set+json, application/json")])
        if let tag = kept?.tag { request.headers.append(("If-None-Match", tag)) }
        request.caFile = caFile
        request.timeout = limits.timeout
        request.connectTimeout = limits.timeout
        request.maximumBodySize = limits.size
        do { return try await transport.send(request) } catch { throw FetchError(reason: error.description) }
    }

    private func read(_ response: TransferResponse, askedAt: Duration) throws(FetchError) -> Kept {
        let keys: IssuerKeys
        let tag: String?
        switch response.status {
        case 200:
            do { keys = IssuerKeys(try KeySet(parsingPublicKeys: response.body)) } catch {
                throw FetchError(reason: error.description)
            }
            tag = response.header("ETag")
        case 304:
            guard let kept, kept.tag != nil else { throw FetchError(reason: "304, but nothing was asked about") }
            keys = kept.keys
            tag = response.header("ETag") ?? kept.tag
        // Among them every redirect: who answers there is not who was configured.
        default: throw FetchError(reason: "status \(response.status)")
        }
        return Kept(
            keys: keys, tag: tag, freshUntil: askedAt + limits.freshness(of: response),
            trustedUntil: askedAt + limits.maximumAge)
    }
}
