import Testing

@testable import GatehouseClient

@Suite("The token of a credential", .timeLimit(.minutes(1)))
struct RenewalTests {
    private static let now = Int64(TestClock.start)

    /// Signs in with tokens 1, 2, 3, … of 900 seconds each, and answers everything else with `answer`.
    private func server(
        clock: TestClock, life: Int64 = 900,
        answer: @escaping @Sendable (TransportRequest) -> TransportResponse = { _ in .json("{}") }
    ) -> ScriptedTransport {
        let counter = Counter()
        return ScriptedTransport { request in
            guard request.url.hasSuffix("/v1/auth") else { return answer(request) }
            return .signedIn(until: Int64(clock.wall.now()) + life, name: "\(counter.next())")
        }
    }

    private func token(_ number: Int, at seconds: Int64 = 0, life: Int64 = 900) throws -> String {
        try ClientTests.token(until: Self.now + seconds + life, name: "\(number)")
    }

    @Test("is fetched at the first call that needs it, and used again")
    func lazily() async throws {
        let clock = TestClock()
        let transport = server(clock: clock)
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        for _ in 0..<3 { try await gatehouse.setAddress("1", type: .bitcoinP2PKH) }
        #expect(transport.calls == ["POST /v1/auth"] + Array(repeating: "PUT /v1/addresses", count: 3))
        #expect(transport.bearers == [nil] + Array(repeating: try token(1), count: 3))
        #expect(
            transport.requests[0].body
                == Array(#"{"alias":"alice$example.org","password":"correct horse battery"}"#.utf8))
    }

    @Test(
        "is renewed half a minute before it ends, or after nine tenths of a short life",
        arguments: [(900, 870), (100, 90), (10, 9)] as [(Int64, Double)])
    func before(life: Int64, renewedAfter: Double) async throws {
        let clock = TestClock()
        let transport = server(clock: clock, life: life)
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        try await gatehouse.deleteAlias()
        clock.advance(by: renewedAfter - 0.5)
        try await gatehouse.deleteAlias()
        #expect(transport.calls.filter { $0.hasPrefix("POST") }.count == 1)
        clock.advance(by: 0.6)
        try await gatehouse.deleteAlias()
        #expect(transport.calls.filter { $0.hasPrefix("POST") }.count == 2)
    }

    @Test("is judged by the server's clock, however wrong ours is", arguments: [-86_400.0, 86_400])
    func serverClock(ours: Double) async throws {
        let clock = TestClock()
        clock.advance(by: ours)
        let counter = Counter()
        // The server is at the start of the test clock, and stays there until it is asked a third time.
        let transport = ScriptedTransport { request in
            let headers = [
                (
                    name: "Date",
                    value: counter.next() < 3 ? "Fri, 15 Jan 2027 08:00:00 GMT" : "Fri, 15 Jan 2027 08:14:40 GMT"
                )
            ]
            guard request.url.hasSuffix("/v1/auth") else { return .json("{}", headers: headers) }
            var answer = TransportResponse.signedIn(until: Self.now + 900)
            answer.headers += headers
            return answer
        }
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        for seconds in [0.0, 0, 880] {
            clock.advance(by: seconds)
            try await gatehouse.deleteAlias()
        }
        #expect(transport.calls.map { $0.prefix(4) } == ["POST", "DELE", "DELE", "POST", "DELE"])
    }

    @Test("is fetched once for any number of tasks that wait for it", arguments: [0, 1, 25, 49])
    func once(alreadyWaiting: Int) async throws {
        let clock = TestClock()
        let (asked, go) = (Gate(), Gate())
        let transport = ScriptedTransport { request in
            guard request.url.hasSuffix("/v1/auth") else { return .json("{}") }
            asked.open()
            await go.wait()
            return .signedIn(until: Self.now + 900)
        }
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { try await gatehouse.deleteAlias() } }
            await asked.wait()
            await gatehouse.waiting(alreadyWaiting)
            go.open()
            try await group.waitForAll()
        }
        #expect(transport.calls.filter { $0.hasPrefix("POST") }.count == 1)
        #expect(transport.calls.count == 51)
    }

    @Test(
        "that the server refuses is renewed once, and the call sent once more",
        arguments: ["expired_token", "invalid_token"])
    func late(code: String) async throws {
        let clock = TestClock()
        let first = try token(1)
        let transport = server(clock: clock) { request in
            request.header("Authorization") == "Bearer \(first)" ? .refusal(401, code: code) : .json("{}")
        }
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        try await gatehouse.deleteAlias()
        #expect(transport.bearers == [nil, first, nil, try token(2)])
    }

    @Test("that is refused again is the caller's to know")
    func refusedTwice() async throws {
        let clock = TestClock()
        let transport = server(clock: clock) { _ in .refusal(401, code: "invalid_token") }
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() }
        #expect(error?.code == "invalid_token")
        #expect(transport.calls.count == 4)
    }

    @Test("that 32 tasks find refused is renewed once for all of them")
    func lateForMany() async throws {
        let clock = TestClock()
        let first = try token(1)
        let transport = server(clock: clock) { request in
            request.header("Authorization") == "Bearer \(first)" ? .refusal(401, code: "expired_token") : .json("{}")
        }
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<32 { group.addTask { try await gatehouse.deleteAlias() } }
            try await group.waitForAll()
        }
        #expect(transport.calls.filter { $0.hasPrefix("POST") }.count == 2)
    }

    @Test(
        "is not renewed for refusals of another kind",
        arguments: [
            (401, "invalid_credentials"), (401, "authentication_required"), (403, "wrong_domain"),
            (404, "unknown_alias"),
        ])
    func otherRefusals(status: Int, code: String) async throws {
        let clock = TestClock()
        let transport = server(clock: clock) { _ in .refusal(status, code: code) }
        let gatehouse = try Gatehouse.scripted(clock: clock, transport)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() }
        #expect(error?.code == code)
        #expect(transport.calls.count == 2)
    }

    @Test("a wrong password is tried once for all who wait, and again for who comes later")
    func wrongPassword() async throws {
        let (asked, go) = (Gate(), Gate())
        let transport = ScriptedTransport { _ in
            asked.open()
            await go.wait()
            return .refusal(401, code: "invalid_credentials")
        }
        let gatehouse = try Gatehouse.scripted(transport)
        await withTaskGroup(of: GatehouseError?.self) { group in
            for _ in 0..<8 {
                group.addTask { await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() } }
            }
            await asked.wait()
            await gatehouse.waiting(7)
            go.open()
            for await error in group { #expect(error?.code == "invalid_credentials") }
        }
        #expect(transport.requests.count == 1)
        _ = await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() }
        #expect(transport.requests.count == 2)
    }

    @Test("a call without a credential is refused before anything is sent")
    func notSignedIn() async throws {
        let transport = ScriptedTransport(answers: [])
        let gatehouse = try Gatehouse.scripted(credential: nil, transport)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() }
        #expect(error == .signInRequired(nil))
    }

    @Test(
        "a sign-in that gives no token with an end is an unexpected answer",
        arguments: [
            "{}", #"{"jwt":7}"#, #"{"jwt":"a.b"}"#, #"{"jwt":"e30.e30.e30"}"#, #"{"jwt":"e30.!.e30"}"#,
            #"{"jwt":"e30.W10.e30"}"#, "[]",
            "not json", "", #"{"jwt":"e30.e30.e30","jwt":"e30.e30.e30"}"#,
        ])
    func noToken(body: String) async throws {
        let gatehouse = try Gatehouse.scripted(ScriptedTransport { _ in .json(body) })
        let error = await failure { () throws(GatehouseError) in try await gatehouse.signIn(name: "a", password: "b") }
        guard case .unexpectedAnswer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}

