import GatehouseJSON
import GatehouseMessages
import GatehouseTestSupport
import HTTPSignatures
import HTTPTypes
import Hummingbird
import Logging
import Synchronization
import Testing

@testable import GatehouseAuth

/// The two ways to sign, and the two places of the older one.
enum Way: CaseIterable {
    case cavage, cavageInSignature, message

    /// Signs with a time of making, in Unix seconds.
    func sign(_ request: inout SignedRequest, with key: SignatureKey, at now: Int64 = TestTime.start) throws {
        switch self {
        case .cavage: try request.signCavage(with: key)
        case .cavageInSignature: try request.signCavage(form: .signature, with: key)
        case .message: try request.signMessage(parameters: SignatureParameters(created: now), with: key)
        }
    }
}

/// A key of a program, and what can be changed about the rules.
struct Signed: Sendable {
    static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

    struct Broken: Error {}

    var scheme = "https"
    var families = Set(SignatureFamily.allCases)
    var policy = SignaturePolicy()
    var readsMayRepeat = true
    let time = TestTime()
    var replay: ReplayCheck?
    var keys: @Sendable (String) async throws -> [SignatureKey] = { id in id == "k" ? [try key()] : [] }
    var owner: @Sendable (String) async throws -> KeyOwner? = { id in
        KeyOwner(subject: "owner of \(id)", scope: ["staff"], context: 7)
    }

    static func key(
        _ id: String = "k", secret: [UInt8] = secret, _ algorithm: SignatureAlgorithm = .hmacSHA256
    ) throws -> SignatureKey { try SignatureKey(id: id, secret: secret, algorithm: algorithm) }

    var rules: SignatureRules {
        SignatureRules(
            scheme: scheme, families: families, policy: policy,
            replay: replay ?? .inMemory(maximumCount: 1000, nowSeconds: { time.unixSeconds }),
            readsMayRepeat: readsMayRepeat, nowSeconds: { time.unixSeconds }, keys: keys, owner: owner)
    }

    /// `/page` says who calls and what was sent, `/staff` and `/admin` want a scope, `/either` takes tokens too; before
    /// `/bare` the middleware was forgotten.
    func serve<Value: Sendable>(
        tokens: TokenRules? = nil, logger: Logger = quiet, _ body: @Sendable @escaping (UInt16) async throws -> Value
    ) async throws -> Value {
        let router = Router(context: SmallContext.self)
        let rules = rules
        let page = router.group("page").authorize(rules)
        for method in [.get, .post, .put, .patch, .delete] as [HTTPRequest.Method] {
            page.on("", method: method) { request, context in
                let text = String(buffer: try await request.body.collect(upTo: .max))
                guard case .signature(let keyID, let owner) = context.caller.credential else { return "a token" }
                return "\(keyID), \(context.caller.subject), \(owner.context as? Int ?? 0): \(text)"
            }
        }
        page.head { _, _ in "" }
        router.group("staff").authorize(rules, requiring: "staff").post { _, context in context.caller.subject }
        router.group("admin").authorize(rules, requiring: "admin").post { _, context in context.caller.subject }
        if let tokens {
            router.group("either").authorize(tokens, or: rules).get { _, context in context.caller.subject }
        }
        router.group("bare").group(context: SignedInContext<SmallContext>.self).get { _, context in
            context.caller.subject
        }
        return try await AuthTests.serve(router, logger: logger, body)
    }
}

/// An app that takes bodies of 1000 octets.
struct SmallContext: CallerRequestContext {
    var coreContext: CoreRequestContextStorage
    var caller: Caller?
    var maxUploadSize: Int { 1000 }
    init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
}

@Suite("A server that requires a signature", .timeLimit(.minutes(1)))
struct SignatureRulesTests {
    private func request(
        _ method: String = "GET", _ target: String = "/page?a=1&b=%20", body: String? = nil,
        at now: Int64 = TestTime.start
    ) -> SignedRequest { SignedRequest(method, target, body: body, now: now) }

    private func signed(
        _ method: String = "GET", _ target: String? = nil, body: String? = nil, _ way: Way = .cavage,
        at now: Int64 = TestTime.start, with key: SignatureKey? = nil
    ) throws -> SignedRequest {
        var request = request(method, target ?? "/page?a=1&b=%20", body: body, at: now)
        try way.sign(&request, with: try key ?? Signed.key(), at: now)
        return request
    }

