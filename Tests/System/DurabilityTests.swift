import Foundation
import GatehouseJSON
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("What survives the end of a process", .timeLimit(.minutes(5)))
struct DurabilityTests {
    @Test("every acknowledged address is there after SIGKILL")
    func acknowledgedIsStored() async throws {
        let addresses = [
            Address.legacy, Address(type: 101, text: "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
            Address(type: 102, text: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), Address.nano,
        ]
        let clients = 6
        let attempts = 2_000
        try await withStore { store in
            try await store.addDomain("a.test")
            for client in 0..<clients { try await store.addAccount("user\(client)$a.test") }
            let server = try await store.start()
            var tokens: [String] = []
            for client in 0..<clients { tokens.append(try await server.token("user\(client)$a.test")) }

            // Every change has a number of its own, so it can be told which was the last to be stored.
            let acknowledged = Shared([String: Int64]())
            let count = Shared(0)
            let refused = Shared(0)
            try await withThrowingTaskGroup { group in
                for client in 0..<clients {
                    let token = tokens[client]
                    group.addTask {
                        for number in 0..<(attempts / clients) {
                            let address = addresses[number % addresses.count]
                            let answer: TransferResponse
                            do {
                                answer = try await server.setAddress(
                                    address, bearer: token,
                                    extensions: ["number": .number(JSONNumber(Int64(number)))])
                            } catch { return }
                            guard answer.status == 200 else {
                                refused.change { $0 += 1 }
                                continue
                            }
                            acknowledged.change { $0["user\(client)/\(address.type)"] = Int64(number) }
                            count.change { $0 += 1 }
                        }
                    }
                }
                group.addTask {
                    try await wait(for: "half of the changes") { count.value >= attempts / 2 }
                    try await server.kill()
                }
                try await group.waitForAll()
            }
            #expect(refused.value == 0)
            let done = count.value
            #expect(done >= attempts / 2 && done < attempts, "the server ended in the middle")

            let again = try await store.start()
            for client in 0..<clients {
                let answer = try await again.lookUp("user\(client)$a.test")
                let stored = answer.json?.array ?? []
                for address in addresses {
                    let last = acknowledged.value["user\(client)/\(address.type)"]
                    guard let last else { continue }
                    let entry = stored.first { $0["address_type"]?.int64 == address.type }
                    let number = entry?["extensions"]?["number"]?.int64
                    // The one in flight when the end came may be there or not.
                    let step = Int64(addresses.count)
                    #expect(number == last || number == last + step, "user\(client), type \(address.type): \(last)")
                    #expect(entry?["address"]?.string == address.text)
                }
            }
        }
    }

    @Test(
        "after SIGKILL the same key gets the same successor, and none ends the session",
        arguments: [nil, "the-key-that-was-sent", "another-key-than-that"])
    func renewalWhoseAnswerIsLost(retryKey: String?) async throws {
        let key = "the-key-that-was-sent"
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            var server = try await store.start()
            let grant = try await server.logIn("alice$a.test", refreshToken: true)
            let first = try #require(grant.json?["refresh_token"]?.string)
            // The answer arrives here, but the client of this story does not see it.
            let lost = try await server.renew(first, key: key)
            let lostToken = try #require(lost.json?["token"]?.string)
            try await server.kill()
            server = try await store.start()
            let again = try await server.renew(first, key: retryKey)
            if retryKey == key {
                #expect(again.status == 200)
                let successor = try #require(again.json?["refresh_token"]?.string)
                #expect(successor == lost.json?["refresh_token"]?.string)
                #expect(try await server.renew(successor).status == 200)
                // After a restart the rotated one stays dead.
                try await server.kill()
                server = try await store.start()
                #expect(try await server.renew(first, key: key).outcome == "401 invalid_token")
            } else {
                #expect(again.outcome == "401 invalid_token")
            }
            #expect(try await server.setAddress(bearer: lostToken).outcome == "401 invalid_token")
        }
    }

    @Test("SIGTERM finishes the request in flight, ends with exit code 0, and a second start finds all")
    func stopsGracefully() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            let server = try await store.start()
            let token = try await server.token("alice$a.test")
            let body = #"{"address_type":100,"address":"\#(Address.legacy.text)"}"#
            let connection = try RawConnection(port: server.port)
            try connection.send(
                "PUT /v1/addresses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n"
                    + "Content-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n")
            // So the server has the head, and waits for the body.
            #expect(try await connection.rest(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
            try connection.send(String(body.prefix(10)))
            server.send(SIGTERM)
            try await wait(for: "the listener to close") { (try? RawConnection(port: server.port)) == nil }
            #expect(server.isRunning)
            try connection.send(String(body.dropFirst(10)))
            let answer = try await connection.rest()
            #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
            #expect(try await server.end() == 0)
            let again = try await store.start()
            #expect(try await again.lookUp("alice$a.test").json?[0]?["address"]?.string == Address.legacy.text)
            #expect(try await again.setAddress(.nano, bearer: token).status == 200, "the token is still good")
            #expect(try await again.stop() == 0)
        }
    }

    @Test("a request that never ends keeps the server from stopping no longer than the grace")
    func timedGrace() async throws {
        try await withStore { store in
            let server = try await store.start(["--shutdown-grace", "1"])
            let connection = try RawConnection(port: server.port)
            try connection.send("POST /v1/auth HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            #expect(try await server.send(.get, "/health").status == 200)
            let start = ContinuousClock.now
            _ = try await server.stop()
            #expect(start.duration(to: .now) < .seconds(10))
            connection.close()
        }
    }

    @Test("two servers on one store serve the same accounts and addresses")
    func two() async throws {
        try await withStore { store in
            try await store.addDomain("a.test")
            try await store.addAccount("alice$a.test")
            let one = try await store.start()
            let other = try await store.start()
            let token = try await one.token("alice$a.test")
            #expect(try await other.setAddress(bearer: token).status == 200)
            #expect(try await one.lookUp("alice$a.test").json?[0]?["address"]?.string == Address.legacy.text)
        }
    }

    @Test("a runner that was killed leaves nothing behind that a second run trips over")
    func killedRunner() async throws {
        try await withStore { store in
            let set = try await ConformanceSet(on: store)
            let selection = [
                "--only", "opencap/users", "--only", "opencap/delete-alias", "--only", "opencap/set-address",
            ]
            let first = try await Program.conformance.start(set.arguments(selection), in: store.folder)
            try await wait(for: "some scenarios to be over") {
                first.output.split(separator: "\n").count >= 10 || !first.isRunning
            }
            // Held while there is something to clean up, so that it dies in the middle of it.
            try await wait(for: "a moment with an alias of the runner's") {
                first.send(SIGSTOP)
                if try await store.gatehouse("user", "list").contains("$demo-a.test") { return true }
                first.send(SIGCONT)
                return !first.isRunning
            }
            first.send(SIGKILL)
            #expect(try await first.end() == SIGKILL)
            #expect(try await store.gatehouse("user", "list").contains("$demo-a.test"))
            let second = try await set.run(selection + ["--quiet"])
            #expect(second.code == 0, "\(second)")
        }
    }
}