@Suite("Cancelling while a token is fetched", .timeLimit(.minutes(1)))
struct RenewalCancellationTests {
    /// A server whose first sign-in hangs until its task is cancelled.
    private func hangingServer(_ asked: Gate) -> ScriptedTransport {
        let counter = Counter()
        return ScriptedTransport { request throws(TransportFailure) in
            guard request.url.hasSuffix("/v1/auth") else { return .json("{}") }
            guard counter.next() == 1 else { return .signedIn(until: 1_900_000_000) }
            asked.open()
            do { try await Task.sleep(for: .seconds(3600)) } catch {
                throw TransportFailure(.cancelled, "cancelled", mayHaveArrived: true)
            }
            return .json("{}")
        }
    }

    @Test("when the task that signs in is cancelled, one of those who wait takes over")
    func leaderCancelled() async throws {
        let asked = Gate()
        let transport = hangingServer(asked)
        let gatehouse = try Gatehouse.scripted(transport)
        let leader = Task { await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() } }
        await asked.wait()
        let others = (0..<8).map { _ in Task { try await gatehouse.deleteAlias() } }
        await gatehouse.waiting(8)
        leader.cancel()
        #expect(await leader.value == .cancelled)
        for task in others { try await task.value }
        #expect(transport.calls.filter { $0.hasPrefix("POST") }.count == 2)
    }

    @Test("whoever waits for another's sign-in and is cancelled does not wait for its end")
    func followerCancelled() async throws {
        let asked = Gate()
        let gatehouse = try Gatehouse.scripted(hangingServer(asked))
        let leader = Task { await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() } }
        await asked.wait()
        let follower = Task { await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() } }
        await gatehouse.waiting(1)
        follower.cancel()
        #expect(await follower.value == .cancelled)
        leader.cancel()
        #expect(await leader.value == .cancelled)
    }

    @Test("a task that is cancelled already sends nothing")
    func cancelledBefore() async throws {
        let transport = ScriptedTransport(answers: [])
        let gatehouse = try Gatehouse.scripted(transport)
        let start = Gate()
        let task = Task {
            await start.wait()
            return await failure { () throws(GatehouseError) in try await gatehouse.deleteAlias() }
        }
        task.cancel()
        start.open()
        #expect(await task.value == .cancelled)
        #expect(transport.requests.isEmpty)
    }
}

extension Gatehouse {
    /// Returns when at least that many tasks wait for another one's sign-in.
    fileprivate func waiting(_ count: Int) async {
        while tokens.waitingCount < count { try? await Task.sleep(for: .milliseconds(1)) }
    }
}
