import GatehouseClient
import GatehouseCryptography
import HTTPSignatures
import Testing

@Suite("Signed requests")
struct SigningTests {
    private func client(
        _ policy: SigningPolicy, clock: TestClock = TestClock(), _ transport: ScriptedTransport
    ) throws(GatehouseError) -> Gatehouse {
        try .scripted(credential: .signature(policy), clock: clock, transport)
    }

    private static let date = "Fri, 15 Jan 2027 08:00:00 GMT"

    // MARK: What goes out

    @Test("draft-cavage: a GET covers target, host, date and a nonce of its own")
    func cavageGet() async throws {
        let transport = ScriptedTransport { _ in .json("[]") }
        _ = try await client(.cavage(.shared()), transport).addresses(of: "a$b.test")
        let request = try #require(transport.requests.first)
        #expect(transport.requests.count == 1, "nothing is signed in to")
        #expect(request.names == ["Accept", "Host", "Date", "Signature-Nonce", "Authorization"])
        #expect(request.header("Host") == "id.example.org" && request.header("Date") == Self.date)
        let authorization = try #require(request.header("Authorization"))
        let nonce = try #require(request.header("Signature-Nonce"))
        let line = "Signature keyId=\"access_key_1\",algorithm=\"hmac-sha256\""
        #expect(authorization.hasPrefix("\(line),headers=\"(request-target) host date signature-nonce\",signature=\""))
        let string = """
            (request-target): get /v1/addresses?alias=a%24b.test
            host: id.example.org
            date: \(Self.date)
            signature-nonce: \(nonce)
            """
        let code = HMACKey(.sha256, secret: Array(String(repeating: "s3cr", count: 8).utf8)).code(
            for: Array(string.utf8))
        #expect(authorization.hasSuffix("signature=\"\(Base64.encode(code))\""))
    }

