import GatehouseJSON
import GatehouseMessages
import GatehouseTestSupport
import HTTPSignatures
import HTTPTypes
import Hummingbird
import Logging
import Testing

@testable import GatehouseAuth

@Suite("What a server asks of a signature", .timeLimit(.minutes(1)))
struct SignatureRulesTests: SigningSuite {
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
}
