import GatehouseClient
import GatehouseResolver
import GatehouseTestSupport
import Synchronization
import Testing

@Suite("The resolver", .timeLimit(.minutes(3)))
struct AliasResolverTests {
    private static let alias = "alice$a.test"

    private static func failure(_ place: Place) async throws -> ResolverError? {
        do {
            _ = try await place.resolver.resolve(alias)
            return nil
        } catch { return error }
    }

    @Test("asks the host and port that DNS names, and says the addresses of known types in their order")
    func resolves() async throws {
        let host = try await Host(json: "[\(entry(300, nano)),\(entry(999, "whatever")),\(entry(100, legacy))]")
        let place = try await Place(Place.service(host.port), trusting: [host])
        let addresses = try await place.resolver.resolve(" Alice$A.test. ")
        #expect(addresses.map(\.type) == [.bitcoinP2PKH, .nano])
        #expect(addresses.map(\.address) == [legacy, nano])
        #expect(try await place.resolver.resolve(Self.alias, type: .nano)?.address == nano)
        #expect(try await place.resolver.resolve(Self.alias, type: .bitcoinSegWit) == nil)
        #expect(place.pins.hosts(of: "a.test") == ["cap.a.test"])
    }

    @Test("understands one object, and JSON in a string of JSON as go-server sends it")
    func otherServers() async throws {
        let host = try await Host(json: "[]")
        let place = try await Place(Place.service(host.port), trusting: [host])
        for body in [entry(100, legacy), #""[{\"address\":\"\#(legacy)\",\"address_type\":100}]""#] {
            try host.change(toJSON: body)
            #expect(try await place.resolver.resolve(Self.alias).map(\.address) == [legacy], "\(body)")
        }
        for body in ["[]", #""[]""#] {
            try host.change(toJSON: body)
            #expect(try await place.resolver.resolve(Self.alias).isEmpty)
        }
    }

