import GatehouseDNS
import GatehouseTestSupport
import Synchronization
import Testing

@Suite("A name server that lies, is slow or keeps quiet", .timeLimit(.minutes(2)))
struct LyingServerTests {
    private static let text: UInt16 = 16
    private static let truth = DNSQuery.record(type: text, DNSQuery.text("the truth"))

    private static func ask(
        _ server: LyingNameServer, _ name: String = "a.test", timeout: Duration = .seconds(20)
    ) async throws -> [String] {
        let address = try #require(DNSServer(server.address))
        let client = DNSClient(servers: [address], timeout: timeout)
        return try await client.texts(of: name).map { String(decoding: $0.octets, as: UTF8.self) }
    }

    /// The failure, and how long it took.
    private static func failure(
        _ server: LyingNameServer, timeout: Duration = .seconds(20)
    ) async throws -> (error: DNSError?, took: Duration) {
        let start = ContinuousClock.now
        do {
            _ = try await ask(server, timeout: timeout)
            return (nil, .now - start)
        } catch let error as DNSError { return (error, .now - start) }
    }

    @Test("what is not the answer to the question is passed over: another number, question, or nothing at all")
    func passedOver() async throws {
        let other = DNSQuery.name("b.test") + [0, 16, 0, 1]
        let lies: [@Sendable (DNSQuery) -> [UInt8]] = [
            { $0.reply(id: $0.id &+ 1, answers: [DNSQuery.record(type: Self.text, DNSQuery.text("a lie"))]) },
            { $0.reply(question: other, answers: [DNSQuery.record(type: Self.text, DNSQuery.text("a lie"))]) },
            { query in
                query.reply(
                    question: DNSQuery.name("a.test") + [0, 33, 0, 1],
                    answers: [DNSQuery.record(type: Self.text, DNSQuery.text("a lie"))])
            },
            { _ in [] }, { _ in [0] }, { Array($0.octets.prefix(11)) },
        ]
        for lie in lies {
            let server = try LyingNameServer { [lie($0), $0.reply(answers: [Self.truth])] }
            #expect(try await Self.ask(server) == ["the truth"])
        }
    }

    @Test("what an answer says of other names, kinds and classes counts for nothing")
    func others() async throws {
        let lie = DNSQuery.text("a lie")
        let server = try LyingNameServer { query in
            [
                query.reply(answers: [
                    DNSQuery.record(DNSQuery.name("b.test"), type: Self.text, lie),
                    DNSQuery.record(DNSQuery.name("x.a.test"), type: Self.text, lie),
                    DNSQuery.record(DNSQuery.name("test"), type: Self.text, lie),
                    DNSQuery.record(type: 99, lie), DNSQuery.record(type: Self.text, class: 3, lie),
                    // An alias of another name, and one of another class.
                    DNSQuery.record(DNSQuery.name("b.test"), type: 5, DNSQuery.name("a.test")),
                    DNSQuery.record(type: 5, class: 3, DNSQuery.name("b.test")),
                    DNSQuery.record(DNSQuery.name("A.TEST"), type: Self.text, DNSQuery.text("the truth")),
                ])
            ]
        }
        #expect(try await Self.ask(server) == ["the truth"])
        let only = try LyingNameServer { query in
            [query.reply(answers: [DNSQuery.record(DNSQuery.name("b.test"), type: Self.text, lie)])]
        }
        #expect(try await Self.failure(only).error == .noData)
    }

    static let broken: [(what: String, answers: [[UInt8]])] = [
        ("a name that points to itself", [DNSQuery.record([0xc0, 24], type: text, DNSQuery.text("x"))]),
        ("a name that points forwards", [DNSQuery.record([0xc0, 60], type: text, DNSQuery.text("x"))]),
        ("two names that point to each other", [DNSQuery.record([1, 97, 0xc0, 24], type: text, DNSQuery.text("x"))]),
        ("a label of a kind that nobody knows", [DNSQuery.record([0x80, 0], type: text, DNSQuery.text("x"))]),
        (
            "a name that is too long",
            [DNSQuery.record(DNSQuery.name(String(repeating: "abc.", count: 70)), type: text, DNSQuery.text("x"))]
        ),
        ("a string that is longer than its record", [DNSQuery.record(type: text, [9, 97])]),
        ("a text without a string", [DNSQuery.record(type: text, [])]),
        (
            "a record that is longer than the message",
            [Array(DNSQuery.record(type: text, DNSQuery.text("x")).dropLast())]
        ),
        ("an alias that is longer than its record", [DNSQuery.record(type: 5, [1, 97, 0, 0])]),
        ("an alias of itself", [DNSQuery.record(type: 5, DNSQuery.name("a.test"))]),
        (
            "two aliases of each other",
            [
                DNSQuery.record(type: 5, DNSQuery.name("b.test")),
                DNSQuery.record(DNSQuery.name("b.test"), type: 5, DNSQuery.name("a.test")),
            ]
        ),
        ("nine aliases", chain(9)),
    ]

