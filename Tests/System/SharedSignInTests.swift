import Foundation
import GatehouseClient
import GatehouseJSON
import GatehouseTestSupport
import Testing

/// The SDK and the server, with a wire between them that loses answers.
@Suite("A sign-in that is kept", .timeLimit(.minutes(2)))
struct SharedSignInTests {
    @Test(
        "survives renewals whose answers are lost on the wire, at the end of its token and after a crash of the client")
    func lostAnswers() async throws {
        try await withServer { server in
            let renewals = Shared(0)
            let wire = try CutWire(to: server) { request in
                guard request.target.hasSuffix("/renew") else { return false }
                renewals.change { $0 += 1 }
                // Two in a row, and then so many that the first client gives up.
                return [1, 2, 4, 5, 6].contains(renewals.value)
            }
            let clock = Shared(0.0)
            let folder = try TemporaryFolder()
            let store = FileCredentialStore(path: folder.path("credential"))
            func client() throws -> Gatehouse {
                try Gatehouse(
                    server: wire.url, signingInAt: .ampho(), store: store,
                    clock: WallClock(
                        now: { WallClock.system.now() + clock.value }, sleep: WallClock.system.sleep))
            }
            let first = try client()
            try await first.signIn(name: "alice$a.test", password: TestStore.password)
            clock.change { $0 += 901 }
            try await first.setAddress(Address.legacy.text, type: .bitcoinP2PKH)
            #expect(renewals.value == 3)

            clock.change { $0 += 901 }
            await #expect(throws: GatehouseError.self) {
                try await first.setAddress(Address.legacy.text, type: .bitcoinP2PKH)
            }
            #expect(renewals.value == 6)
            // Another process, which knows what is in the file and nothing else.
            let second = try client()
            try await second.setAddress(Address.legacy.text, type: .bitcoinP2PKH)
            #expect(renewals.value == 7)
            clock.change { $0 += 901 }
            try await second.setAddress(Address.legacy.text, type: .bitcoinP2PKH)
            let sessions = try await second.sessions()
            #expect(sessions.map(\.isCurrent) == [true])
            let keys = wire.requests.filter { $0.target.hasSuffix("/renew") }.compactMap {
                $0.header("Idempotency-Key")
            }
            #expect(keys.count == 8 && Set(keys.prefix(3)).count == 1 && Set(keys[3..<7]).count == 1)
            #expect(Set(keys).count == 3)
        }
    }

    @Test("is renewed once by eight processes that find its token over")
    func processes() async throws {
        try await withServer { server in
            let wire = try CutWire(to: server) { _ in false }
            let folder = try TemporaryFolder()
            let file = folder.path("credential")
            let login = try await Program.client.run(
                [
                    "login", "alice$a.test", "--server", wire.url, "--credential-file", file, "--password-file", "-",
                ], input: TestStore.password)
            #expect(login.code == 0, "\(login)")
            // As if it had been kept half an hour ago: by what the file says of the server's clock, the token is over.
            let kept = String(decoding: try Data(contentsOf: URL(filePath: file)), as: UTF8.self)
            let old = kept.replacing("\"clock_offset\":0", with: "\"clock_offset\":1800")
            #expect(old != kept)
            try Data(old.utf8).write(to: URL(filePath: file))
            let ends = try await withThrowingTaskGroup(of: Program.Ended.self) { group in
                for _ in 0..<8 { group.addTask { try await Program.client.run(["token", "--credential-file", file]) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(ends.allSatisfy { $0.code == 0 }, "\(ends)")
            #expect(Set(ends.map(\.output)).count == 1)
            #expect(wire.requests.map(\.target) == ["/api/security/login", "/api/security/renew"])
            let sessions = try await Program.client.run(["sessions", "--credential-file", file])
            #expect(sessions.code == 0 && sessions.output.hasPrefix("* "), "\(sessions)")
        }
    }

    private func withServer(_ body: (ServerProcess) async throws -> Void) async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            try await body(try await store.start())
        }
    }
}
