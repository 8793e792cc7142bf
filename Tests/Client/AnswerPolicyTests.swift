import GatehouseClient
import GatehouseCryptography
import HTTPSignatures
import Testing

@Suite("Signed answers")
struct AnswerPolicyTests {
    private static let components = AnswerPolicy.minimum + ["content-digest"]

    /// What goes wrong with an answer.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var covering = components
        var created = Int64(TestClock.start)
        var keyID = "server"
        var tamper: @Sendable (inout TransportResponse) -> Void = { _ in }
        /// The request that the answer was made for, when it is another.
        var ask: @Sendable (inout TransportRequest) -> Void = { _ in }
    }

    private static func answer(
        _ request: TransportRequest, _ key: SignatureKey, _ change: Change, status: Int = 200
    ) throws -> TransportResponse {
        var response = TransportResponse.json("[]", status: status)
        response.headers.append(("Content-Digest", BodyDigest.contentDigest.value(of: response.body)))
        var asked = request
        change.ask(&asked)
        let message = SignableMessage.response(
            status: status, fields: response.headers.map { SignableMessage.Field($0.name, $0.value) },
            to: Receiver.message(asked))
        let new = try MessageSignature.sign(
            message, covering: change.covering.map { try MessageComponent($0) },
            parameters: SignatureParameters(created: change.created, keyID: change.keyID), with: key)
        response.headers += [("Signature-Input", new.signatureInput), ("Signature", new.signature)]
        change.tamper(&response)
        return response
    }

    private func client(
        _ family: String, _ key: SignatureKey, covering: [String] = AnswerPolicy.minimum, _ transport: ScriptedTransport
    ) throws -> Gatehouse {
        let answers = try AnswerPolicy(keys: [key], covering: covering)
        return try .scripted(credential: .signature(.of(family, try .shared(), answers: answers)), transport)
    }

    private static func serverKey() throws -> SignatureKey {
        try SignatureKey(id: "server", .ed25519Private(.generate()), algorithm: .ed25519)
    }

    @Test("an answer that the server signed for this request is one", arguments: SigningPolicy.families)
    func good(family: String) async throws {
        let key = try Self.serverKey()
        let covering = Self.components + (family == "cavage" ? ["\"authorization\";req"] : ["\"signature\";req"])
        let transport = ScriptedTransport { request in
            (try? Self.answer(request, key, Change(testDescription: "", covering: covering))) ?? .json("", status: 500)
        }
        let gatehouse = try client(family, key, covering: covering, transport)
        #expect(try await gatehouse.addresses(of: "a$b.test") == [])
        #expect(try await gatehouse.addresses(of: "a$b.test") == [])
    }

    @Test(
        "any other is an error, not an answer",
        arguments: [
            Change(testDescription: "the body", tamper: { $0.body = Array("{}".utf8) }),
            Change(testDescription: "the status", tamper: { $0.status = 404 }),
            Change(testDescription: "not signed") { $0.headers.removeAll { $0.name.hasPrefix("Signature") } },
            Change(testDescription: "no octets") { $0.headers.removeAll { $0.name == "Signature" } },
            Change(testDescription: "no digest") { $0.headers.removeAll { $0.name == "Content-Digest" } },
            Change(testDescription: "digest not covered", covering: AnswerPolicy.minimum),
            Change(testDescription: "status not covered", covering: Array(components.dropFirst())),
            Change(testDescription: "request not covered", covering: ["@status", "content-digest"]),
            Change(testDescription: "another path", ask: { $0.url = "https://id.example.org/v1/other" }),
            Change(testDescription: "another method", ask: { $0.method = "PUT" }),
            Change(testDescription: "another host", ask: { $0.headers = [("Host", "other.example.org")] }),
            Change(testDescription: "another key", keyID: "k2"),
            Change(testDescription: "old", created: Int64(TestClock.start) - 301),
            Change(testDescription: "not yet", created: Int64(TestClock.start) + 301),
        ])
    func bad(change: Change) async throws {
        let key = try Self.serverKey()
        let transport = ScriptedTransport { request in
            (try? Self.answer(request, key, change)) ?? .json("", status: 500)
        }
        let gatehouse = try client("rfc9421", key, transport)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a$b.test") }
        guard case .unverifiedAnswer(let status, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(status == (change.testDescription == "the status" ? 404 : 200) && !reason.isEmpty)
        #expect(transport.requests.count == 1)
    }

    @Test("a refusal that nobody signed is no refusal, teaches no time, and is not followed")
    func unsignedRefusal() async throws {
        let key = try Self.serverKey()
        let transport = ScriptedTransport { _ in
            .json(
                "{}", status: 401,
                headers: [("Error-Code", "signature_stale"), ("Date", "Fri, 15 Jan 2027 09:00:00 GMT")])
        }
        let gatehouse = try client("cavage", key, transport)
        for _ in 0..<2 {
            let error = await failure { () throws(GatehouseError) in try await gatehouse.addresses(of: "a") }
            #expect(error == .unverifiedAnswer(status: 401, reason: "It is not signed."))
        }
        #expect(
            transport.requests.map { $0.header("Date") } == Array(repeating: "Fri, 15 Jan 2027 08:00:00 GMT", count: 2))
    }

    @Test("a component that nobody knows is refused when the policy is made")
    func unknownComponent() throws {
        #expect(throws: SignatureRefusal.self) { try AnswerPolicy(keys: [], covering: ["@nothing"]) }
    }
}