    /// So many aliases, one of the other, and a text at the end.
    private static func chain(_ count: Int) -> [[UInt8]] {
        (0..<count).map { number in
            let owner: [UInt8] = number == 0 ? [0xc0, 12] : DNSQuery.name("c\(number)")
            return DNSQuery.record(owner, type: 5, DNSQuery.name("c\(number + 1)"))
        } + [DNSQuery.record(DNSQuery.name("c\(count)"), type: text, DNSQuery.text("the end"))]
    }

    @Test("eight aliases are followed, in any order")
    func aliases() async throws {
        let server = try LyingNameServer { [$0.reply(answers: Self.chain(8).reversed())] }
        #expect(try await Self.ask(server) == ["the end"])
    }

    @Test("an answer that breaks the rules is told as such, at once", arguments: 0..<broken.count)
    func malformed(number: Int) async throws {
        let (what, answers) = Self.broken[number]
        let server = try LyingNameServer { [$0.reply(answers: answers)] }
        let (error, took) = try await Self.failure(server)
        #expect(error == .malformed, "\(what)")
        #expect(took < .seconds(10), "\(what) took \(took)")
    }

    @Test("a question for an answer, more answers than there are, and truncation over TCP too are no answers")
    func heads() async throws {
        for flags: UInt16 in [0x8580 | 0x2000, 0x8380] {
            let server = try LyingNameServer { [$0.reply(flags: flags, answers: [Self.truth])] }
            #expect(try await Self.failure(server).error == .malformed, "\(flags)")
        }
        let server = try LyingNameServer { query in
            var octets = query.reply(answers: [Self.truth])
            octets[7] = 200
            return [octets]
        }
        #expect(try await Self.failure(server).error == .malformed)
    }

    @Test("what a server cannot or will not tell is told apart, by one of two servers also by the other")
    func refusals() async throws {
        for (code, error) in [
            (1, DNSError.serverFailed), (2, .serverFailed), (3, .nameUnknown), (4, .serverFailed), (5, .refused),
        ] {
            let server = try LyingNameServer { [$0.reply(flags: 0x8180 | UInt16(code))] }
            #expect(try await Self.failure(server).error == error, "RCODE \(code)")
        }
        // Who neither finds out everything nor is the one to ask cannot know that there is no such name.
        let ignorant = try LyingNameServer { [$0.reply(flags: 0x8003)] }
        #expect(try await Self.failure(ignorant).error == .serverFailed)
        let authoritative = try LyingNameServer { [$0.reply(flags: 0x8403)] }
        #expect(try await Self.failure(authoritative).error == .nameUnknown)
        let failing = try LyingNameServer { [$0.reply(flags: 0x8182)] }
        let knowing = try LyingNameServer { [$0.reply(answers: [Self.truth])] }
        let servers = [failing, knowing].compactMap { DNSServer($0.address) }
        #expect(try await DNSClient(servers: servers, timeout: .seconds(20)).texts(of: "a.test").count == 1)
        #expect(failing.questions == 1 && knowing.questions == 1)
    }

    @Test("that a name has no such record is believed of who can know it only (RFC 2308 §2.2)")
    func noData() async throws {
        let owner = DNSQuery.record(
            DNSQuery.name("test"), type: 6, DNSQuery.name("ns") + DNSQuery.name("h") + [UInt8](repeating: 0, count: 20))
        let referral = DNSQuery.record(DNSQuery.name("test"), type: 2, DNSQuery.name("ns.test"))
        let alias = DNSQuery.record(type: 5, DNSQuery.name("b.test"))
        for (flags, answers, authorities, error) in [
            (0x8180, [], [], DNSError.noData), (0x8500, [], [], .noData), (0x8000, [], [owner], .noData),
            (0x8000, [], [], .serverFailed), (0x8000, [], [referral], .serverFailed),
            (0x8400, [alias], [], .serverFailed),
            (0x8400, [alias], [owner], .noData), (0x8180, [alias], [], .noData),
        ] as [(UInt16, [[UInt8]], [[UInt8]], DNSError)] {
            let server = try LyingNameServer { [$0.reply(flags: flags, answers: answers, authorities: authorities)] }
            #expect(try await Self.failure(server).error == error, "\(flags) \(answers.count) \(authorities.count)")
        }
    }

    @Test("an answer that was cut off is asked for again over TCP, and a large one comes whole")
    func truncated() async throws {
        let records = (0..<250).map {
            DNSQuery.record(type: Self.text, DNSQuery.text("\($0)" + String(repeating: "x", count: 240)))
        }
        let server = try LyingNameServer { query in
            [query.isOverTCP ? query.reply(answers: records) : query.reply(flags: 0x8380)]
        }
        #expect(try await Self.ask(server).count == 250)
        #expect(server.questions == 2)
    }

