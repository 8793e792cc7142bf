public import GatehouseClient
import GatehouseDNS
import GatehouseJSON
import GatehouseOpenCAP
import GatehouseTransfer
import HTTPTypes

/// Finds the payment addresses of an alias, at whatever OpenCAP server its domain names in DNS.
///
/// Safe to share between tasks; make one and keep it, since it remembers what DNS said and keeps connections.
///
/// ```swift
/// let resolver = try AliasResolver(pins: FilePinStore(path: "hosts.json"))
/// let addresses = try await resolver.resolve("alice$example.com")
/// ```
///
/// The hosts that a domain names (SRV, `_opencap._tcp.example.com`) are asked over https only, each with a certificate of its own
/// name, in the order of RFC 2782. The first set of hosts that answers for a domain is pinned: what DNS says is not signed, and
/// whoever could change it could have others paid.
public final class AliasResolver: Sendable {
    private let dns: DNSClient
    /// Whether the hosts are looked up by the name servers that were given; the system does it otherwise.
    private let looksUpHosts: Bool
    private let transport: CurlTransport
    private let caFile: String?
    private let pins: any PinStore
    private let cache: TargetCache
    private let timeout: Duration
    private let confirm: @Sendable (HostChange) async -> Bool
    private let random: @Sendable (ClosedRange<Int>) -> Int

    /// What is read of an answer, in octets. An alias has an address of each type at most.
    private static let maximumAnswer = 64 * 1024
    /// A question to a name server takes no longer, so that there is time for others.
    private static let longestQuestion: Duration = .seconds(5)
    /// Of a host that has many, no more are tried.
    private static let mostAddresses = 4

    /// - Parameters:
    ///   - nameServers: IP addresses, each with a port if it is not 53: `127.0.0.1:5353`, `[::1]:53`. Nil for those of the system.
    ///   - caFile: PEM file of the authorities to trust; nil for the system's.
    ///   - pins: where the hosts of each domain are kept.
    ///   - timeout: for a look-up with all that belongs to it.
    ///   - confirm: asked when a domain names other hosts than those that are pinned. With true these are pinned instead; with
    ///     false the look-up fails as `.hostChanged`. Its time does not count.
    /// - Throws: `.invalidNameServer`.
    public convenience init(
        nameServers: [String]? = nil, caFile: String? = nil, pins: any PinStore = MemoryPinStore(),
        timeout: Duration = .seconds(20), confirm: @escaping @Sendable (HostChange) async -> Bool = { _ in false }
    ) throws(ResolverError) {
        try self.init(
            nameServers: nameServers, caFile: caFile, pins: pins, timeout: timeout, now: { .now },
            random: { Int.random(in: $0) }, confirm: confirm)
    }

    /// With a clock and dice of one's own, for tests.
    package init(
        nameServers: [String]?, caFile: String?, pins: any PinStore, timeout: Duration,
        now: @escaping @Sendable () -> ContinuousClock.Instant, random: @escaping @Sendable (ClosedRange<Int>) -> Int,
        confirm: @escaping @Sendable (HostChange) async -> Bool
    ) throws(ResolverError) {
        var servers: [DNSServer]?
        if let nameServers {
            guard !nameServers.isEmpty else { throw .invalidNameServer("") }
            servers = []
            for text in nameServers {
                guard let server = DNSServer(text) else { throw .invalidNameServer(text) }
                servers?.append(server)
            }
        }
        dns = DNSClient(servers: servers, timeout: min(timeout, Self.longestQuestion))
        looksUpHosts = servers != nil
        transport = CurlTransport()
        self.caFile = caFile
        self.pins = pins
        cache = TargetCache(now: now)
        self.timeout = timeout
        self.confirm = confirm
        self.random = random
    }

    // MARK: Looking up