    private func signed(
        _ way: Way, at now: Int64 = TestTime.start, with key: SignatureKey? = nil
    ) throws -> SignedRequest { try signed("GET", nil, way, at: now, with: key) }

    @Test(
        "a good signature lets its maker in, and the handler knows the key, its owner and the body",
        arguments: Way.allCases)
    func good(way: Way) async throws {
        let requests = [
            ("", try signed(way)), ("octets", try signed("POST", body: "octets", way)),
            ("", try signed("POST", body: "", way)), ("octets", try signed("PUT", body: "octets", way)),
            ("octets", try signed("PATCH", body: "octets", way)), ("", try signed("DELETE", nil, way)),
            ("octets", try signed("DELETE", body: "octets", way)),
        ]
        try await Signed().serve { port async throws in
            for (text, request) in requests {
                let answer = try await request.send(port: port)
                #expect(answer.status == 200 && answer.body == "k, owner of k, 7: \(text)", "\(request.method)")
            }
            #expect(try await signed("HEAD", nil, way).send(port: port).status == 200)
        }
    }

    @Test("a stranger is denied access as by Flask-Cavage, and told what to sign in either way")
    func stranger() async throws {
        try await Signed().serve { port async throws in
            let get = try await request().send(port: port)
            #expect(get.outcome == "401 signature_missing")
            #expect(get.body == #"{"message":"Access Denied"}"#)
            #expect(get["Content-Type"] == ["application/json"])
            #expect(get["Cache-Control"] == ["no-store"])
            #expect(
                get["WWW-Authenticate"]
                    == [#"Signature realm="HTTP-Signatures",headers="(request-target) host date""#])
            #expect(get["Accept-Signature"] == [#"sig1=("@method" "@authority" "@path" "@query");created"#])
            for method in ["POST", "PUT", "PATCH"] {
                let answer = try await request(method, body: "").send(port: port)
                #expect(
                    answer["WWW-Authenticate"] == [
                        "Signature realm=\"HTTP-Signatures\",headers=\"(request-target) host date content-length "
                            + "content-type digest\""
                    ])
                #expect(
                    answer["Accept-Signature"]
                        == [#"sig1=("@method" "@authority" "@path" "@query" "content-digest");created"#])
            }
            let delete = try await request("DELETE", body: "octets").send(port: port)
            #expect(
                delete["WWW-Authenticate"]
                    == [#"Signature realm="HTTP-Signatures",headers="(request-target) host date digest""#])
            let head = try await request("HEAD").send(port: port)
            #expect(head.outcome == "401 signature_missing" && head.body.isEmpty)
            var basic = request()
            basic["Authorization"] = "Basic YTpi"
            #expect(try await basic.send(port: port).outcome == "401 signature_missing")
        }
    }

    @Test(
        "a request that was changed after it was signed is denied, and only the log says why", arguments: Way.allCases)
    func tampered(way: Way) async throws {
        let changes: [(what: String, change: @Sendable (inout SignedRequest) -> Void)] = [
            // The router finds the same handler for both paths.
            ("method", { $0.method = "PUT" }), ("path", { $0.target = "/page/?a=1&b=%20" }),
            ("query", { $0.target = "/page?a=2&b=%20" }), ("escape", { $0.target = "/page?a=1&b=+" }),
            ("no query", { $0.target = "/page" }), ("host", { $0["Host"] = "b.test" }),
            ("body", { $0.body = "Octets" }),
            (
                "digest",
                {
                    $0["Digest"] = BodyDigest.digest.value(of: [])
                    $0["Content-Digest"] = BodyDigest.contentDigest.value(of: [])
                }
            ),
            (
                "digest and body",
                {
                    $0.body = "Octets"
                    $0["Digest"] = BodyDigest.digest.value(of: Array("Octets".utf8))
                    $0["Content-Digest"] = BodyDigest.contentDigest.value(of: Array("Octets".utf8))
                }
            ),
            ("no signature", { $0[way == .cavage ? "Authorization" : "Signature"] = "" }),
        ]
        let ofCavage: [(what: String, change: @Sendable (inout SignedRequest) -> Void)] = [
            ("date", { $0["Date"] = HTTPDate.text(TestTime.start + 1) }), ("type", { $0["Content-Type"] = "a/b" }),
            (
                "length",
                {
                    $0["Content-Length"] = "5"
                    $0.body = "octet"
                }
            ),
        ]
        let good = try signed("POST", body: "octets", way)
        try await Signed().serve { port async throws in
            for (what, change) in changes + (way == .message ? [] : ofCavage) {
                var request = good
                change(&request)
                let answer = try await request.send(port: port)
                #expect(answer.status == 401, "\(what)")
                #expect(answer["Error-Code"].first?.hasPrefix("signature_") == true, "\(what)")
                #expect(answer.body == #"{"message":"Access Denied"}"#, "\(what)")
            }
            #expect(try await good.send(port: port).status == 200, "nothing of that used it up")
        }
    }

    @Test("the signature itself is checked whole, with the algorithm of the key and no other", arguments: Way.allCases)
    func signature(way: Way) async throws {
        let wrong = try Signed.key(secret: Array(Signed.secret.reversed()))
        let other = try Signed.key("k", .hmacSHA512)
        try await Signed().serve { port async throws in
            #expect(try await signed(way, with: wrong).send(port: port).outcome == "401 signature_invalid")
            #expect(try await signed(way, with: other).send(port: port).outcome == "401 signature_invalid")
            var named = try signed(way)
            for (name, value) in named.lines {
                guard name == "Authorization" || name == "Signature" else { continue }
                named[name] = value.replacing("hmac-sha256", with: "rsa-sha256")
            }
            if way != .message { #expect(try await named.send(port: port).outcome == "401 signature_invalid") }
            var odd = request()
            try odd.signMessage(
                parameters: SignatureParameters(created: TestTime.start, algorithm: "hmac-sha256"),
                with: try Signed.key())
            #expect(try await odd.send(port: port).status == 200)
            odd["Signature-Input"] = odd["Signature-Input"]?.replacing("hmac-sha256", with: "ed25519")
            #expect(try await odd.send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("each thing that has to be covered has to be covered")
    func coverage() async throws {
        try await Signed().serve { port async throws in
            for (method, body) in [("GET", nil), ("POST", "octets"), ("DELETE", "octets")] as [(String, String?)] {
                let headers = SignaturePolicy().requiredHeaders(method: method, readsBody: body != nil)
                for left in headers {
                    var request = request(method, body: body)
                    try request.signCavage(covering: headers.filter { $0 != left }, with: try Signed.key())
                    let answer = try await request.send(port: port)
                    #expect(answer.outcome == "401 signature_invalid", "\(method) \(left)")
                }
                let components = SignaturePolicy().requiredComponents(hasContent: body != nil)
                for left in components {
                    var request = request(method, body: body)
                    try request.signMessage(
                        covering: components.filter { $0 != left },
                        parameters: SignatureParameters(created: TestTime.start), with: try Signed.key())
                    let answer = try await request.send(port: port)
                    #expect(answer.outcome == "401 signature_invalid", "\(method) \(left)")
                }
            }
            var timeless = request()
            try timeless.signMessage(parameters: SignatureParameters(), with: try Signed.key())
            #expect(try await timeless.send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("a body that was not covered is not let through, nor taken away, nor handed on to a handler of GET")
    func bodies() async throws {
        try await Signed().serve { port async throws in
            var added = try signed("DELETE")
            added.body = "octets"
            added["Content-Length"] = "6"
            #expect(try await added.send(port: port).outcome == "401 signature_invalid")
            var taken = try signed("DELETE", body: "octets")
            taken.body = ""
            taken["Content-Length"] = "0"
            #expect(try await taken.send(port: port).outcome == "401 signature_invalid")
            var chunked = try signed("DELETE")
            chunked["Transfer-Encoding"] = "chunked"
            chunked.body = "6\r\noctets\r\n0\r\n\r\n"
            #expect(try await chunked.send(port: port).outcome == "401 signature_invalid")
            var get = try signed()
            get.body = "octets"
            get["Content-Length"] = "6"
            #expect(try await get.send(port: port).body == "k, owner of k, 7: ")
            var digested = request(body: "octets")
            try digested.signCavage(covering: ["(request-target)", "host", "date", "digest"], with: try Signed.key())
            #expect(try await digested.send(port: port).body == "k, owner of k, 7: ")
            digested.body = "Octets"
            #expect(try await digested.send(port: port).outcome == "401 signature_invalid", "covered, so compared")
        }
    }

    @Test("a body over the app's limit is 413 for who signed it, and not even read of a stranger")
    func longBodies() async throws {
        let long = String(repeating: "x", count: 1001)
        let wrong = try Signed.key(secret: Array(Signed.secret.reversed()))
        try await Signed().serve { port async throws in
            #expect(try await signed("POST", body: String(long.dropLast())).send(port: port).status == 200)
            #expect(try await signed("POST", body: long).send(port: port).status == 413)
            #expect(
                try await signed("POST", body: long, with: wrong).send(port: port).outcome == "401 signature_invalid")
            #expect(try await request("POST", body: long).send(port: port).outcome == "401 signature_missing")
        }
    }

    @Test("a signature counts within the window of its time, either way, and until it expires", arguments: Way.allCases)
    func freshness(way: Way) async throws {
        let app = Signed()
        try await app.serve { port async throws in
            let start = TestTime.start
            for (offset, outcome) in [
                (-301, "401 signature_stale"), (-300, "200"), (300, "200"), (301, "401 signature_stale"),
            ] as [(Int64, String)] {
                #expect(try await signed(way, at: start + offset).send(port: port).outcome == outcome, "\(offset)")
            }
            var short = request()
            if way == .message {
                try short.signMessage(
                    parameters: SignatureParameters(created: start, expires: start + 5), with: try Signed.key())
            } else {
                try short.signCavage(expires: start + 5, with: try Signed.key())
            }
            app.time.advance(.seconds(5))
            #expect(try await short.send(port: port).status == 200)
            app.time.advance(.seconds(1))
            #expect(try await short.send(port: port).outcome == "401 signature_stale")
        }
    }

    @Test(
        "a key that nobody knows, or another one than was asked for, is denied like a wrong signature",
        arguments: Way.allCases)
    func unknownKeys(way: Way) async throws {
        var app = Signed()
        // As a store that finds without regard to case.
        app.keys = { id in try ["k", "é"].filter { $0 == id.lowercased() }.map { try Signed.key($0) } }
        try await app.serve { port async throws in
            #expect(try await signed(way).send(port: port).status == 200)
            for id in ["x", "K", "k "] {
                let answer = try await signed(way, with: try Signed.key(id)).send(port: port)
                #expect(answer.outcome == "401 signature_invalid", "\(id)")
                #expect(answer.body == #"{"message":"Access Denied"}"#)
            }
            // Canonically equal, and other octets.
            if way != .message {
                let answer = try await signed(way, with: try Signed.key("e\u{301}")).send(port: port)
                #expect(answer.outcome == "401 signature_invalid")
            }
        }
        var nameless = request()
        try nameless.signMessage(
            parameters: SignatureParameters(created: TestTime.start, keyID: "k"), with: try Signed.key())
        nameless["Signature-Input"] = nameless["Signature-Input"]?.replacing(";keyid=\"k\"", with: "")
        let without = nameless
        try await app.serve { port async throws in
            #expect(try await without.send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("the time of the answer does not tell whether there is an HMAC key of an id")
    func decoy() async throws {
        let rules = Signed().rules
        func head(_ id: String, _ algorithm: SignatureAlgorithm) throws -> HTTPRequest {
            var signed = SignedRequest("GET", "/page", now: TestTime.start)
            // Long, so that what is signed takes longer than all else.
            signed["X-Long"] = String(repeating: "x", count: 30_000)
            try signed.signCavage(
                covering: ["(request-target)", "host", "date", "x-long"],
                with: try Signed.key(id, secret: Array(Signed.secret.reversed()), algorithm))
            var fields: HTTPFields = [:]
            for (name, value) in signed.lines where name != "Host" {
                fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
            }
            return HTTPRequest(method: .get, scheme: "http", authority: "app.test", path: "/page", headerFields: fields)
        }
        let heads = [try head("k", .hmacSHA256), try head("x", .hmacSHA256), try head("x", .hmacSHA512)]
        var fastest = [Duration](repeating: .seconds(60), count: heads.count)
        // In turns, so that whatever else this machine does slows all of them.
        for _ in 0..<60 {
            for (index, head) in heads.enumerated() {
                var request = Request(head: head, body: RequestBody(buffer: .init()))
                let start = ContinuousClock.now
                await #expect(throws: AuthorizationError.self) {
                    try await rules.caller(of: &request, requiring: [], maxUploadSize: 0, logger: quiet)
                }
                fastest[index] = min(fastest[index], start.duration(to: .now))
            }
        }
        // Without its HMAC the answer takes a sixth.
        #expect(fastest[1] > fastest[0] * 0.4 && fastest[2] > fastest[0] * 0.4, "\(fastest)")
    }

    @Test("while a secret is exchanged for another both count, and each key by its own algorithm")
    func rotation() async throws {
        var app = Signed()
        let (old, new) = (try Signed.key(), try Signed.key(secret: Array(Signed.secret.reversed()), .hmacSHA512))
        app.keys = { _ in [old, new] }
        try await app.serve { port async throws in
            #expect(try await signed(with: old).send(port: port).status == 200)
            #expect(try await signed(with: new).send(port: port).status == 200)
            let third = try Signed.key(secret: Array(repeating: 7, count: 32))
            #expect(try await signed(with: third).send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("a public key of another kind is no secret, and one of its own kind verifies")
    func publicKeys() async throws {
        let vectors = try JSONValue(parsing: Array(try TestFiles.vector("rfc9421_keys.json")))
        let published = try #require(vectors["keys"]?["test-key-ecc-p256"])
        let pem = Array(try #require(published["public_pem"]?.string).utf8)
        let pair = Array(try #require(published["private_pem"]?.string).utf8)
        var app = Signed()
        app.keys = { id in [try SignatureKey(id: id, pem: pem, algorithm: .ecdsaP256SHA256)] }
        let own = try SignatureKey(id: "k", pem: pair, algorithm: .ecdsaP256SHA256)
        let confused = try SignatureKey(id: "k", secret: pem, algorithm: .hmacSHA256)
        try await app.serve { port async throws in
            for way in Way.allCases {
                #expect(try await signed(way, with: own).send(port: port).status == 200)
                #expect(try await signed(way, with: confused).send(port: port).outcome == "401 signature_invalid")
            }
        }
    }

    @Test("two credentials in one request are none")
    func twoCredentials() async throws {
        var app = Signed()
        app.keys = { id in ["k", "l"].contains(id) ? [try Signed.key(id)] : [] }
        let parameters = SignatureParameters(created: TestTime.start)
        try await app.serve { port async throws in
            for way in Way.allCases {
                for line in ["Bearer abc", "Basic YTpi", "Signaturex a"] {
                    var request = try signed(way)
                    request.lines.append(("Authorization", line))
                    #expect(try await request.send(port: port).outcome == "401 signature_invalid", "\(way) \(line)")
                }
                var both = try signed(way)
                try (way == .message ? Way.cavage : .message).sign(&both, with: try Signed.key())
                #expect(try await both.send(port: port).outcome == "401 signature_invalid")
            }
            var twice = try signed()
            try twice.signCavage(form: .signature, with: try Signed.key())
            #expect(try await twice.send(port: port).outcome == "401 signature_invalid")
            var known = try signed(.message)
            try known.signMessage(parameters: parameters, label: "sig2", with: try Signed.key("l"))
            #expect(try await known.send(port: port).outcome == "401 signature_invalid", "by two keys")
            // A proxy may add one of its own.
            var proxied = try signed(.message)
            try proxied.signMessage(parameters: parameters, label: "proxy", with: try Signed.key("x"))
            #expect(try await proxied.send(port: port).status == 200)
        }
    }

    @Test("a request has to name one host, and the one that it names is the one that was signed")
    func hosts() async throws {
        try await Signed().serve { port async throws in
            for way in Way.allCases {
                let good = try signed(way)
                for host in ["app.test", "b.test"] {
                    for index in [0, 1, good.lines.count] {
                        var request = good
                        request.lines.insert(("Host", host), at: index)
                        let answer = try await request.send(port: port)
                        #expect(answer.outcome == "401 signature_invalid", "\(way) \(host) \(index)")
                    }
                }
                var none = good
                none["Host"] = nil
                #expect(try await none.send(port: port).outcome == "401 signature_invalid")
            }
            // Neither NIO's HTTP types nor the handler see the host of such a target: Host counts.
            var absolute = try signed(.cavage)
            absolute.target = "http://b.test" + absolute.target
            #expect(try await absolute.send(port: port).status == 200)
            absolute["Host"] = "b.test"
            #expect(try await absolute.send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("the scheme is what the rules say, and not what the server speaks")
    func scheme() async throws {
        let covering = ["@method", "@target-uri", "@scheme"]
        for scheme in ["https", "http"] {
            var app = Signed()
            app.scheme = scheme
            try await app.serve { port async throws in
                for signedFor in ["https", "http"] {
                    var request = request()
                    try request.signMessage(
                        covering: covering, parameters: SignatureParameters(created: TestTime.start),
                        scheme: signedFor, with: try Signed.key())
                    #expect((try await request.send(port: port).status == 200) == (scheme == signedFor))
                }
            }
        }
    }

    @Test(
        "a signed POST or DELETE counts once, also of 16 at the same moment",
        arguments: Way.allCases)
    func replay(way: Way) async throws {
        try await Signed().serve { port async throws in
            for body in ["one", "two"] {
                let request = try signed("POST", body: body, way)
                let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<16 { group.addTask { try await request.send(port: port).outcome } }
                    return try await group.reduce(into: [String]()) { $0.append($1) }
                }
                #expect(outcomes.count { $0 == "200" } == 1)
                #expect(outcomes.count { $0 == "401 signature_invalid" } == 15)
            }
            let delete = try signed("DELETE", nil, way)
            #expect(try await delete.send(port: port).status == 200)
            #expect(try await delete.send(port: port).outcome == "401 signature_invalid")
        }
    }

    @Test("a GET without a nonce may come twice where the rules say so, and nowhere else", arguments: Way.allCases)
    func reads(way: Way) async throws {
        var strict = Signed()
        strict.readsMayRepeat = false
        let get = try signed(way)
        let head = try signed("HEAD", nil, way)
        var nonced = request()
        try nonced.signMessage(
            parameters: SignatureParameters(created: TestTime.start, nonce: "n"), with: try Signed.key())
        let withNonce = nonced
        try await Signed().serve { port async throws in
            for _ in 0..<2 {
                #expect(try await get.send(port: port).status == 200)
                #expect(try await head.send(port: port).status == 200)
            }
            #expect(try await withNonce.send(port: port).status == 200)
            #expect(try await withNonce.send(port: port).outcome == "401 signature_invalid")
        }
        try await strict.serve { port async throws in
            for request in [get, head] {
                #expect(try await request.send(port: port).status == 200)
                #expect(try await request.send(port: port).outcome == "401 signature_invalid")
            }
        }
    }

    @Test("the replay check hears of a request only when all else was good, once, and until when to remember it")
    func replayIsLast() async throws {
        var app = Signed()
        let heard = Mutex<[(count: Int, until: Int64)]>([])
        app.replay = ReplayCheck { identity, until in
            heard.withLock { $0.append((identity.count, until)) }
            return true
        }
        app.owner = { id in id == "k" ? KeyOwner(subject: "alice", scope: ["staff"]) : nil }
        app.keys = { id in ["k", "gone"].contains(id) ? [try Signed.key(id)] : [] }
        try await app.serve { port async throws in
            var bad: [SignedRequest] = [
                try signed("POST", "/admin", body: "octets"), try signed("POST", "/staff", body: "octets", at: 0),
                try signed("POST", "/staff", body: "octets", with: try Signed.key("gone")),
                try signed(
                    "POST", "/staff", body: "octets", with: try Signed.key(secret: Array(Signed.secret.reversed()))),
                try signed("POST", "/staff", body: "octets"),
            ]
            bad[4].body = "Octets"
            for request in bad { #expect([401, 403].contains(try await request.send(port: port).status)) }
            #expect(heard.withLock { $0.isEmpty })
            #expect(try await signed("POST", "/staff", body: "octets").send(port: port).body == "alice")
            #expect(heard.withLock { $0.map(\.count) } == [32])
            #expect(heard.withLock { $0.map(\.until) } == [TestTime.start + 300])
        }
    }

    @Test("when a closure of the app throws nobody is let through, and Retry-After says when to come again")
    func closuresThrow() async throws {
        let failures: [(error: any Error, seconds: String)] = [
            (KeysUnavailable(retryAfter: .milliseconds(2100)), "3"), (Signed.Broken(), "5"), (CancellationError(), "5"),
        ]
        for (error, seconds) in failures {
            var apps = [Signed(), Signed(), Signed()]
            apps[0].keys = { _ in throw error }
            apps[1].owner = { _ in throw error }
            apps[2].replay = ReplayCheck { _, _ in throw error }
            for app in apps {
                try await app.serve { port async throws in
                    let answer = try await signed("POST", body: "octets").send(port: port)
                    #expect(answer.outcome == "503 signatures_unavailable")
                    #expect(answer["Retry-After"] == [seconds] && answer["WWW-Authenticate"].isEmpty)
                }
            }
        }
    }

    @Test("a key whose owner does not count any more is denied, and without a scope that is required it is 403")
    func owners() async throws {
        var app = Signed()
        app.keys = { id in [try Signed.key(id)] }
        app.owner = { id in id == "gone" ? nil : KeyOwner(subject: id, scope: id == "boss" ? ["admin"] : ["Admin"]) }
        try await app.serve { port async throws in
            #expect(try await signed(with: try Signed.key("gone")).send(port: port).outcome == "401 signature_invalid")
            func admin(_ id: String) async throws -> RawAnswer {
                try await signed("POST", "/admin", body: "", with: try Signed.key(id)).send(port: port)
            }
            #expect(try await admin("boss").body == "boss")
            let refused = try await admin("k")
            #expect(refused.outcome == "403 insufficient_scope" && refused["WWW-Authenticate"].isEmpty)
        }
    }

    @Test("a group for known callers lets nobody in when the middleware before it was forgotten")
    func forgotten() async throws {
        try await Signed().serve { port async throws in
            #expect(try await signed("GET", "/bare").send(port: port).outcome == "401 authentication_required")
        }
    }

    @Test("a route can take a token or a signature, and says so to who brings neither")
    func either() async throws {
        let key = try TestKey()
        let tokens = TokenRules(try .fixed(jwkSet: Array(jwkSet(key.published).utf8)), at: TestTime())
        try await Signed().serve(tokens: tokens) { port async throws in
            for way in Way.allCases {
                #expect(try await signed("GET", "/either", way).send(port: port).body == "owner of k")
            }
            var bearer = request("GET", "/either")
            bearer["Authorization"] = "Bearer \(try key.token())"
            #expect(try await bearer.send(port: port).body == "alice")
            // Of a proxy, perhaps: the token decides.
            try bearer.signMessage(parameters: SignatureParameters(created: 0), with: try Signed.key())
            #expect(try await bearer.send(port: port).body == "alice")
            bearer["Authorization"] = "Bearer x"
            let offers = [
                #"Bearer realm="notes""#, #"Signature realm="HTTP-Signatures",headers="(request-target) host date""#,
            ]
            let wrong = try await bearer.send(port: port)
            #expect(wrong.outcome == "401 invalid_token")
            #expect(wrong["WWW-Authenticate"] == [offers[0] + #", error="invalid_token""#, offers[1]])
            let none = try await request("GET", "/either").send(port: port)
            #expect(none.outcome == "401 authentication_required")
            #expect(none["WWW-Authenticate"] == offers && none["Accept-Signature"].count == 1)
            let stale = try await signed("GET", "/either", at: 0).send(port: port)
            #expect(stale.outcome == "401 signature_stale")
            #expect(stale["WWW-Authenticate"] == offers)
            #expect(
                stale.body == #"{"title":"\#(Problem.signatureStale.title)","status":401,"code":"signature_stale"}"#)
        }
    }

    @Test("a way to sign that the rules leave out is none, and is not asked for")
    func families() async throws {
        var cavage = Signed()
        cavage.families = [.cavage]
        var message = Signed()
        message.families = [.message]
        try await cavage.serve { port async throws in
            #expect(try await signed(.cavage).send(port: port).status == 200)
            let answer = try await signed(.message).send(port: port)
            #expect(answer.outcome == "401 signature_missing" && answer["Accept-Signature"].isEmpty)
        }
        try await message.serve { port async throws in
            #expect(try await signed(.message).send(port: port).status == 200)
            let answer = try await signed(.cavage).send(port: port)
            #expect(answer.outcome == "401 signature_missing")
            #expect(answer["WWW-Authenticate"] == [#"Signature realm="HTTP-Signatures""#])
        }
    }

    @Test("a list like CAVAGE_VERIFIED_HEADERS replaces what has to be covered, and stands in the challenge")
    func verifiedHeaders() async throws {
        var app = Signed()
        app.policy = SignaturePolicy(verifiedHeaders: ["request-target", "Host", "date"])
        try await app.serve { port async throws in
            var request = request("POST", body: "octets")
            try request.signCavage(covering: ["(request-target)", "host", "date"], with: try Signed.key())
            #expect(try await request.send(port: port).status == 200)
            var less = self.request("POST", body: "octets")
            try less.signCavage(covering: ["(request-target)", "date"], with: try Signed.key())
            let answer = try await less.send(port: port)
            #expect(answer.outcome == "401 signature_invalid")
            #expect(
                answer["WWW-Authenticate"]
                    == [#"Signature realm="HTTP-Signatures",headers="(request-target) host date""#])
        }
    }

    @Test("the log says why at the level debug, what was signed at the level trace, and neither above")
    func log() async throws {
        for (level, expected) in [
            (Logger.Level.info, []), (.debug, ["signature refused"]),
            (.trace, ["signature refused", "checked against"]),
        ] {
            let lines = Mutex<[(message: String, metadata: String)]>([])
            let logger = Logger(label: "tests") { _ in
                RecordingHandler(logLevel: level) { message, metadata in
                    lines.withLock { $0.append((message, metadata)) }
                }
            }
            try await Signed().serve(logger: logger) { port async throws in
                var request = try signed()
                request["Date"] = HTTPDate.text(TestTime.start + 1)
                _ = try await request.send(port: port)
            }
            let ours = lines.withLock { $0.filter { ["signature refused", "checked against"].contains($0.message) } }
            #expect(ours.map(\.message) == expected)
            #expect(ours.allSatisfy { $0.metadata.contains("did not make this") || $0.metadata.contains("host: app") })
        }
    }

    private struct RecordingHandler: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level
        let record: @Sendable (String, String) -> Void

        init(logLevel: Logger.Level, _ record: @escaping @Sendable (String, String) -> Void) {
            self.logLevel = logLevel
            self.record = record
        }

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { record("\(event.message)", "\(event.metadata ?? [:])") }
    }
}

@Suite("What was accepted, remembered in memory")
struct ReplayCheckTests {
    private let time = TestTime()

    private func check(_ maximumCount: Int) -> ReplayCheck {
        .inMemory(maximumCount: maximumCount, nowSeconds: { time.unixSeconds })
    }

    @Test("an identity is new once, through the last second of its time")
    func once() async throws {
        let check = check(10)
        let end = TestTime.start + 5
        #expect(try await check.isNew([1], end))
        #expect(try await check.isNew([2], end))
        time.advance(.seconds(5))
        #expect(try await !check.isNew([1], end))
        time.advance(.seconds(1))
        #expect(try await !check.isNew([1], end), "over")
        #expect(try await !check.isNew([3], end), "over before it was asked for")
        #expect(try await check.isNew([1], end + 1), "the same again, with a time of its own")
    }

    @Test("none is forgotten before its time to make room, and there is room again after it")
    func bounded() async throws {
        let check = check(2)
        #expect(try await check.isNew([1], TestTime.start + 5))
        #expect(try await check.isNew([2], TestTime.start + 9))
        await #expect(throws: (any Error).self) { try await check.isNew([3], TestTime.start + 9) }
        #expect(try await !check.isNew([1], TestTime.start + 5))
        time.advance(.seconds(5))
        await #expect(throws: (any Error).self) { try await check.isNew([3], TestTime.start + 9) }
        time.advance(.seconds(1))
        #expect(try await check.isNew([3], TestTime.start + 9))
        #expect(try await !check.isNew([2], TestTime.start + 9))
        await #expect(throws: (any Error).self) { try await check.isNew([4], TestTime.start + 9) }
    }
}
