import GatehouseClient
import Synchronization
import Testing

/// A clock that stands still until a test moves it, or somebody waits.
final class TestClock: Sendable {
    /// When it starts.
    static let start = 1_800_000_000.0

    private let state = Mutex<(now: Double, waits: [Duration])>((start, []))

    var waits: [Duration] { state.withLock { $0.waits } }

    func advance(by seconds: Double) { state.withLock { $0.now += seconds } }

    /// Waiting takes no time and moves the clock.
    var wall: WallClock {
        WallClock(
            now: { self.state.withLock { $0.now } },
            sleep: { duration in
                try Task.checkCancellation()
                self.state.withLock { state in
                    state.now += duration / .seconds(1)
                    state.waits.append(duration)
                }
            })
    }
}

/// Opened once by one side; the others wait for it without taking a thread.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// Counts, from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }

    /// - Returns: the number of this call, from 1.
    @discardableResult
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

let alice = Credential.password(name: "alice$example.org", password: "correct horse battery")

extension Gatehouse {
    /// A client of `https://id.example.org` whose transport answers from a script, without jitter.
    static func scripted(
        credential: Credential? = alice, clock: TestClock = TestClock(),
        retries: RetryPolicy = RetryPolicy(jitter: { 1 }),
        _ transport: ScriptedTransport
    ) throws(GatehouseError) -> Gatehouse {
        try Gatehouse(
            server: "https://id.example.org", credential: credential, transport: transport, retries: retries,
            clock: clock.wall)
    }
}

extension ScriptedTransport {
    /// Answers in this order; asked once more, it fails the test.
    convenience init(answers: [Result<TransportResponse, TransportFailure>]) {
        let counter = Counter()
        self.init { _ throws(TransportFailure) in
            let number = counter.next()
            guard number <= answers.count else {
                Issue.record("asked \(number) times")
                throw TransportFailure(.other, "no answer is left", mayHaveArrived: false)
            }
            return try answers[number - 1].get()
        }
    }

    /// `GET /v1/users` and the like, in order.
    var calls: [String] { requests.map { $0.description.replacing("https://id.example.org", with: "") } }

    /// The bearer of each request.
    var bearers: [String?] { requests.map { $0.header("Authorization")?.replacing("Bearer ", with: "") } }
}

/// The token that `TransportResponse.signedIn` gives.
func token(until expiresAt: Int64, name: String = "scripted") throws -> String {
    let text = String(decoding: TransportResponse.signedIn(until: expiresAt, name: name).body, as: UTF8.self)
    return String(try #require(text.split(separator: "\"").last { $0.hasPrefix("e30.") }))
}

/// The error of a call that must fail.
func failure<T>(
    _ call: () async throws(GatehouseError) -> T, sourceLocation: SourceLocation = #_sourceLocation
) async -> GatehouseError? {
    do throws(GatehouseError) {
        _ = try await call()
        Issue.record("no error", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error
    }
}
