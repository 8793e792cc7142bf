import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("A server whose store is away", .timeLimit(.minutes(2)))
struct StoreOutageTests {
    @Test("a store that fails is 503 and comes back")
    func comesBack() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            let server = try await store.start()
            let token = try await server.token("alice$a.test")
            #expect(try await server.setAddress(bearer: token).status == 200)

            try store.moveAway()
            #expect(try await server.setAddress(.nano, bearer: token).outcome == "503 store_unavailable")
            // Readers look only from time to time whether the file is still the one that they have open.
            try await wait(for: "the readers to notice", atMost: .seconds(1)) {
                try await server.lookUp("alice$a.test").status == 503
            }
            for _ in 0..<3 {
                for answer in [
                    try await server.lookUp("alice$a.test"), try await server.lookUp("nobody$a.test"),
                    try await server.setAddress(.nano, bearer: token), try await server.signIn("alice$a.test"),
                    try await server.send(.delete, "/v1/addresses/100", bearer: token),
                    try await server.send(.delete, "/v1/users", bearer: token),
                    try await server.send(
                        .post, "/v1/users", bearer: String(repeating: "a", count: 48),
                        json: ["alias": "bob$a.test", "password": "the quiet harbour 7"]),
                ] {
                    #expect(answer.outcome == "503 store_unavailable")
                    #expect(answer.header("Retry-After").flatMap { Int($0) } ?? 0 >= 1)
                }
            }
            #expect(try await server.send(.get, "/health").status == 200, "the process itself is well")

            try store.moveBack()
            try await wait(for: "service to resume", atMost: .seconds(10)) {
                try await server.lookUp("alice$a.test").status == 200
            }
            #expect(try await server.lookUp("alice$a.test").json?.array?.count == 1, "what was refused was not done")
            #expect(try await server.setAddress(.nano, bearer: token).status == 200, "the session is still there")
            #expect(try await server.signIn("alice$a.test").status == 200)
            #expect(try await server.stop() == 0)
        }
    }

    @Test("a server without its store is not ready")
    func notReady() async throws {
        try await withStore { store in
            let server = try await store.start()
            #expect(try await server.send(.get, "/health/ready").status == 200)
            try store.moveAway()
            let answer = try await server.send(.get, "/health/ready")
            #expect(answer.outcome == "503 store_unavailable")
            #expect(answer.header("Retry-After").flatMap { Int($0) } ?? 0 >= 1)
            #expect(try await server.send(.get, "/health").status == 200)
            #expect(!FileManager.default.fileExists(atPath: store.database), "no empty store is made in its place")
            try store.moveBack()
            try await wait(for: "the server to be ready again", atMost: .seconds(10)) {
                try await server.send(.get, "/health/ready").status == 200
            }
        }
    }
}

extension TestStore {
    // The log of the store goes along: without it the file is not whole.
    private var files: [String] { ["", "-wal", "-shm"] }

    fileprivate func moveAway() throws {
        for file in files where FileManager.default.fileExists(atPath: database + file) {
            try FileManager.default.moveItem(atPath: database + file, toPath: folder.path("away.db") + file)
        }
    }

    fileprivate func moveBack() throws {
        for file in files where FileManager.default.fileExists(atPath: folder.path("away.db") + file) {
            try FileManager.default.moveItem(atPath: folder.path("away.db") + file, toPath: database + file)
        }
    }
}
