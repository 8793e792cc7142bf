import GatehouseCryptography
import Testing

@testable import HTTPSignatures

@Suite("Signatures of RFC 9421")
struct MessageSignatureTests {
    static let key = CavageTests.key
    static let now: Int64 = 784_111_777

    static func request(_ target: String = "/a?b=c", _ more: [SignableMessage.Field] = []) -> SignableMessage {
        .request(method: "POST", target: target, scheme: "https", fields: [.init("Host", "Example.com:443")] + more)
    }

    private func line(_ component: String, _ message: SignableMessage) throws -> String {
        let base = try SignatureBase.make([MessageComponent(component)], parameters: [], of: message, .registered)
        return text(base).split(separator: "\n")[0].split(separator: ":", maxSplits: 1)[1].dropFirst().description
    }

    private func read(_ input: String, _ signature: String = "s=:AA==:") throws -> [MessageSignature] {
        try MessageSignature.all(
            of: Self.request("/", [.init("Signature-Input", input), .init("Signature", signature)]))
    }

    @Test(
        "what was signed verifies with every algorithm, and not with another key",
        arguments: SignatureAlgorithm.allCases)
    func roundTrip(algorithm: SignatureAlgorithm) throws {
        let (key, other) = (try SignatureKey.fresh(algorithm), try SignatureKey.fresh(algorithm))
        let made = try MessageSignature.sign(
            Self.request(), covering: ["@method", "@authority", "@path", "@query"].map { try MessageComponent($0) },
            parameters: SignatureParameters(
                created: 1, nonce: "n\"\\", algorithm: algorithm.registeredName, keyID: "k"),
            with: key)
        let message = Self.request(
            "/a?b=c", [.init("Signature-Input", made.signatureInput), .init("Signature", made.signature)])
        let signature = try #require(try MessageSignature.all(of: message).first)
        #expect(signature.parameters.nonce == "n\"\\" && signature.parameters.created == 1)
        #expect(throws: Never.self) { try signature.verify(message, with: key) }
        expectRefusal(.badSignature) { try signature.verify(message, with: other) }
    }

    @Test(
        "the algorithm that a message names is the key's or refused",
        arguments: ["hmac-sha512", "ed25519", "HS256", "HMAC-SHA256", "none"])
    func algorithms(name: String) throws {
        let signature = try #require(try read("s=(\"@method\");alg=\"\(name)\"").first)
        expectRefusal(.wrongAlgorithm(named: name, key: "hmac-sha256")) {
            try signature.verify(Self.request(), with: Self.key)
        }
    }

    private static func nine(_ value: String) -> String {
        (0..<9).map { "s\($0)=\(value)" }.joined(separator: ",")
    }

    private static func names(_ count: Int) -> String { (0..<count).map { "\"x\($0)\"" }.joined(separator: " ") }

    static let malformedEntries: [(String, String)] = [
        ("s=1", "s=:AA==:"), ("s=(\"@method\")", "s=1"), ("s=(\"@method\")", "t=:AA==:"), ("s=(\"@method\")", "s=::"),
        ("s=(\"@method\")", "s=:AA:"), ("s=(@method)", "s=:AA==:"), ("s=(\"@method\"", "s=:AA==:"),
        ("s=(\"@method\"),", "s=:AA==:"),
        ("s=(\"@method\")", "s=:AA==:, t=:AA==:"), ("s=(\"@method\");created=\"1\"", "s=:AA==:"),
        ("s=(\"@method\");created=1.5", "s=:AA==:"), ("s=(\"@method\");created=@1", "s=:AA==:"),
        ("s=(\"@method\");nonce=1", "s=:AA==:"), ("s=(\"@method\");keyid=k", "s=:AA==:"),
        ("s=(\"@method\");tag=:AA==:", "s=:AA==:"),
        ("s=(\"@method\");expires", "s=:AA==:"), ("s=(\"@method\");alg=?1", "s=:AA==:"),
        (nine("(\"@method\")"), nine(":AA==:")), ("s=(\(names(65)))", "s=:AA==:"),
        ("s=(\(names(33))), t=(\(names(32)))", "s=:AA==:, t=:AA==:"),
        ("s=()" + (0..<257).map { ";x\($0)" }.joined(), "s=:AA==:"),
    ]

    @Test("entries that are no signatures are refused", arguments: malformedEntries)
    func malformed(input: String, signature: String) {
        let refusal = #expect(throws: SignatureRefusal.self) { try read(input, signature) }
        guard case .malformed = refusal?.reason else {
            Issue.record("\(input): \(String(describing: refusal))")
            return
        }
    }

