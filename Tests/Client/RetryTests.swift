import GatehouseClient
import Testing

@Suite("Sending again")
struct RetryTests {
    private static func failed(_ kind: TransportFailure.Kind, arrived: Bool) -> Result<
        TransportResponse, TransportFailure
    > {
        .failure(TransportFailure(kind, "as scripted", mayHaveArrived: arrived))
    }

    private static let busy = TransportResponse.refusal(503, code: "overloaded", retryAfter: 2)
    private static let signedIn = TransportResponse.signedIn(until: 1_900_000_000)

    @Test("a look-up is sent again when the connection breaks, after growing waits")
    func lookUp() async throws {
        let clock = TestClock()
        let transport = ScriptedTransport(answers: [
            Self.failed(.connectionLost, arrived: true), Self.failed(.unreachable, arrived: false),
            .success(.json("[]")),
        ])
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        #expect(try await gatehouse.addresses(of: "a$b.test") == [])
        #expect(clock.waits == [.milliseconds(100), .milliseconds(200)])
    }

    @Test("waits vary with the jitter and never pass the longest")
    func jitter() async throws {
        let clock = TestClock()
        let transport = ScriptedTransport { _ throws(TransportFailure) in
            throw TransportFailure(.unreachable, "down", mayHaveArrived: false)
        }
        let gatehouse = try Gatehouse.scripted(
            clock: clock, retries: RetryPolicy(maximum: 70, longestWait: .milliseconds(300), jitter: { 0 }), transport)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a$b.test") }
        #expect(error == .unreachable(TransportFailure(.unreachable, "down", mayHaveArrived: false)))
        #expect(transport.requests.count == 71)
        #expect(
            clock.waits.prefix(4) == [.milliseconds(50), .milliseconds(100), .milliseconds(200), .milliseconds(300)])
        #expect(clock.waits.dropFirst(3).allSatisfy { $0 == .milliseconds(300) })
    }

    @Test(
        "what another attempt does not mend fails at once",
        arguments: [TransportFailure.Kind.timedOut, .tls, .malformedAnswer, .invalidRequest, .other])
    func final(kind: TransportFailure.Kind) async throws {
        let transport = ScriptedTransport(answers: [Self.failed(kind, arrived: false)])
        let gatehouse = try Gatehouse.scripted(transport)
        _ = await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a$b.test") }
        #expect(transport.requests.count == 1)
    }

    @Test("a new alias is asked for again only when the first request certainly did not arrive")
    func createAlias() async throws {
        let lost = ScriptedTransport(answers: [Self.failed(.connectionLost, arrived: true)])
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse.scripted(lost).createAlias("a$b.test", password: "p", by: .domainSecret("s"))
        }
        #expect(error == .unreachable(TransportFailure(.connectionLost, "as scripted", mayHaveArrived: true)))
        #expect(lost.requests.count == 1)
        let refused = ScriptedTransport(answers: [Self.failed(.unreachable, arrived: false), .success(.json("{}"))])
        try await Gatehouse.scripted(refused).createAlias("a$b.test", password: "p", by: .domainSecret("s"))
        #expect(refused.requests.count == 2)
    }

    @Test("an alias is not deleted twice")
    func deleteAlias() async throws {
        let transport = ScriptedTransport(answers: [
            .success(Self.signedIn), Self.failed(.connectionLost, arrived: true),
        ])
        _ = await failure { () throws(GatehouseError) in try await Gatehouse.scripted(transport).deleteAlias() }
        #expect(transport.calls == ["POST /v1/auth", "DELETE /v1/users"])
    }

    @Test("an address that a lost attempt may have deleted is deleted; one that never was there is not")
    func deleteAddress() async throws {
        let notSet = TransportResponse.refusal(404, code: "address_not_set")
        let lost = ScriptedTransport(answers: [
            .success(Self.signedIn), Self.failed(.connectionLost, arrived: true), .success(notSet),
        ])
        try await Gatehouse.scripted(lost).deleteAddress(type: .nano)
        let unsent = ScriptedTransport(answers: [
            .success(Self.signedIn), Self.failed(.unreachable, arrived: false), .success(notSet),
        ])
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse.scripted(unsent).deleteAddress(type: .nano)
        }
        #expect(error?.code == "address_not_set")
    }

    @Test("Retry-After is waited for when it is short, as a number and as a date")
    func retryAfter() async throws {
        let clock = TestClock()
        let date = TransportResponse(
            status: 429,
            headers: [
                ("Date", "Fri, 15 Jan 2027 08:00:02 GMT"), ("Retry-After", "Fri, 15 Jan 2027 08:00:05 GMT"),
            ])
        let transport = ScriptedTransport(answers: [.success(Self.busy), .success(date), .success(.json("[]"))])
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        _ = try await gatehouse.addresses(of: "a$b.test")
        // 2 s and 3 s, and a quarter of a second of jitter each.
        #expect(clock.waits == [.milliseconds(2250), .milliseconds(3250)])
    }

    @Test(
        "a wait that is too long, or that nobody named, is left to the caller",
        arguments: ["6", "99999999999999999999999", "-1", "1.5", "", "soon", nil])
    func tooLong(text: String?) async throws {
        let answer = TransportResponse(status: 503, headers: text.map { [("Retry-After", $0)] } ?? [])
        let transport = ScriptedTransport(answers: [.success(answer)])
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse.scripted(transport).addresses(of: "a$b.test")
        }
        #expect(error?.status == 503)
        #expect(error?.retryAfter == (text == "6" ? 6 : text?.hasPrefix("9") == true ? .max : nil))
        #expect(transport.requests.count == 1)
    }

    @Test("a server's own 503 says that nothing was done, so a new alias is asked for again; a proxy's does not")
    func overloaded() async throws {
        let own = ScriptedTransport(answers: [.success(Self.busy), .success(.json("{}"))])
        try await Gatehouse.scripted(own).createAlias("a$b.test", password: "p", by: .domainSecret("s"))
        #expect(own.requests.count == 2)
        let proxy = ScriptedTransport(answers: [
            .success(TransportResponse(status: 503, headers: [("Retry-After", "1")]))
        ])
        _ = await failure { () throws(GatehouseError) in
            try await Gatehouse.scripted(proxy).createAlias("a$b.test", password: "p", by: .domainSecret("s"))
        }
        #expect(proxy.requests.count == 1)
    }

    @Test("other refusals are final", arguments: [400, 401, 403, 404, 409, 500, 502, 504, 301, 304])
    func refusals(status: Int) async throws {
        let transport = ScriptedTransport(answers: [
            .success(
                TransportResponse(status: status, headers: [("Retry-After", "0"), ("Location", "https://evil.test/")]))
        ])
        let error = await failure { () throws(GatehouseError) in
            try await Gatehouse.scripted(transport).addresses(of: "a$b.test")
        }
        #expect(error?.status == status)
    }

    @Test("no further attempts when the policy says so")
    func none() async throws {
        let transport = ScriptedTransport(answers: [Self.failed(.connectionLost, arrived: false)])
        let gatehouse = try Gatehouse.scripted(retries: .none, transport)
        _ = await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a$b.test") }
    }

    @Test("the health of a server is asked once")
    func health() async throws {
        #expect(try await !Gatehouse.scripted(ScriptedTransport(answers: [.success(Self.busy)])).isReady())
        #expect(try await Gatehouse.scripted(ScriptedTransport(answers: [.success(.json("{}"))])).isAlive())
        let down = ScriptedTransport(answers: [Self.failed(.unreachable, arrived: false)])
        let error = await failure { () throws(GatehouseError) in try await Gatehouse.scripted(down).isReady() }
        #expect(error?.status == nil && error != nil)
    }

    @Test("cancelling ends the waiting before another attempt")
    func cancelled() async throws {
        let (waiting, transport) = (Gate(), ScriptedTransport { _ in Self.busy })
        let clock = WallClock(now: { 0 }) { _ in
            waiting.open()
            try await Task.sleep(for: .seconds(3600))
        }
        let gatehouse = try Gatehouse(server: "https://id.example.org", transport: transport, clock: clock)
        let task = Task { await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a$b.test") } }
        await waiting.wait()
        task.cancel()
        #expect(await task.value == .cancelled)
        #expect(transport.requests.count == 1)
    }
}