    @Test("the least time to live on the way counts, and none that is too large")
    func times() async throws {
        for (alias, record, least): (UInt32, UInt32, UInt32) in [
            (60, 300, 60), (300, 60, 60), (0x8000_0000, 9, 0), (5, 0xffff_ffff, 0),
        ] {
            let server = try LyingNameServer { query in
                [
                    query.reply(answers: [
                        DNSQuery.record(
                            DNSQuery.name("b.test"), type: Self.text, timeToLive: record, DNSQuery.text("x")),
                        DNSQuery.record(type: 5, timeToLive: alias, DNSQuery.name("b.test")),
                    ])
                ]
            }
            let client = DNSClient(servers: [try #require(DNSServer(server.address))], timeout: .seconds(20))
            #expect(try await client.texts(of: "a.test").map(\.timeToLive) == [least])
        }
    }

    // MARK: Time

    private static let silent: [(what: String, server: @Sendable () throws -> LyingNameServer)] = [
        ("keeps quiet", { try LyingNameServer { _ in [] } }),
        ("answers another number", { try LyingNameServer { [$0.reply(id: $0.id &+ 1, answers: [truth])] } }),
        (
            "says one octet a second",
            {
                try LyingNameServer(pace: .seconds(1)) {
                    [$0.reply(flags: $0.isOverTCP ? 0x8180 : 0x8380, answers: [truth])]
                }
            }
        ),
        ("keeps quiet over TCP", { try LyingNameServer { $0.isOverTCP ? [] : [$0.reply(flags: 0x8380)] } }),
    ]

    @Test("nothing takes longer than its timeout")
    func timedTimeout() async throws {
        let servers = try Self.silent.map { (what: $0.what, server: try $0.server()) }
        try await withThrowingTaskGroup { group in
            for (what, server) in servers {
                group.addTask {
                    // c-ares itself would go on for 7 s or more.
                    let (error, took) = try await Self.failure(server, timeout: .seconds(4))
                    #expect(error == .timedOut, "\(what)")
                    #expect(took > .milliseconds(900) && took < .seconds(6), "\(what): \(took)")
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a question is asked again when its answer got lost")
    func again() async throws {
        let count = Mutex(0)
        let server = try LyingNameServer { query in
            let isLost = count.withLock { count in
                count += 1
                return count < 2
            }
            return isLost ? [] : [query.reply(answers: [Self.truth])]
        }
        #expect(try await Self.ask(server, timeout: .seconds(7)) == ["the truth"])
        #expect(server.questions == 2)
    }

    @Test("nobody there is told before the time is over")
    func nobody() async throws {
        let address = try #require(DNSServer("127.0.0.1:\(try RawServer.unusedPort())"))
        let start = ContinuousClock.now
        let client = DNSClient(servers: [address], timeout: .seconds(60))
        await #expect(throws: DNSError.serverFailed) { () async throws in _ = try await client.texts(of: "a.test") }
        #expect(.now - start < .seconds(30))
    }

    @Test("a question that is cancelled ends at once, also before it was asked, and others go on")
    func cancellation() async throws {
        let server = try LyingNameServer { query in
            query.question.starts(with: DNSQuery.name("good.test")) ? [query.reply(answers: [Self.truth])] : []
        }
        let client = DNSClient(servers: [try #require(DNSServer(server.address))], timeout: .seconds(60))
        let start = ContinuousClock.now
        let tasks = (0..<200).map { number in
            Task { () async -> DNSError? in
                do throws(DNSError) { _ = try await client.texts(of: "n\(number).test") } catch { return error }
                return nil
            }
        }
        for task in tasks.prefix(100) { task.cancel() }
        try await Task.sleep(for: .milliseconds(100))
        for task in tasks { task.cancel() }
        for task in tasks { #expect(await task.value == .cancelled) }
        for _ in 0..<100 { #expect(try await client.texts(of: "good.test").count == 1) }
        #expect(.now - start < .seconds(30))
    }

    @Test("questions that were given up are in nobody's way")
    func givenUp() async throws {
        let server = try LyingNameServer { query in
            query.question.starts(with: DNSQuery.name("good.test")) ? [query.reply(answers: [Self.truth])] : []
        }
        let client = DNSClient(servers: [try #require(DNSServer(server.address))], timeout: .seconds(100))
        let start = ContinuousClock.now
        // One stays, so that the channel does.
        let staying = Task { try await client.texts(of: "staying.test") }
        for _ in 0..<130 {
            await withTaskGroup { group in
                for number in 0..<80 { group.addTask { _ = try? await client.texts(of: "n\(number).test") } }
                group.addTask { #expect((try? await client.texts(of: "good.test"))?.count == 1) }
                await group.next()
                group.cancelAll()
            }
        }
        #expect(try await client.texts(of: "good.test").count == 1)
        staying.cancel()
        _ = await staying.result
        #expect(.now - start < .seconds(90))
    }

    @Test("a client that goes takes its thread along, also in the middle of questions")
    func ends() async throws {
        let server = try LyingNameServer { _ in [] }
        let address = try #require(DNSServer(server.address))
        for _ in 0..<50 {
            let client = DNSClient(servers: [address], timeout: .seconds(60))
            let task = Task { try await client.texts(of: "a.test") }
            task.cancel()
            _ = await task.result
        }
        for _ in 0..<50 { _ = DNSClient(servers: [address]) }
    }
}
