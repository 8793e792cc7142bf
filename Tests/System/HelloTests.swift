import Foundation
import GatehouseTestSupport
import HTTPSignatures
import Testing

@Suite("A server of somebody else that takes signed requests (Docs/Examples/Hello)", .timeLimit(.minutes(3)))
struct HelloTests {
    /// The example, running.
    private final class Hello: Sendable {
        let port: UInt16
        private let program: RunningProgram

        init(in folder: TemporaryFolder) async throws {
            let port = UInt16(try ScriptedServer.unusedPort())
            self.port = port
            program = try await Program.hello.start(["\(port)", "seen.txt"], in: folder)
            try await wait(for: "the example") {
                (try? await SignedRequest("GET", "/hello_world", now: 0).send(port: port))?.status == 200
            }
        }

        deinit { program.send(SIGKILL) }

        func kill() async throws {
            program.send(SIGKILL)
            _ = try await program.end()
        }
    }

    private static func key(_ id: String = "access_key_1", _ secret: String = "123456789") throws -> SignatureKey {
        try SignatureKey(id: id, secret: Array(secret.utf8), allowsWeak: true)
    }

    private static func signed(
        _ method: String = "GET", body: String? = nil, secondsAgo: Int64 = 0, with key: SignatureKey? = nil
    ) throws -> SignedRequest {
        let now = Int64(Date.now.timeIntervalSince1970) - secondsAgo
        var request = SignedRequest(method, "/hello_world_private?a=%20", host: "127.0.0.1:5000", body: body, now: now)
        try request.signCavage(with: try key ?? Self.key())
        return request
    }

    @Test("both programs of the quickstart are let in, and nobody else, nor what was changed, is old or unknown")
    func quickstart() async throws {
        let hello = try await Hello(in: try TemporaryFolder())
        let stranger = try await SignedRequest("GET", "/hello_world_private", now: 0).send(port: hello.port)
        #expect(stranger.outcome == "401 signature_missing")
        #expect(stranger.body == #"{"message":"Access Denied"}"#)
        #expect(try await Self.signed().send(port: hello.port).body == "Hello, world!")
        let second = try Self.key("access_key_2", "4381326329")
        let posted = try await Self.signed("POST", body: "good morning", with: second).send(port: hello.port)
        #expect(posted.body == "Hello, world! access_key_2 says: good morning")
        var message = SignedRequest("GET", "/hello_world_private", now: 0)
        try message.signMessage(
            parameters: SignatureParameters(created: Int64(Date.now.timeIntervalSince1970)), with: second)
        #expect(try await message.send(port: hello.port).status == 200)

        var changed = try Self.signed("POST", body: "good morning")
        changed.body = "good evening"
        #expect(try await changed.send(port: hello.port).outcome == "401 signature_invalid")
        #expect(try await Self.signed(secondsAgo: 400).send(port: hello.port).outcome == "401 signature_stale")
        for unknown in [try Self.key("access_key_3"), try Self.key("access_key_1", "987654321")] {
            #expect(try await Self.signed(with: unknown).send(port: hello.port).outcome == "401 signature_invalid")
        }
    }

    @Test("a signed POST counts once, also when the server was killed and started again in between")
    func replay() async throws {
        let folder = try TemporaryFolder()
        let first = try await Hello(in: folder)
        let request = try Self.signed("POST", body: "good morning")
        #expect(try await request.send(port: first.port).status == 200)
        #expect(try await request.send(port: first.port).outcome == "401 signature_invalid")
        try await first.kill()
        let second = try await Hello(in: folder)
        #expect(try await request.send(port: second.port).outcome == "401 signature_invalid")
        #expect(try await Self.signed("POST", body: "good evening").send(port: second.port).status == 200)
        #expect(try await Self.signed().send(port: second.port).status == 200)
    }
}