    @Test("believes no address that is wrong, and says of which type it is")
    func wrongAddresses() async throws {
        let host = try await Host(json: "[]")
        let place = try await Place(Place.service(host.port), trusting: [host])
        for (type, address) in [(100, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"), (100, nano), (103, "")] {
            try host.change(toJSON: "[\(entry(300, nano)),\(entry(type, address))]")
            let error = try await Self.failure(place)
            guard case .invalidAddress(let named, _) = error else {
                Issue.record("\(type) \(address): \(String(describing: error))")
                continue
            }
            #expect(named.rawValue == type)
            // Whoever wants another one is not concerned.
            #expect(try await place.resolver.resolve(Self.alias, type: .nano)?.address == nano)
        }
        for body in [
            "", "{", "7", #""7""#, "[7]", #"[{"address":"x"}]"#, "[\(entry(100, legacy)),\(entry(100, legacy))]",
        ] {
            try host.change(toJSON: body)
            let error = try await Self.failure(place)
            guard case .unexpectedAnswer = error else {
                Issue.record("\(body): \(String(describing: error))")
                continue
            }
        }
    }

    // MARK: Whom it believes

    @Test("refuses a host whose certificate is another's, or nobody's, and pins nothing")
    func certificates() async throws {
        let other = try await Host("other.a.test", json: "[\(entry(100, legacy))]")
        let unknown = try await Host(json: "[\(entry(100, legacy))]")
        for (host, trusted) in [(other, [other]), (unknown, [other]), (unknown, [])] {
            let place = try await Place(Place.service(host.port), trusting: trusted)
            guard case .unreachable(let failures) = try await Self.failure(place) else {
                Issue.record("it was believed")
                continue
            }
            #expect(failures.map(\.kind) == [.tls] && failures.map(\.host) == ["cap.a.test"], "\(failures)")
            #expect(place.pins.hosts(of: "a.test") == nil)
        }
    }

    @Test("speaks no http")
    func http() async throws {
        let body = "[\(entry(100, legacy))]"
        // It does not even wait for a request.
        let server = try RawServer { connection, _ in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        let place = try await Place(Place.service(server.port))
        guard case .unreachable(let failures) = try await Self.failure(place) else {
            Issue.record("it was believed")
            return
        }
        #expect(failures.map(\.kind) == [.tls])
    }

    @Test("asks the next host when one cannot be reached, has no right certificate, fails, or answers too much")
    func fallsBack() async throws {
        let good = try await Host("cap2.a.test", json: "[\(entry(100, legacy))]")
        let misnamed = try await Host("other.a.test", json: "[]")
        let failing = try await Host(answering: "HTTP/1.1 503 Service Unavailable\r\n\r\n")
        let huge = try await Host(json: "[\"" + String(repeating: "x", count: 70_000) + "\"]")
        let records = [
            Place.service(try RawServer.unusedPort(), priority: 1), Place.service(misnamed.port, priority: 2),
            Place.service(failing.port, priority: 3), Place.service(huge.port, priority: 4),
            Place.service(good.port, "nowhere", priority: 5),
        ]
        let hosts = [good, misnamed, failing, huge]
        let place = try await Place(
            records.joined() + Place.service(good.port, "cap2", priority: 9), trusting: hosts)
        #expect(try await place.resolver.resolve(Self.alias).map(\.address) == [legacy])
        let without = try await Place(records.joined(), trusting: hosts)
        guard case .unreachable(let failures) = try await Self.failure(without) else {
            Issue.record("somebody answered")
            return
        }
        #expect(failures.map(\.kind) == [.unreachable, .tls, nil, .malformedAnswer, .unreachable], "\(failures)")
    }

    @Test("takes the first answer for one: no such alias, a refusal, and another place, where it does not go")
    func final() async throws {
        let good = try await Host("cap2.a.test", json: "[\(entry(100, legacy))]")
        let host = try await Host(json: "[]")
        let place = try await Place(
            Place.service(host.port, priority: 1) + Place.service(good.port, "cap2", priority: 2),
            trusting: [host, good])
        for (answer, word) in [
            ("404 Not Found\r\nError-Code: unknown_alias", "The server knows no such alias."),
            ("404 Not Found", "The server knows no such alias."),
            ("429 Too Many Requests\r\nError-Code: too_many_requests", "The server answered 429. (too_many_requests)"),
            (
                "302 Found\r\nLocation: https://cap2.a.test:\(good.port)/v1/addresses?alias=alice%24a.test",
                "The server's answer makes no sense: cap.a.test sends us elsewhere, where we do not go."
            ), ("204 No Content", "The server's answer makes no sense: cap.a.test answered 204."),
        ] {
            try host.change(to: "HTTP/1.1 \(answer)\r\nContent-Length: 0\r\n\r\n")
            #expect(try await Self.failure(place)?.description == word)
        }
        #expect(place.pins.hosts(of: "a.test") == ["cap.a.test", "cap2.a.test"], "a host has answered")
    }

    // MARK: What DNS says

    @Test("a domain that does not say where OpenCAP is, or says that it is nowhere, is asked nothing")
    func notOffered() async throws {
        let none = try await Place("")
        #expect(try await Self.failure(none) == .notOffered(domain: "a.test"))
        let nowhere = try await Place("_opencap._tcp SRV 0 0 0 .")
        #expect(try await Self.failure(nowhere) == .notOffered(domain: "a.test"))
        await #expect(throws: ResolverError.nameServer(.refused, domain: "b.test")) { () async throws in
            _ = try await none.resolver.resolve("alice$b.test")
        }
        let single = try await Place("_opencap._tcp SRV 0 0 443 localhost.")
        #expect(try await Self.failure(single) == .nameServer(.malformed, domain: "a.test"))
        let address = try await Place("_opencap._tcp SRV 0 0 443 127.0.0.1.")
        #expect(try await Self.failure(address) == .nameServer(.malformed, domain: "a.test"))
        guard
            case .invalidAlias = await #expect(
                throws: ResolverError.self,
                performing: { () async throws in
                    _ = try await none.resolver.resolve("alice@a.test")
                })
        else {
            Issue.record("it is no alias")
            return
        }
    }

    @Test("what DNS says is remembered as long as it says, and that there is nothing for half a minute")
    func caching() async throws {
        let host = try await Host(json: "[]")
        let place = try await Place("", trusting: [host])
        #expect(try await Self.failure(place) == .notOffered(domain: "a.test"))
        try await place.change(to: Place.service(host.port, timeToLive: 600))
        place.clock.advance(by: .seconds(20))
        #expect(try await Self.failure(place) == .notOffered(domain: "a.test"))
        place.clock.advance(by: .seconds(11))
        #expect(try await Self.failure(place) == nil)
        try await place.change(to: "")
        place.clock.advance(by: .seconds(500))
        #expect(try await Self.failure(place) == nil)
        place.clock.advance(by: .seconds(101))
        #expect(try await Self.failure(place) == .notOffered(domain: "a.test"))
    }

