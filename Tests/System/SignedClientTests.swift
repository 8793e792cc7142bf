import Foundation
import GatehouseClient
import GatehouseTestSupport
import HTTPSignatures
import Testing

/// The SDK with a key, and the server that knows the key.
@Suite("A client that signs", .timeLimit(.minutes(3)))
struct SignedClientTests {
    /// Made by the operator, and what the client has of it.
    private func key(
        _ algorithm: SignatureAlgorithm, in store: TestStore, _ more: [String] = []
    ) async throws -> SignatureKey {
        let id = "key-\(algorithm.rawValue)"
        let add = ["key", "add", "--account", "admin@a.test", "--id", id, "--algorithm", algorithm.rawValue] + more
        guard !algorithm.rawValue.hasPrefix("hmac") else {
            let made = try await store.command(add)
            let secret = try #require(made.output.firstMatch(of: /"secret": ?"([^"]+)"/)?.1, "\(made)")
            return try SignatureKey(id: id, secret: String(secret), algorithm: algorithm)
        }
        let file = store.folder.path(id)
        let kind =
            switch algorithm {
            case .ed25519: ["ed25519"]
            case .ecdsaP256SHA256: ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
            case .ecdsaP384SHA384: ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]
            default: ["RSA"]
            }
        for arguments in [
            ["genpkey", "-out", file, "-algorithm"] + kind, ["pkey", "-in", file, "-pubout", "-out", file + ".pub"],
        ] {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/openssl")
            process.arguments = arguments
            process.standardError = FileHandle.nullDevice
            try process.begin()
            process.waitUntilExit()
        }
        let made = try await store.command(add + ["--public-key", file + ".pub"])
        #expect(made.code == 0, "\(made)")
        return try SignatureKey(id: id, pem: Array(Data(contentsOf: URL(filePath: file))), algorithm: algorithm)
    }

    private func policies(_ key: SignatureKey) -> [SigningPolicy] {
        [.cavage(key), .cavage(key, form: .signature), .rfc9421(key)]
    }

    @Test("each algorithm, family and method is what the server wants")
    func algorithms() async throws {
        try await withStore { store in
            try await store.addAdmin()
            var keys: [SignatureKey] = []
            for algorithm in SignatureAlgorithm.allCases { keys.append(try await key(algorithm, in: store)) }
            let server = try await store.start()
            for policy in keys.flatMap({ policies($0) }) {
                let client = try Gatehouse(server: server.url, credential: .signature(policy))
                for method in ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"] {
                    for body in [nil, RequestBody.octets(Array("words".utf8))] where method != "HEAD" || body == nil {
                        let answer = try await client.send(method, "/hello_someone?x=%20&y", body: body)
                        #expect(answer.status == 200, "\(policy) \(method): \(answer.header("Error-Code") ?? "")")
                    }
                }
            }
        }
    }

    @Test("a key does what its scopes allow, without signing in, and nothing else")
    func scopes() async throws {
        try await withStore { store in
            try await store.addAdmin()
            try await store.addDomain("a.test")
            let may = try await key(.hmacSHA256, in: store, ["--scope", "admin", "--scope", "introspect"])
            let mayNot = try await key(.hmacSHA512, in: store)
            let server = try await store.start()
            for policy in policies(may) {
                let client = try Gatehouse(server: server.url, credential: .signature(policy))
                try await client.createAlias("bob$a.test", password: TestStore.password)
                #expect(try await client.addresses(of: "bob$a.test") == [])
                #expect(try await client.introspect("x").isActive == false)
                try await client.deleteAlias("bob$a.test")
            }
            for policy in policies(mayNot) {
                let client = try Gatehouse(server: server.url, credential: .signature(policy))
                await #expect {
                    try await client.createAlias("bob$a.test", password: TestStore.password)
                } throws: { ($0 as? GatehouseError)?.status == 403 }
            }
        }
    }

    @Test("many equal requests at once all count, also with a key whose signatures count once")
    func unique() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let strict = try await key(.hmacSHA256, in: store, ["--replay", "strict"])
            let server = try await store.start()
            for policy in policies(strict) {
                let client = try Gatehouse(server: server.url, credential: .signature(policy))
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<64 {
                        group.addTask {
                            try await client.send(number.isMultiple(of: 2) ? "GET" : "POST", "/hello_someone").status
                        }
                    }
                    return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
                }
                #expect(statuses == [200])
                let signed = try await client.signed("GET", "/hello_someone")
                #expect(try await client.send(signed).status == 200)
                #expect(try await client.send(signed).header("Error-Code") == "signature_invalid", "the same one twice")
            }
        }
    }

    @Test("a clock that is an hour off, and an answer that is lost, cost nothing")
    func disturbed() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let key = try await key(.hmacSHA256, in: store, ["--replay", "strict"])
            let server = try await store.start()
            for policy in policies(key) {
                for hours in [-1.0, 1.0] {
                    let clock = WallClock(
                        now: { WallClock.system.now() + hours * 3600 }, sleep: WallClock.system.sleep)
                    let client = try Gatehouse(server: server.url, credential: .signature(policy), clock: clock)
                    #expect(try await client.send("PUT", "/hello_someone").status == 200)
                }
                let lost = Shared(0)
                let wire = try CutWire(to: server) { _ in
                    lost.change { $0 += 1 }
                    return lost.value == 2
                }
                let client = try Gatehouse(server: wire.url, credential: .signature(policy))
                #expect(try await client.send("GET", "/hello_someone").status == 200)
                #expect(try await client.send("GET", "/hello_someone").status == 200)
                #expect(wire.requests.count == 3)
            }
        }
    }

    @Test("a file is streamed to an endpoint that reads it")
    func streamed() async throws {
        try await withStore { store in
            try await store.addAdmin()
            let key = try await key(.ed25519, in: store)
            let server = try await store.start()
            let file = store.folder.path("body")
            try Data(repeating: 7, count: 60_000).write(to: URL(filePath: file))
            for policy in policies(key) {
                let client = try Gatehouse(server: server.url, credential: .signature(policy))
                #expect(try await client.send("POST", "/hello_someone", body: .file(file)).status == 200)
                // Signed for another body than the one that comes.
                let wrong = StreamedBody(length: 1, sha256: Array(repeating: 0, count: 32)) { try await $0([1]) }
                let answer = try await client.send("POST", "/hello_someone", body: .streamed(wrong))
                #expect(answer.header("Error-Code") == "signature_invalid")
            }
        }
    }

    @Test("gatehouse-client explain names the line that was changed on the way", arguments: ["cavage", "rfc9421"])
    func explain(family: String) async throws {
        try await withStore { store in
            try await store.addAdmin()
            let secret = UUID().uuidString + UUID().uuidString
            try await store.gatehouse(
                "key", "add", "--account", "admin@a.test", "--id", "k", "--debug", "--secret-file", "-", input: secret)
            let server = try await store.start()
            let wire = try CutWire(to: server) { line in
                line.hasPrefix("Host: ") ? "Host: other.test" : line
            } isLost: { _ in
                false
            }
            func explained(at url: String, _ secret: String) async throws -> Program.Ended {
                try await Program.client.run(
                    [
                        "explain", "GET", url + "/hello_someone", "--key-id", "k", "--secret-file", "-", "--with",
                        family,
                    ],
                    input: secret)
            }
            let good = try await explained(at: server.url, secret)
            #expect(good.code == 0 && good.output.contains("The server answered 200."), "\(good)")
            let changed = try await explained(at: wire.url, secret)
            let name = family == "cavage" ? "host" : "@authority"
            #expect(changed.code == 1 && changed.output.contains("\n\(name) differs at the server"), "\(changed)")
            #expect(changed.output.components(separatedBy: " differs ").count == 2, "\(changed)")
            let other = try await explained(at: server.url, secret.lowercased())
            #expect(other.code == 1 && other.output.contains("Both ends have signed the same text"), "\(other)")
        }
    }
}