    /// All addresses of an alias, ordered by type; those of types that this version does not know are left out.
    ///
    /// - Throws: `ResolverError`; `.unknownAlias` when the server knows no such alias, `.invalidAddress` when one is wrong.
    public func resolve(_ alias: String) async throws(ResolverError) -> [PaymentAddress] {
        let answer = try await answer(alias)
        return try PaymentAddress.checked(answer) { _ in true }
    }

    /// The address of one type; nil when the alias has none.
    ///
    /// - Throws: `ResolverError`; `.invalidAddress` when this address is wrong.
    public func resolve(
        _ alias: String, type: GatehouseClient.AddressType
    ) async throws(ResolverError) -> PaymentAddress? {
        let answer = try await answer(alias)
        return try PaymentAddress.checked(answer) { $0 == type }.first
    }

    private func answer(_ text: String) async throws(ResolverError) -> [UInt8] {
        let alias: Alias
        do throws(AliasError) { alias = try Alias(text) } catch { throw .invalidAlias("\(error)") }
        let deadline = ContinuousClock.now + timeout
        let targets = try await inTime(deadline) { () async throws(ResolverError) in try await self.targets(of: alias) }
        let pinned = try await pinned(alias.domain, Set(targets.map(\.host)))
        // Somebody may have thought about it for long.
        let end = pinned.isConfirmed ? ContinuousClock.now + timeout : deadline
        let result: Result<[UInt8], ResolverError>
        do throws(ResolverError) {
            result = .success(
                try await inTime(end) { () async throws(ResolverError) in
                    try await self.ask(targets, for: alias, until: end)
                })
        } catch { result = .failure(error) }
        if pinned.isNew, result.isOfHost { try await pin(targets, alias.domain, pinned.old) }
        return try result.get()
    }