    @Test("other hosts than before are asked when that is confirmed, and not before")
    func pinning() async throws {
        let old = try await Host(json: "[\(entry(100, legacy))]")
        let new = try await Host("new.a.test", json: "[\(entry(300, nano))]")
        let changes = Mutex<[HostChange]>([])
        let isConfirmed = Mutex(false)
        let changesSeen: @Sendable (HostChange) async -> Bool = { change in
            changes.withLock { $0.append(change) }
            return isConfirmed.withLock { $0 }
        }
        let place = try await Place(Place.service(old.port), trusting: [old, new], confirm: changesSeen)
        #expect(try await place.resolver.resolve(Self.alias).map(\.address) == [legacy])
        // Another port of the same host is no other host.
        try await place.change(to: Place.service(try RawServer.unusedPort()) + Place.service(old.port, priority: 1))
        place.clock.advance(by: .seconds(61))
        #expect(try await place.resolver.resolve(Self.alias).map(\.address) == [legacy])
        #expect(changes.withLock { $0.isEmpty })

        try await place.change(to: Place.service(new.port, "new"))
        place.clock.advance(by: .seconds(61))
        for _ in 0..<2 {
            guard case .hostChanged(let change) = try await Self.failure(place) else {
                Issue.record("it was believed")
                continue
            }
            #expect(change.known == ["cap.a.test"] && change.found == ["new.a.test"] && change.domain == "a.test")
        }
        #expect(place.pins.hosts(of: "a.test") == ["cap.a.test"])
        isConfirmed.withLock { $0 = true }
        #expect(try await place.resolver.resolve(Self.alias).map(\.address) == [nano])
        #expect(place.pins.hosts(of: "a.test") == ["new.a.test"])
        #expect(try await place.resolver.resolve(Self.alias).map(\.address) == [nano])
        #expect(changes.withLock { $0.count } == 3)
    }

    // MARK: Time

    @Test("hosts and name servers that keep quiet take no longer than the timeout, and leave time to others")
    func timedSilence() async throws {
        let silent = try RawServer { connection, _ in connection.waitForClose() }
        let good = try await Host("cap2.a.test", json: "[]")
        let both = try await Place(
            Place.service(silent.port, priority: 1) + Place.service(good.port, "cap2", priority: 2), trusting: [good],
            timeout: .seconds(8))
        #expect(try await both.resolver.resolve(Self.alias).isEmpty)
        let only = try await Place(Place.service(silent.port), timeout: .seconds(3))
        let start = ContinuousClock.now
        let error = try await Self.failure(only)
        let took = ContinuousClock.now - start
        #expect(took > .seconds(2) && took < .seconds(8), "\(took)")
        if case .unreachable(let failures) = error {
            #expect(failures.map(\.kind) == [.timedOut])
        } else {
            #expect(error == .timedOut)
        }

        let mute = try LyingNameServer { _ in [] }
        let resolver = try AliasResolver(nameServers: [mute.address], timeout: .seconds(2))
        let again = ContinuousClock.now
        let refusal = await #expect(throws: ResolverError.self) { () async throws in
            _ = try await resolver.resolve(Self.alias)
        }
        #expect(ContinuousClock.now - again < .seconds(12))
        #expect(
            refusal == .nameServer(.timedOut, domain: "a.test") || refusal == .timedOut,
            "\(String(describing: refusal))")
    }

    @Test("cancelling ends a look-up at once")
    func cancellation() async throws {
        let silent = try RawServer { connection, _ in connection.waitForClose() }
        let place = try await Place(Place.service(silent.port), timeout: .seconds(100))
        let resolver = place.resolver
        let start = ContinuousClock.now
        let task = Task { try await resolver.resolve(Self.alias) }
        while silent.connections == 0 { try await Task.sleep(for: .milliseconds(10)) }
        task.cancel()
        await #expect(throws: ResolverError.cancelled) { () async throws in _ = try await task.value }
        #expect(.now - start < .seconds(60))
    }
}
