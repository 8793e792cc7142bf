import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

@testable import GatehouseClient

@Suite("Processes that share a credential file", .timeLimit(.minutes(1)))
struct SharedFileTests {
    private let folder: Folder
    private let file: String

    init() throws {
        folder = try Folder([:])
        file = folder.path("credential")
    }

    /// Seconds that the server's clock is ahead.
    private final class Shift: Sendable {
        private let seconds = Mutex(0.0)
        init(_ seconds: Double) { set(seconds) }
        func set(_ value: Double) { seconds.withLock { $0 = value } }
        var now: Double { WallClock.system.now() + seconds.withLock { $0 } }
    }

    /// A server, and in the file a sign-in of half an hour ago whose token is over.
    private func signedInLongAgo(
        wire: @escaping @Sendable (ScriptedServer.Request, ScriptedServer.Answer) -> ScriptedServer.Answer
    ) async throws -> (AmphoServer, ScriptedServer) {
        let shift = Shift(-1800)
        let server = AmphoServer(sendsDate: false) { shift.now }
        let listening = try server.listening(wire: wire)
        let gatehouse = try Gatehouse(
            server: listening.url, signingInAt: .ampho(), store: FileCredentialStore(path: file),
            clock: WallClock(now: { shift.now }, sleep: { _ in }))
        try await gatehouse.signIn(name: "alice$example.org", password: AmphoServer.password)
        shift.set(0)
        return (server, listening)
    }

    @Test("cause one renewal, and all go on with the same token", arguments: [2, 8])
    func oneRenewal(count: Int) async throws {
        let started = Counter()
        let (server, listening) = try await signedInLongAgo { request, answer in
            // Until all have begun, and some of them have come to the lock.
            while request.target.hasSuffix("/renew"), started.value < count { usleep(1000) }
            if request.target.hasSuffix("/renew") { usleep(200_000) }
            return answer
        }
        let ends = try await withThrowingTaskGroup(of: Ended.self) { group in
            for _ in 0..<count {
                group.addTask {
                    try await program(["token", "--credential-file", file]) { _ in started.next() }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends.allSatisfy { $0 == Ended(code: 0, output: "access-3\n", errors: "") }, "\(ends)")
        #expect(server.counts == ["login 200": 1, "renew 200": 1])
        withExtendedLifetime(listening) {}
    }

    @Test("do not wait for one that was killed while it renewed, and send its key again")
    func killed() async throws {
        let renewals = Counter()
        let (server, listening) = try await signedInLongAgo { request, answer in
            // The server has renewed; the answer never comes.
            request.target.hasSuffix("/renew") && renewals.next() == 1 ? .silence : answer
        }
        let pid = Mutex<pid_t>(0)
        async let first = program(["token", "--credential-file", file]) { id in pid.withLock { $0 = id } }
        while renewals.value == 0 { try await Task.sleep(for: .milliseconds(5)) }
        kill(pid.withLock { $0 }, SIGKILL)
        #expect(try await first.code == SIGKILL)
        let second = try await program("token", "--credential-file", file)
        #expect(second == Ended(code: 0, output: "access-3\n", errors: ""))
        #expect(server.keys.count == 2 && Set(server.keys).count == 1)
        #expect(server.counts == ["login 200": 1, "renew 200": 2])
        withExtendedLifetime(listening) {}
    }

    @Test("renew no more often beside a server whose clock is ten minutes off", arguments: [-600.0, 600])
    func wrongClock(ahead: Double) async throws {
        let shift = Shift(ahead)
        let server = AmphoServer { shift.now }
        let listening = try server.listening()
        let login = try await program(
            [
                "login", "alice$example.org", "--server", listening.url, "--credential-file", file,
                "--password-file", "-",
            ], input: AmphoServer.password)
        #expect(login.code == 0, "\(login)")
        for _ in 0..<3 { #expect(try await program("token", "--credential-file", file).output == "access-2\n") }
        #expect(server.counts == ["login 200": 1])
        shift.set(ahead + 900)
        let late = try await program("whoami", "--credential-file", file)
        // The model has no list of sessions; what counts is that the token was renewed on the way.
        #expect(late.code == 1)
        #expect(server.counts == ["login 200": 1, "sessions 401": 1, "renew 200": 1, "sessions 200": 1])
    }
}