    /// Ends what takes longer.
    private func inTime<Value: Sendable>(
        _ deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () async throws(ResolverError) -> Value
    ) async throws(ResolverError) -> Value {
        let result = await withTaskGroup(of: Result<Value, ResolverError>.self) { group in
            group.addTask {
                do throws(ResolverError) { return .success(try await body()) } catch { return .failure(error) }
            }
            group.addTask {
                do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return .failure(.cancelled) }
                return .failure(.timedOut)
            }
            let first = await group.next() ?? .failure(.cancelled)
            group.cancelAll()
            return first
        }
        guard !Task.isCancelled else { throw .cancelled }
        return try result.get()
    }

    // MARK: Hosts

    private func targets(of alias: Alias) async throws(ResolverError) -> [Target] {
        if let known = cache[alias.domain] {
            guard !known.isEmpty else { throw .notOffered(domain: alias.domain) }
            return known
        }
        var services: [DNSService] = []
        do throws(DNSError) { services = try await dns.services(of: "_opencap._tcp.\(alias.domain)") } catch {
            guard error.isCertain else { throw ResolverError(error, domain: alias.domain) }
        }
        // RFC 2782: the target "." says that the service is decidedly not available.
        let named = services.filter { !$0.target.isEmpty }
        guard !named.isEmpty else {
            cache.remember(alias.domain, [], for: services.map(\.timeToLive).min())
            throw .notOffered(domain: alias.domain)
        }
        let targets = named.compactMap(Target.init)
        guard !targets.isEmpty else { throw .nameServer(.malformed, domain: alias.domain) }
        cache.remember(alias.domain, targets, for: services.map(\.timeToLive).min())
        return targets
    }

    private struct Pinned {
        let old: Set<String>?
        let isNew: Bool
        var isConfirmed = false
    }

    /// - Throws: `.hostChanged`, `.pinStore`.
    private func pinned(_ domain: String, _ hosts: Set<String>) async throws(ResolverError) -> Pinned {
        let old: Set<String>?
        do { old = try await pins.hosts(of: domain) } catch { throw .pinStore(error.description) }
        guard let old else { return Pinned(old: nil, isNew: true) }
        guard old != hosts else { return Pinned(old: old, isNew: false) }
        let change = HostChange(domain: domain, known: old.sorted(), found: hosts.sorted())
        guard await confirm(change) else { throw .hostChanged(change) }
        return Pinned(old: old, isNew: true, isConfirmed: true)
    }

    /// - Throws: `.hostChanged`, `.pinStore`.
    private func pin(_ targets: [Target], _ domain: String, _ old: Set<String>?) async throws(ResolverError) {
        let hosts = Set(targets.map(\.host))
        let isKept: Bool
        do { isKept = try await pins.pin(hosts, to: domain, insteadOf: old) } catch {
            throw .pinStore(error.description)
        }
        // Somebody else was faster, maybe with other hosts.
        if !isKept { _ = try await pinned(domain, hosts) }
    }

    // MARK: Asking them

    /// The body of the first answer that counts.
    private func ask(
        _ targets: [Target], for alias: Alias, until deadline: ContinuousClock.Instant
    ) async throws(ResolverError) -> [UInt8] {
        var failures: [TargetFailure] = []
        var rest = Target.inOrder(targets, random: random)[...]
        while let target = rest.popFirst() {
            var places: [String?] = [nil]
            if looksUpHosts {
                do throws(DNSError) { places = try await dns.addresses(of: target.host) } catch {
                    guard error != .cancelled else { throw .cancelled }
                    failures.append(TargetFailure(target, .unreachable, "\(error)"))
                    continue
                }
            }
            places = Array(places.prefix(Self.mostAddresses))
            while !places.isEmpty {
                let place = places.removeFirst()
                // Each gets its part of the time that is left, so that a silent one leaves some to those after it.
                let left = deadline - .now
                guard left > .zero else { throw .timedOut }
                let request = request(target, at: place, for: alias, within: left / (1 + places.count + rest.count))
                let response: TransferResponse
                do throws(TransferError) { response = try await transport.send(request) } catch {
                    guard error.kind != .cancelled else { throw .cancelled }
                    failures.append(TargetFailure(target, TransportFailure.Kind(error.kind), error.description))
                    continue
                }
                guard response.status < 500 else {
                    failures.append(TargetFailure(target, nil, "it answered \(response.status)"))
                    break
                }
                return try accepted(response, from: target)
            }
        }
        throw .unreachable(failures)
    }

    private func request(
        _ target: Target, at place: String?, for alias: Alias, within time: Duration
    ) -> TransferRequest {
        // An alias has no other character that would have to be encoded.
        let query = alias.text.replacing("$", with: "%24")
        var request = TransferRequest(
            method: .get, url: "\(target.url)/v1/addresses?alias=\(query)", headers: [("Accept", "application/json")])
        request.caFile = caFile
        request.timeout = time
        request.connectTimeout = min(time, .seconds(10))
        request.maximumBodySize = Self.maximumAnswer
        if let place {
            request.connectTo = place.contains(":") ? "[\(place)]:\(target.port)" : "\(place):\(target.port)"
        }
        return request
    }

    private func accepted(_ response: TransferResponse, from target: Target) throws(ResolverError) -> [UInt8] {
        switch response.status {
        case 200: return response.body
        case 404: throw .unknownAlias
        // Whoever is sent elsewhere would ask a host that the domain does not name.
        case 300..<400: throw .unexpectedAnswer("\(target.host) sends us elsewhere, where we do not go")
        case 400..<500:
            let answer = TransportResponse(status: response.status, headers: response.headers, body: response.body)
            guard let refusal = GatehouseError(refusal: answer, now: WallClock.system.now()).refusal else {
                fallthrough
            }
            throw .refused(refusal)
        default: throw .unexpectedAnswer("\(target.host) answered \(response.status)")
        }
    }
}

extension Result where Success == [UInt8], Failure == ResolverError {
    /// Whether one of the hosts said something, which its certificate vouches for.
    fileprivate var isOfHost: Bool {
        switch self {
        case .success, .failure(.unknownAlias), .failure(.refused), .failure(.unexpectedAnswer): true
        default: false
        }
    }
}