    @Test("draft-cavage: a body is covered with its length, type and digest")
    func cavagePut() async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        try await client(.cavage(.shared()), transport).setAddress("1A", type: .bitcoinP2PKH)
        let request = try #require(transport.requests.first)
        let body = try #require(request.body)
        #expect(request.header("Content-Length") == "\(body.count)")
        #expect(request.header("Digest") == "SHA-256=\(Base64.encode(Digest.sha256(body)))")
        let covered = "(request-target) host date content-length content-type digest signature-nonce"
        #expect(request.header("Authorization")?.contains("headers=\"\(covered)\"") == true)
        try Receiver(key: .shared()).accept(request)
    }

    @Test("RFC 9421: method, authority, path, query, when, a nonce, and the digest of a body")
    func rfc9421() async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        let gatehouse = try client(.rfc9421(.shared(), tag: "app"), transport)
        _ = try await gatehouse.send("GET", "/a?b=c")
        try await gatehouse.setAddress("1A", type: .bitcoinP2PKH)
        let get = try #require(transport.requests.first)
        #expect(get.names == ["Host", "Signature-Input", "Signature"])
        let input = try #require(get.header("Signature-Input"))
        #expect(input.hasPrefix("sig1=(\"@method\" \"@authority\" \"@path\" \"@query\");created=1800000000;nonce=\""))
        #expect(input.hasSuffix("\";keyid=\"access_key_1\";tag=\"app\""))
        let put = try #require(transport.requests.last)
        #expect(put.names == ["Accept", "Content-Type", "Host", "Content-Digest", "Signature-Input", "Signature"])
        #expect(put.header("Signature-Input")?.contains("\"@query\" \"content-digest\");created=") == true)
        for request in transport.requests { try Receiver(key: .shared()).accept(request) }
    }

    @Test(
        "every method, with and without a body, is what a receiver wants",
        arguments: SigningPolicy.families, ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH", "REPORT"])
    func methods(family: String, method: String) async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        let gatehouse = try client(.of(family, .shared()), transport)
        let types = [("Content-Type", "text/plain"), ("X-Other", "1")]
        for target in ["/", "/a%20b/%C3%A4?x=%3F&y", "/?", "//x/../y"] {
            _ = try await gatehouse.send(method, target)
            if method != "HEAD" {
                _ = try await gatehouse.send(method, target, headers: types, body: .octets([]))
                _ = try await gatehouse.send(method, target, headers: types, body: .octets(Array("some".utf8)))
            }
        }
        for request in transport.requests {
            try Receiver(key: .shared()).accept(request)
            #expect(!request.mayBeRepeated)
        }
        #expect(transport.requests.count == (method == "HEAD" ? 4 : 12))
    }

    @Test("each algorithm", arguments: SigningPolicy.families, SignatureAlgorithm.allCases.map(\.rawValue))
    func algorithms(family: String, name: String) async throws {
        let key = try SignatureKey.fresh(#require(SignatureAlgorithm(rawValue: name)))
        let transport = ScriptedTransport { _ in .json("{}") }
        try await client(.of(family, key), transport).setAddress("1A", type: .nano)
        try Receiver(key: key).accept(try #require(transport.requests.first))
    }

    @Test("the port that the scheme means is not part of the host, another is")
    func host() async throws {
        for (server, host) in [
            ("https://ID.example.org:443", "id.example.org"), ("https://a.test:8443", "a.test:8443"),
        ] {
            let transport = ScriptedTransport { _ in .json("{}") }
            let gatehouse = try Gatehouse(
                server: server, credential: .signature(.rfc9421(.shared())), transport: transport,
                clock: TestClock().wall)
            _ = try await gatehouse.send("GET", "/")
            #expect(transport.requests.first?.header("Host") == host)
            try Receiver(key: .shared()).accept(try #require(transport.requests.first))
        }
    }

    @Test("the field Signature carries it when it shall, with other fields and times covered")
    func form() async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        let covering = ["(created)", "(expires)", "X-Tenant", "x-absent"]
        let gatehouse = try client(.cavage(.shared(), form: .signature, covering: covering), transport)
        _ = try await gatehouse.send("GET", "/", headers: [("X-Tenant", "7")])
        let request = try #require(transport.requests.first)
        #expect(request.header("Authorization") == nil)
        let value = try #require(request.header("Signature"))
        #expect(value.contains("algorithm=\"hs2019\",created=1800000000,expires=1800000300,"))
        #expect(value.contains("date signature-nonce (created) (expires) x-tenant\""))
        try Receiver(key: .shared()).accept(request)
    }

    @Test("Flask-Cavage checks decoded paths, and the query of GET, HEAD and DELETE only")
    func flaskCavage() async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        let gatehouse = try client(.cavage(.shared(), pathHandling: .flaskCavage), transport)
        for (method, target, signed) in [
            ("GET", "/a%20b?x=%20", "get /a b?x=%20"), ("HEAD", "/a?x", "head /a?x"), ("DELETE", "/a?", "delete /a"),
            ("POST", "/a%2Fb?x=1", "post /a/b"), ("PUT", "/a?x", "put /a"), ("PATCH", "/a", "patch /a"),
            ("OPTIONS", "/a?x", "options /a"), ("GET", "/100%?x??", "get /100%?x"), ("GET", "/%+1%zz", "get /%+1%zz"),
        ] {
            let request = try await gatehouse.signed(method, target)
            #expect(request.signingString.lines.first?.octets == Array("(request-target): \(signed)".utf8))
            #expect(request.request.url == "https://id.example.org\(target)", "it is sent as it is")
        }
    }

    // MARK: What cannot be signed

    @Test("what cannot be signed or sent is said before anything goes out")
    func refused() async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        let publicKey = try SignatureKey(
            id: "k", .ed25519Public(Ed25519.PrivateKey.generate().publicKey), algorithm: .ed25519)
        for policy in [
            SigningPolicy.cavage(publicKey), .rfc9421(publicKey), .rfc9421(try .shared(), covering: ["@status"]),
            .rfc9421(try .shared(), covering: ["\"@query-param\";name=\"id\""]),
            .cavage(try .shared(), covering: ["(x)"]),
        ] {
            let error = await failure { () throws(GatehouseError) in
                try await client(policy, transport).addresses(of: "a")
            }
            guard case .invalidArgument = error else {
                Issue.record("\(policy): \(String(describing: error))")
                continue
            }
        }
        let gatehouse = try client(.cavage(.shared()), transport)
        for (method, target, header) in [
            ("GET", "x", ""), ("GET", "/a b", ""), ("GET", "/#", ""), ("G T", "/", ""), ("GET", "/", "Host"),
            ("GET", "/", "authorization"), ("GET", "/", "Date"), ("GET", "/", "Signature"), ("POST", "/", "digest"),
        ] {
            let error = await failure { () throws(GatehouseError) in
                try await gatehouse.send(method, target, headers: header.isEmpty ? [] : [(header, "x")])
            }
            guard case .invalidArgument = error else {
                Issue.record("\(method) \(target) \(header): \(String(describing: error))")
                continue
            }
        }
        #expect(transport.requests.isEmpty)
    }

    @Test("a secret of its own goes out as it is, without a signature")
    func domainSecret() async throws {
        let transport = ScriptedTransport { _ in .json("{}") }
        try await client(.cavage(.shared()), transport).createAlias("a$b.test", password: "p", by: .domainSecret("s"))
        #expect(transport.bearers == ["s"] && transport.requests.first?.header("Date") == nil)
    }

    @Test("a password is changed by the key, without signing in")
    func changePassword() async throws {
        let transport = ScriptedTransport { _ in TransportResponse(status: 204) }
        try await client(.rfc9421(.shared()), transport).changePassword(from: "a", to: "b")
        #expect(transport.calls == ["POST /api/password"])
    }

    // MARK: One of a kind

    @Test(
        "1000 equal requests in one second all count at a server that takes each signature once",
        arguments: SigningPolicy.families)
    func unique(family: String) async throws {
        let once = Receiver.Once(Receiver(key: try .shared()))
        let transport = ScriptedTransport { once.answer(to: $0) }
        let gatehouse = try client(.of(family, .shared()), transport)
        for _ in 0..<500 {
            _ = try await gatehouse.addresses(of: "a$b.test")
            try await gatehouse.setAddress("1A", type: .nano)
        }
        #expect(transport.requests.count == 1000)
        // The server does refuse what it has seen.
        #expect(once.answer(to: try #require(transport.requests.last)).status == 401)
    }

    @Test("an attempt after a lost answer is signed anew", arguments: SigningPolicy.families)
    func retry(family: String) async throws {
        let once = Receiver.Once(Receiver(key: try .shared(), now: Int64(TestClock.start)))
        let counter = Counter()
        let transport = ScriptedTransport { request throws(TransportFailure) in
            let answer = once.answer(to: request)
            guard counter.next() == 1 else { return answer }
            throw TransportFailure(.connectionLost, "as scripted", mayHaveArrived: true)
        }
        try await client(.of(family, .shared()), transport).setAddress("1A", type: .nano)
        #expect(transport.requests.count == 2)
    }

    @Test(
        "a request of one's own that may have done something is not sent twice", arguments: ["POST", "PATCH", "REPORT"])
    func notTwice(method: String) async throws {
        let transport = ScriptedTransport(answers: [
            .failure(TransportFailure(.connectionLost, "as scripted", mayHaveArrived: true))
        ])
        let gatehouse = try client(.cavage(.shared()), transport)
        let error = await failure { () throws(GatehouseError) in try await gatehouse.send(method, "/") }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(transport.requests.count == 1)
    }

    // MARK: The server's clock

    private static func stale(_ date: String) -> TransportResponse {
        .json("{}", status: 401, headers: [("Error-Code", "signature_stale"), ("Date", date)])
    }

    @Test(
        "a clock that is an hour off is corrected by the refusal, once, for whatever method",
        arguments: SigningPolicy.families)
    func staleClock(family: String) async throws {
        let receiver = Receiver(key: try .shared(), now: Int64(TestClock.start) + 3600)
        let transport = ScriptedTransport { request in
            do { try receiver.accept(request) } catch { return Self.stale("Fri, 15 Jan 2027 09:00:00 GMT") }
            return .json("{}")
        }
        let gatehouse = try client(.of(family, .shared()), transport)
        #expect(try await gatehouse.send("POST", "/", body: .octets([1])).status == 200)
        #expect(transport.requests.count == 2)
        try await gatehouse.setAddress("1A", type: .nano)
        #expect(transport.requests.count == 3, "what was learnt is used")
    }

    @Test("a server that goes on calling it stale is believed after one attempt, and at once when the clocks agree")
    func staleForEver() async throws {
        for (date, count) in [("Fri, 15 Jan 2027 09:00:00 GMT", 2), (Self.date, 1)] {
            let transport = ScriptedTransport { _ in Self.stale(date) }
            let gatehouse = try client(.cavage(.shared()), transport)
            let error = await failure { () throws(GatehouseError) in try await gatehouse.sessions() }
            #expect(error?.code == "signature_stale" && transport.requests.count == count)
        }
    }

    // MARK: What a server asks for

    private static func challenge(_ name: String, _ value: String) -> TransportResponse {
        .json("{}", status: 401, headers: [("WWW-Authenticate", "Bearer realm=\"x\""), (name, value)])
    }

    @Test("a challenge that wants more covered is met, as far as the request has it")
    func cavageChallenge() async throws {
        let transport = ScriptedTransport(answers: [
            .success(
                Self.challenge(
                    "WWW-Authenticate", #"signature realm="r",headers="(request-target) Host date x-tenant digest""#)),
            .success(.json("{}")),
        ])
        let answer = try await client(.cavage(.shared()), transport).send("GET", "/", headers: [("X-Tenant", "7")])
        #expect(answer.status == 200)
        let request = try #require(transport.requests.last)
        #expect(
            request.header("Authorization")?.contains("\"(request-target) host date signature-nonce x-tenant digest\"")
                == true)
        try Receiver(key: .shared()).accept(request)
    }

    @Test("Accept-Signature is met with its label, nonce and components, and ours are covered all the same")
    func acceptSignature() async throws {
        let transport = ScriptedTransport(answers: [
            .success(
                Self.challenge(
                    "Accept-Signature", #"mine=("@method" "@target-uri" "x-tenant");created;expires;nonce="n0";tag="t""#
                )),
            .success(.json("{}")),
        ])
        _ = try await client(.rfc9421(.shared()), transport).send("GET", "/", headers: [("X-Tenant", "7")])
        let request = try #require(transport.requests.last)
        #expect(
            request.header("Signature-Input")
                == #"mine=("@method" "@authority" "@path" "@query" "@target-uri" "x-tenant");created=1800000000;expires=1800000300;nonce="n0";keyid="access_key_1";tag="t""#
        )
        try Receiver(key: .shared()).accept(request)
    }

    @Test(
        "a challenge that wants nothing new, or what cannot be given, or another key, is a refusal",
        arguments: [
            ("WWW-Authenticate", #"Signature realm="r",headers="(request-target) host date""#),
            ("WWW-Authenticate", #"Signature realm="r",headers="date""#),
            ("WWW-Authenticate", #"Signature realm="r",headers="(request-target) x-unknown""#),
            ("WWW-Authenticate", #"Signature realm="r""#), ("WWW-Authenticate", "Basic"),
            ("Accept-Signature", #"sig1=("@method" "@authority" "@path" "@query");created"#),
            ("Accept-Signature", #"sig1=("@method");created"#), ("Accept-Signature", #"sig1=("x-unknown");created"#),
            ("Accept-Signature", #"sig1=("@method");nonce="x";keyid="another""#),
            ("Accept-Signature", #"sig1=("@method");nonce="x";alg="rsa-v1_5-sha256""#),
            ("Accept-Signature", #"sig1=("@method");nonce="x";tag="other""#), ("Accept-Signature", "(("),
        ])
    func notMet(name: String, value: String) async throws {
        let policy: SigningPolicy =
            name == "Accept-Signature" ? .rfc9421(try .shared(), tag: "app") : .cavage(try .shared())
        let transport = ScriptedTransport { _ in Self.challenge(name, value) }
        #expect(try await client(policy, transport).send("GET", "/").status == 401)
        #expect(transport.requests.count == 1)
    }

    // MARK: Requests of one's own

    @Test("a request of one's own has the token of a client that has a password, and nothing of one that has nothing")
    func ownRequests() async throws {
        let transport = ScriptedTransport { request in
            request.url.hasSuffix("/v1/auth") ? .signedIn(until: 1_900_000_000) : .refusal(418, code: "teapot")
        }
        let signedIn = try await Gatehouse.scripted(transport).send("GET", "/x", headers: [("X-A", "1")])
        #expect(signedIn.status == 418 && signedIn.header("Error-Code") == "teapot")
        #expect(transport.calls == ["POST /v1/auth", "GET /x"] && transport.requests[1].header("X-A") == "1")
        #expect(transport.bearers.last == (try token(until: 1_900_000_000)))
        _ = try await Gatehouse.scripted(credential: nil, transport).send("DELETE", "/y")
        #expect(transport.requests.last?.header("Authorization") == nil)
    }

    @Test("a request is signed without being sent, and sent as it is, once, to its own server")
    func signedApart() async throws {
        let transport = ScriptedTransport { _ in .refusal(401, code: "signature_stale") }
        let gatehouse = try client(.rfc9421(.shared()), transport)
        let signed = try await gatehouse.signed("GET", "/a?b", headers: [("X-A", "1")])
        #expect(transport.requests.isEmpty)
        #expect(signed.added.map(\.name) == ["Host", "Signature-Input", "Signature"])
        let names = ["@method", "@authority", "@path", "@query", "@signature-params"]
        #expect(signed.signingString.lines.map(\.component) == names)
        #expect(signed.signingString.lines[3].octets == Array("\"@query\": ?b".utf8))
        #expect(signed.signingString.lines[2].digest == "619337c49d03df6f")
        #expect(try await gatehouse.send(signed).status == 401)
        #expect(transport.requests.count == 1)
        let other = try Gatehouse(server: "https://id.example.org.evil.test", transport: transport)
        let error = await failure { () throws(GatehouseError) in try await other.send(signed) }
        #expect(error == .invalidArgument("The request was signed for another server."))
    }
}
