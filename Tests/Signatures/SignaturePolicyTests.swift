import GatehouseCryptography
import Testing

@testable import HTTPSignatures

@Suite("What a signature has to cover, and how old it may be")
struct SignaturePolicyTests {
    static let now: Int64 = 784_111_777
    static let all = ["(request-target)", "host", "date", "content-length", "content-type", "digest"]
    let policy = SignaturePolicy()

    private func cavage(_ covered: [String], _ parameters: String = "") throws -> ReceivedSignature {
        .cavage(
            try CavageSignature(
                parsing: octets(
                    "keyId=\"k\",signature=\"AA==\",headers=\"\(covered.joined(separator: " "))\"\(parameters)")))
    }

    private func message(_ list: String, _ parameters: String = ";created=784111777") throws -> ReceivedSignature {
        let fields: [SignableMessage.Field] = [
            .init("Signature-Input", "s=(\(list))\(parameters)"), .init("Signature", "s=:AA==:"),
        ]
        return .message(
            try #require(
                try MessageSignature.all(of: .request(method: "GET", target: "/", scheme: "https", fields: fields))
                    .first))
    }

    private func request(_ more: [SignableMessage.Field] = [], date: String = "Sun, 06 Nov 1994 08:49:37 GMT")
        -> SignableMessage
    {
        .request(method: "GET", target: "/", scheme: "https", fields: [.init("Date", date)] + more)
    }

    @discardableResult
    private func check(
        _ signature: ReceivedSignature, _ message: SignableMessage? = nil, method: String = "GET",
        body: SignaturePolicy.Body = .unread([]), now: Int64 = Self.now, by policy: SignaturePolicy? = nil
    ) throws -> Int64 {
        let sent = SignableMessage.request(
            method: method, target: "/", scheme: "https", fields: (message ?? request()).fields)
        return try (policy ?? self.policy).check(signature, of: sent, body: body, now: now)
    }

    @Test(
        "draft-cavage: each method has its list, and each name of it counts",
        arguments: [
            ("GET", 3), ("HEAD", 3), ("DELETE", 3), ("POST", 6), ("PUT", 6), ("PATCH", 6), ("FOO", 3),
        ])
    func lists(method: String, count: Int) throws {
        let list = Array(Self.all.prefix(count))
        #expect(policy.requiredHeaders(method: method, readsBody: false) == list)
        let request = request([.init("Digest", BodyDigest.digest.value(of: []))])
        #expect(throws: Never.self) { try check(try cavage(list.reversed()), request, method: method) }
        for name in list {
            expectRefusal(.notCovered([name])) {
                try check(try cavage(list.filter { $0 != name }), request, method: method)
            }
        }
    }

    @Test("a digest that need not be covered is compared all the same when it is")
    func unreadBody() throws {
        let body = octets("{}")
        let digest = SignableMessage.Field("Digest", BodyDigest.digest.value(of: body))
        let signature = try cavage(["(request-target)", "host", "date", "digest"])
        #expect(throws: Never.self) { try check(signature, request([digest]), body: .unread(body)) }
        expectRefusal(.digestMismatch("digest (sha-256)")) { try check(signature, request([digest])) }
        #expect(throws: Never.self) {
            try check(try cavage(["(request-target)", "host", "date"]), request([digest]))
        }
    }

    @Test("whoever reads a body wants its digest, whatever the method")
    func bodies() throws {
        let body = octets("{}")
        let digest = SignableMessage.Field("Digest", BodyDigest.digest.value(of: body))
        expectRefusal(.notCovered(["digest"])) {
            try check(try cavage(Array(Self.all.prefix(3))), method: "DELETE", body: .read(body))
        }
        #expect(throws: Never.self) {
            try check(try cavage(Self.all), request([digest]), method: "DELETE", body: .read(body))
        }
        expectRefusal(.digestMismatch("digest (sha-256)")) {
            try check(try cavage(Self.all), request([digest]), method: "POST", body: .read([]))
        }
        // Both are compared when both are covered.
        let wrong = SignableMessage.Field("Content-Digest", BodyDigest.contentDigest.value(of: []))
        expectRefusal(.digestMismatch("content-digest (sha-256)")) {
            try check(
                try cavage(Self.all + ["content-digest"]), request([digest, wrong]), method: "POST", body: .read(body))
        }
        // One that is not covered says nothing.
        #expect(throws: Never.self) {
            try check(try cavage(Self.all), request([digest, wrong]), method: "POST", body: .read(body))
        }
        let weak = SignableMessage.Field("Digest", "MD5=Sd/dVLAcvNLSq16eXua5uQ==")
        expectRefusal(.noDigest) { try check(try cavage(Self.all), request([weak]), method: "POST", body: .read(body)) }
        #expect(throws: Never.self) {
            try check(try cavage(Self.all), method: "POST", body: .elsewhere(hasContent: true))
        }
    }

    @Test("a body that somebody else reads has to be covered by a digest for them to compare")
    func elsewhere() throws {
        let bodyless = try cavage(["(request-target)", "host", "date"])
        #expect(throws: Never.self) { try check(bodyless, body: .elsewhere(hasContent: false)) }
        expectRefusal(.notCovered(["digest"])) { try check(bodyless, body: .elsewhere(hasContent: true)) }
        let new = try message("\"@method\" \"@authority\" \"@path\" \"@query\"")
        #expect(throws: Never.self) { try check(new, body: .elsewhere(hasContent: false)) }
        expectRefusal(.notCovered(["content-digest"])) { try check(new, body: .elsewhere(hasContent: true)) }
    }

    @Test("the newer component and the newer digest may stand for the older ones")
    func standIns() throws {
        let body = octets("{}")
        let digest = SignableMessage.Field("Content-Digest", BodyDigest.contentDigest.value(of: body, .sha512))
        let covered = ["(request-target)", "(created)", "host", "content-length", "content-type", "content-digest"]
        #expect(throws: Never.self) {
            try check(try cavage(covered, ",created=\(Self.now)"), request([digest]), method: "PUT", body: .read(body))
        }
        expectRefusal(.notCovered(["date"])) {
            try check(try cavage(["(created)"], ",created=\(Self.now)"), by: SignaturePolicy(verifiedHeaders: ["Date"]))
        }
    }

    @Test("a list of the operator's own replaces the other")
    func ownList() throws {
        let policy = SignaturePolicy(verifiedHeaders: ["request-target", "Date"])
        #expect(policy.requiredHeaders(method: "POST", readsBody: true) == ["(request-target)", "date"])
        #expect(throws: Never.self) { try check(try cavage(["(request-target)", "date"]), method: "POST", by: policy) }
        expectRefusal(.notCovered(["(request-target)"])) { try check(try cavage(["date"]), method: "POST", by: policy) }
    }

    @Test("a date or time of creation is good for the window, either way")
    func window() throws {
        let dated = try cavage(["(request-target)", "host", "date"])
        let created = try cavage(["(request-target)", "host", "(created)"], ",created=\(Self.now)")
        let new = try message("\"@method\" \"@authority\" \"@path\" \"@query\"")
        for (signature, name) in [(dated, "date"), (created, "created"), (new, "created")] {
            for offset: Int64 in [-300, 0, 300] {
                #expect(try check(signature, now: Self.now + offset) == Self.now + 300)
            }
            for offset: Int64 in [-301, 301, 86_400 * 365] {
                expectRefusal(.outsideWindow(name, seconds: offset)) { try check(signature, now: Self.now + offset) }
            }
            #expect(throws: Never.self) {
                try check(signature, now: Self.now + 4000, by: SignaturePolicy(window: 4000))
            }
        }
        // Both count when both are covered.
        let both = try cavage(["(request-target)", "host", "date", "(created)"], ",created=\(Self.now - 400)")
        expectRefusal(.outsideWindow("created", seconds: 400)) { try check(both) }
    }

    @Test("a date that is none, or is there twice, is refused")
    func noDate() throws {
        let signature = try cavage(["(request-target)", "host", "date"])
        for date in ["", "yesterday", "784111777", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            expectRefusal(.noTime("date")) { try check(signature, request(date: date)) }
        }
        expectRefusal(.noTime("date")) {
            try check(signature, request([.init("Date", "Sun, 06 Nov 1994 08:49:37 GMT")]))
        }
        expectRefusal(.noTime("created")) {
            try check(try message("\"@method\" \"@authority\" \"@path\" \"@query\"", ""))
        }
    }

    @Test("an end is honoured, and bounds how long a signature has to be remembered")
    func expiry() throws {
        let covered = ["(request-target)", "host", "date"]
        let withExpires = covered + ["(expires)"]
        #expect(try check(try cavage(withExpires, ",expires=\(Self.now + 5)")) == Self.now + 5)
        #expect(try check(try cavage(withExpires, ",expires=\(Self.now)")) == Self.now)
        expectRefusal(.expired) { try check(try cavage(covered, ",expires=\(Self.now - 1)")) }
        let list = "\"@method\" \"@authority\" \"@path\" \"@query\""
        expectRefusal(.expired) { try check(try message(list, ";created=\(Self.now);expires=\(Self.now - 1)")) }
        #expect(try check(try message(list, ";created=\(Self.now);expires=\(Self.now + 1)")) == Self.now + 1)
    }

    @Test("an end that is not covered, which anybody can take away, does not let a signature be forgotten earlier")
    func uncoveredExpiry() throws {
        let end = try check(try cavage(["(request-target)", "host", "date"], ",expires=\(Self.now + 5)"))
        #expect(end == Self.now + policy.window)
    }

    @Test("RFC 9421: every component counts, one with parameters does not, and the wider ones stand for others")
    func components() throws {
        let list = ["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query\""]
        for (index, name) in ["@method", "@authority", "@path", "@query"].enumerated() {
            var rest = list
            rest.remove(at: index)
            expectRefusal(.notCovered([name])) { try check(try message(rest.joined(separator: " "))) }
        }
        #expect(throws: Never.self) { try check(try message("\"@method\" \"@target-uri\"")) }
        #expect(throws: Never.self) { try check(try message("\"@method\" \"@authority\" \"@request-target\"")) }
        expectRefusal(.notCovered(["@query"])) {
            try check(try message("\"@method\" \"@authority\" \"@path\" \"@query-param\";name=\"a\""))
        }
        let body = octets("{}")
        let digest = SignableMessage.Field("Content-Digest", BodyDigest.contentDigest.value(of: body))
        let covering = { (more: String) throws in try message((list + [more]).joined(separator: " ")) }
        expectRefusal(.notCovered(["content-digest"])) {
            try check(try message(list.joined(separator: " ")), request([digest]), method: "POST", body: .read(body))
        }
        expectRefusal(.notCovered(["content-digest"])) {
            try check(
                try covering("\"content-digest\";key=\"sha-256\""), request([digest]), method: "POST", body: .read(body)
            )
        }
        #expect(throws: Never.self) {
            try check(try covering("\"content-digest\""), request([digest]), method: "POST", body: .read(body))
        }
        #expect(throws: Never.self) {
            try check(try message(list.joined(separator: " ")), method: "POST", body: .read([]))
        }
        expectRefusal(.digestMismatch("content-digest (sha-256)")) {
            try check(try covering("\"content-digest\""), request([digest]), method: "POST", body: .read(octets("[]")))
        }
    }

    @Test("a request with signatures of both families is refused")
    func families() throws {
        let cavage = SignableMessage.Field("Authorization", "Signature keyId=\"k\",signature=\"AA==\"")
        let input = SignableMessage.Field("Signature-Input", "s=(\"@method\")")
        let signature = SignableMessage.Field("Signature", "s=:AA==:")
        let all = { (fields: [SignableMessage.Field]) throws in
            try ReceivedSignature.all(of: .request(method: "GET", target: "/", scheme: "https", fields: fields))
        }
        expectRefusal(.ambiguous("one in Authorization and one in Signature-Input")) {
            try all([cavage, input, signature])
        }
        expectRefusal(.missing) { try all([.init("Authorization", "Bearer x")]) }
        #expect(try all([cavage]).count == 1)
        #expect(try all([.init("Authorization", "Bearer x"), input, signature]).count == 1)
        #expect(try all([.init("Signature", "keyId=\"k\",signature=\"AA==\"")]).first?.keyID == "k")
    }

    @Test("a signature is remembered by its nonce, else by what was signed, never by its own octets")
    func identity() throws {
        let one = try message("\"@method\"", ";keyid=\"k\";nonce=\"n\"")
        let two = try message("\"@path\"", ";keyid=\"k\";nonce=\"n\"")
        #expect(one.replayIdentity(base: octets("a")) == two.replayIdentity(base: octets("b")))
        let other = try message("\"@method\"", ";keyid=\"l\";nonce=\"n\"")
        #expect(one.replayIdentity(base: []) != other.replayIdentity(base: []))
        let plain = try cavage(["date"])
        #expect(plain.replayIdentity(base: octets("a")) != plain.replayIdentity(base: octets("b")))
        #expect(plain.replayIdentity(base: octets("a")) == plain.replayIdentity(base: octets("a")))
    }

    @Test(
        "a peer learns three words and no more",
        arguments: [
            (SignatureRefusal.Reason.missing, "signature_missing"), (.expired, "signature_stale"),
            (.outsideWindow("date", seconds: 1), "signature_stale"), (.unknownKey, "signature_invalid"),
            (.badSignature, "signature_invalid"), (.replayed, "signature_invalid"),
            (.notCovered(["date"]), "signature_invalid"),
        ])
    func codes(reason: SignatureRefusal.Reason, code: String) {
        #expect(SignatureRefusal(reason).code == code)
        #expect(!SignatureRefusal(reason).description.isEmpty)
    }
}