    @Test(
        "components that nobody knows are refused, and so is an upper-case field",
        arguments: [
            "@other", "@signature-params", "Host", "", "a b", "\"x\";foo", "\"x\";sf=1", "\"x\";bs=?0", "\"x\";key=a",
            "\"@method\";name=1",
        ])
    func unknown(component: String) {
        let refusal = #expect(throws: SignatureRefusal.self) { try MessageComponent(component) }
        guard case .unknownComponent = refusal?.reason else {
            Issue.record("\(component): \(String(describing: refusal))")
            return
        }
    }

    @Test(
        "a component that is covered twice is refused, whatever the order of its parameters",
        arguments: [
            "\"a\" \"a\"", "\"a\";bs;tr \"a\";tr;bs", "\"@method\" \"b\" \"@method\"",
        ])
    func twice(list: String) {
        let refusal = #expect(throws: SignatureRefusal.self) { try read("s=(\(list))") }
        guard case .duplicateComponent = refusal?.reason else {
            Issue.record("\(list): \(String(describing: refusal))")
            return
        }
    }

    @Test("parameters stay in the base in their order, spaces do not")
    func order() throws {
        let signature = try #require(try read("s=(  \"@path\"   \"@method\" );keyid=\"k\";x=?0;created=1;y").first)
        let base = text(try signature.base(of: Self.request()))
        #expect(
            base
                == "\"@path\": /a\n\"@method\": POST\n\"@signature-params\": (\"@path\" \"@method\");keyid=\"k\";x=?0;created=1;y"
        )
        let several = try MessageSignature.all(
            of: Self.request(
                "/",
                [
                    .init("Signature-Input", "a=(\"@method\")"), .init("Signature", "a=:AA==:"),
                    .init("Signature-Input", " b=(\"@path\")"), .init("Signature", "b=:AQ==:"),
                ]))
        #expect(several.map(\.label) == ["a", "b"] && several[1].signature == [1])
    }

    @Test("derived components of a request")
    func derived() throws {
        #expect(try line("@method", Self.request()) == "POST")
        #expect(try line("@authority", Self.request()) == "example.com")
        #expect(try line("@authority", Self.request("http://Other.example:80/x")) == "other.example")
        #expect(try line("@authority", Self.request("https://Other.example:80/x")) == "other.example:80")
        #expect(
            try line(
                "@authority", .request(method: "GET", target: "/", scheme: "http", authority: "A.test:8080", fields: [])
            ) == "a.test:8080")
        #expect(try line("@scheme", Self.request("HTTP://a/x")) == "http")
        #expect(try line("@path", Self.request("http://a")) == "/")
        #expect(try line("@path", Self.request("/a%2Fb?c")) == "/a%2Fb")
        #expect(try line("@query", Self.request("/a?")) == "?")
        #expect(try line("@query", Self.request("/a??")) == "??")
        #expect(try line("@target-uri", Self.request("/a?b")) == "https://Example.com:443/a?b")
        #expect(try line("@target-uri", Self.request("*")) == "https://Example.com:443")
        #expect(try line("@request-target", Self.request("a.test:443")) == "a.test:443")
    }

    @Test("what a message does not have is refused with the reason")
    func unsuitable() throws {
        let noHost = SignableMessage.request(method: "GET", target: "/", scheme: "https", fields: [])
        let twoHosts = SignableMessage.request(
            method: "GET", target: "/", scheme: "https", fields: [.init("Host", "a"), .init("Host", "b")])
        let response = SignableMessage.response(status: 200, fields: [.init("X", "a")])
        for (component, message) in [
            ("@status", Self.request()), ("@method", response), ("\"@method\";req", response),
            ("\"@method\";req", Self.request()), ("@authority", noHost), ("@authority", twoHosts),
            ("@query-param", Self.request()), ("\"@query-param\";name=\"z\"", Self.request()),
            ("\"@query-param\";name=\"b\"", Self.request("/?b=1&b=2")),
            ("\"@query-param\";name=\"b\"", Self.request("/?b=1&%62=2")),
            ("\"@method\";sf", Self.request()), ("\"@method\";name=\"x\"", Self.request()),
            ("\"x\";bs;sf", response), ("\"x\";bs;key=\"a\"", response), ("\"x\";name=\"a\"", response),
            ("\"x\";sf", response), ("\"x\";key=\"a\"", response),
        ] {
            let refusal = #expect(throws: SignatureRefusal.self, "\(component)") { try line(component, message) }
            guard case .unsuitable = refusal?.reason else {
                Issue.record("\(component): \(String(describing: refusal))")
                continue
            }
        }
        for component in ["y", "\"x\";tr", "\"content-digest\";key=\"b\""] {
            let message = SignableMessage.response(
                status: 200, fields: [.init("X", "a"), .init("Content-Digest", "a=1")], trailers: [.init("Z", "a")])
            let refusal = #expect(throws: SignatureRefusal.self, "\(component)") { try line(component, message) }
            guard case .absent = refusal?.reason else {
                Issue.record("\(component): \(String(describing: refusal))")
                continue
            }
        }
    }

    @Test("a field with more members than an honest one is not read as a structured one")
    func manyMembers() throws {
        func message(_ count: Int) -> SignableMessage {
            Self.request("/", [.init("Priority", (0..<count).map { "x\($0)" }.joined(separator: ","))])
        }
        #expect(try line("\"priority\";key=\"x256\"", message(257)) == "?1")
        for component in ["\"priority\";key=\"x1\"", "\"priority\";sf"] {
            expectRefusal(.unsuitable(component, "it has too many members")) { try line(component, message(258)) }
        }
    }

    @Test("octets that would let two messages have one base are refused, but not as a byte sequence")
    func octetsOfValues() throws {
        let message = SignableMessage.response(status: 200, fields: [.init("X", octets: [0xE9])])
        expectRefusal(.forbiddenOctet("\"x\"")) { try line("x", message) }
        #expect(try line("\"x\";bs", message) == ":6Q==:")
        expectRefusal(.forbiddenOctet("x")) { try line("x", .response(status: 200, fields: [.init("X", "a\nb")])) }
    }

    @Test("a response is signed together with what it answers")
    func answers() throws {
        let request = Self.request("/a", [.init("Content-Digest", "sha-256=:AA==:")])
        let response = SignableMessage.response(status: 201, fields: [.init("X", "a")], to: request)
        #expect(try line("@status", response) == "201")
        #expect(try line("\"@method\";req", response) == "POST")
        #expect(try line("\"content-digest\";req", response) == "sha-256=:AA==:")
        expectRefusal(.absent("\"x\";req")) { try line("\"x\";req", response) }
    }

    @Test("what is asked for is given, under the label of the question")
    func acceptSignature() throws {
        let asked = AcceptSignature(
            label: "app", components: try ["@method", "@path"].map { try MessageComponent($0) }, wantsExpires: true,
            demanded: SignatureParameters(nonce: "n", tag: "t"))
        let field = try AcceptSignature.field([asked])
        #expect(field == "app=(\"@method\" \"@path\");created;expires;nonce=\"n\";tag=\"t\"")
        let read = try #require(
            try AcceptSignature.all(of: .response(status: 401, fields: [.init("Accept-Signature", field)])).first)
        let made = try read.sign(Self.request(), created: 1, expires: 2, with: Self.key)
        #expect(
            made.signatureInput == "app=(\"@method\" \"@path\");created=1;expires=2;nonce=\"n\";keyid=\"k\";tag=\"t\"")
        for wrong in ["a=1", "a=(\"@method\");created=1", "a=(", "a=(\"@foo\")", "a=(\"b\" \"b\")"] {
            #expect(throws: SignatureRefusal.self, "\(wrong)") {
                try AcceptSignature.all(of: .response(status: 401, fields: [.init("Accept-Signature", wrong)]))
            }
        }
        let twice = [try MessageComponent("@path"), try MessageComponent("@path")]
        let refused = SignatureRefusal.Reason.duplicateComponent("\"@path\"")
        expectRefusal(refused) { try AcceptSignature.field([AcceptSignature(components: twice)]) }
        expectRefusal(refused) {
            try MessageSignature.sign(
                Self.request(), covering: twice, parameters: SignatureParameters(), with: Self.key)
        }
        let other = AcceptSignature(components: [], demanded: SignatureParameters(keyID: "another"))
        expectRefusal(.unsuitable("keyid", "the key another is asked for")) {
            try other.sign(Self.request(), created: 1, expires: 2, with: Self.key)
        }
    }
}

extension SignatureKey {
    /// A new key that signs.
    static func fresh(_ algorithm: SignatureAlgorithm, id: String = "k") throws -> SignatureKey {
        switch algorithm {
        case .hmacSHA256, .hmacSHA512:
            try SignatureKey(id: id, secret: SystemRandom.bytes(32), algorithm: algorithm)
        case .ecdsaP256SHA256: try SignatureKey(id: id, .ecdsaPrivate(.generate(.p256)), algorithm: algorithm)
        case .ecdsaP384SHA384: try SignatureKey(id: id, .ecdsaPrivate(.generate(.p384)), algorithm: algorithm)
        case .ed25519: try SignatureKey(id: id, .ed25519Private(.generate()), algorithm: algorithm)
        default: try SignatureKey(id: id, .rsaPrivate(.generate()), algorithm: algorithm)
        }
    }
}
