import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import HTTPSignatures
import Testing

@testable import GatehouseRunner

@Suite("The verb sign")
struct SignTests {
    private static let now: Int64 = 1_900_000_000

    /// Runs steps against a server that knows the key `k` with the secret `123456789`.
    private func run(
        _ steps: String, variables: [String: String] = [:], keys: [SignatureKey] = []
    ) async throws -> (run: TestRun, verdicts: [String]) {
        let known = try SignatureKey(id: "k", secret: Array("123456789".utf8), allowsWeak: true)
        let judge = SignatureJudge(keys: keys + [known], now: Self.now)
        let run = try await TestSuites.run(
            steps: steps, variables: variables, now: Self.now, answer: judge.answer)
        return (run, judge.verdicts)
    }

    @Test(
        "makes a signature that verifies and covers enough, whatever the family, the form and the request",
        arguments: [
            "family: cavage", "family: cavage, form: signature", "family: cavage, algorithm: hmac-sha256",
            "family: rfc9421", "family: rfc9421, label: other",
        ],
        [
            "GET /a", "GET /a?b=c%20d&e=", "GET /a?", "GET /a%2Fb/../c//", "HEAD /a?b", "DELETE /a", "OPTIONS *",
            "GET http://{{host}}/a?b",
            "POST /a\n    json: { a: 1 }",
            "PUT /a?b=1\n    body: \"\"\n    headers: { Content-Type: text/plain }",
            "PATCH /a\n    base64: /wA=\n    headers: [[Content-Type, text/plain], [X-A, 1], [X-A, 2]]",
            "DELETE /a\n    body: text",
        ])
    func verifies(knobs: String, request: String) async throws {
        let (run, verdicts) = try await run(
            "  - sign: \(request)\n    with: { \(knobs), key: k, secret: \"123456789\" }")
        #expect(run.mismatches == [])
        #expect(verdicts == ["accepted"])
    }

    @Test(
        "signs with each algorithm",
        arguments: [
            ("rsa-sha256", "test-key-rsa"), ("rsa-sha512", "test-key-rsa"), ("rsa-pss-sha512", "test-key-rsa-pss"),
            ("ecdsa-p256-sha256", "test-key-ecc-p256"), ("ed25519", "test-key-ed25519"),
        ], ["cavage", "rfc9421"])
    func algorithms(algorithm: (name: String, key: String), family: String) async throws {
        let json = try JSONValue(parsing: Array(TestFiles.vector("rfc9421_keys.json")))["keys"]?[algorithm.key]
        let known = try SignatureKey(
            id: "a", pem: Array(try #require(json?["public_pem"]?.string).utf8),
            algorithm: try #require(SignatureAlgorithm(rawValue: algorithm.name)))
        let (run, verdicts) = try await run(
            """
              - sign: GET /
                with: { family: \(family), key: a, private-key: "{{private_key}}", algorithm: "{{algorithm}}" }
            """,
            variables: [
                "private_key": try #require(json?["private_pem"]?.string), "algorithm": algorithm.name,
            ], keys: [known])
        #expect(run.mismatches == [])
        #expect(verdicts == ["accepted"])
    }

    @Test("signs with hmac-sha512 and with a secret in Base64")
    func secrets() async throws {
        let known = try SignatureKey(id: "a", secret: [0xFF, 0], algorithm: .hmacSHA512, allowsWeak: true)
        let (_, verdicts) = try await run(
            "  - sign: GET /\n    with: { family: cavage, key: a, secret-base64: /wA=, algorithm: hmac-sha512 }",
            keys: [known])
        #expect(verdicts == ["accepted"])
    }

    @Test("the HMAC and Ed25519 signatures that RFC 9421 prints come out", arguments: ["b.2.5", "b.2.6"])
    func publishedRFC9421(id: String) async throws {
        let file = try JSONValue(parsing: Array(TestFiles.vector("rfc9421_signatures.json")))
        let vector = try #require(file["vectors"]?.array?.first { $0["id"]?.string == id })
        let keyID = try #require(vector["keyid"]?.string)
        let key = try JSONValue(parsing: Array(TestFiles.vector("rfc9421_keys.json")))["keys"]?[keyID]
        let material = key?["base64"]?.string.map { "secret-base64: \($0)" } ?? "private-key: \"{{pem}}\""
        let input = try #require(vector["signature_input"]?.string)
        let covered = try #require(input.firstMatch(of: /\((.*)\)/)).1.split(separator: " ")
        let (run, _) = try await run(
            """
              - sign: POST /foo?param=Value&Pet=dog
                headers: \(try headers(of: vector).text)
                body: '{"hello": "world"}'
                with:
                  family: rfc9421
                  label: \(try #require(vector["label"]?.string))
                  key: \(keyID)
                  \(material)
                  algorithm: \(try #require(vector["alg"]?.string))
                  covers: [\(covered.joined(separator: ", "))]
                  parameters: { created: 1618884473 }
                expect: { status: [200, 401] }
            """, variables: ["pem": key?["private_pem"]?.string ?? "-"])
        #expect(run.mismatches == [])
        let request = try #require(run.requests.first)
        #expect(request.header("Signature-Input") == input)
        #expect(request.header("Signature") == vector["signature"]?.string)
    }

    @Test(
        "the signatures that draft-cavage-http-signatures-08 prints come out",
        arguments: ["default", "basic", "all-headers"])
    func publishedCavage(name: String) async throws {
        let file = try JSONValue(parsing: Array(TestFiles.vector("cavage_drafts.json")))
        let id = "cavage-08-\(name)-test-authorization"
        let vector = try #require(file["vectors"]?.array?.first { $0["id"]?.string == id })
        let message = try #require(vector["message"])
        let printed = try #require(
            message["headers"]?.array?.first { $0.array?[0].string == "Authorization" }?.array?[1].string)
        let covered = printed.firstMatch(of: /headers="([^"]*)"/).map { $0.1.split(separator: " ") } ?? ["date"]
        let (run, _) = try await run(
            """
              - sign: POST \(try #require(message["target"]?.string))
                headers: \(try headers(of: vector).text)
                body: '{"hello": "world"}'
                with:
                  family: cavage
                  key: Test
                  private-key: "{{pem}}"
                  algorithm: rsa-sha256
                  covers: [\(covered.map { "\"\($0)\"" }.joined(separator: ", "))]
                expect: { status: [200, 401] }
            """, variables: ["pem": try #require(file["key"]?["private_pem"]?.string)])
        #expect(run.mismatches == [])
        let expected = try #require(printed.firstMatch(of: /signature="([^"]*)"/)).1
        let made = try #require(run.requests.first?.header("Authorization"))
        #expect(made.hasSuffix(",signature=\"\(expected)\""))
    }

    /// The header lines of a vector, without its signatures.
    private func headers(of vector: JSONValue) throws -> JSONValue {
        let lines = try #require(vector["message"]?["headers"]?.array)
        return .array(
            lines.filter { line in
                !["authorization", "signature", "signature-input"].contains(line.array?[0].string?.lowercased())
            })
    }

    @Test("the seed document's GET is signed as its client does")
    func seedDocument() async throws {
        let (run, _) = try await run(
            """
              - sign: GET /hello_world_private
                headers: { Host: "localhost:5000", Date: "Sat, 21 Nov 2026 02:00:00 GMT" }
                with: { family: cavage, key: access_key_1, secret: "123456789" }
                expect: { status: 401 }
            """)
        let string =
            "(request-target): get /hello_world_private\nhost: localhost:5000\ndate: Sat, 21 Nov 2026 02:00:00 GMT"
        let code = Base64.encode(HMACKey(.sha256, secret: Array("123456789".utf8)).code(for: Array(string.utf8)))
        #expect(
            run.requests.first?.header("Authorization")
                == #"Signature keyId="access_key_1",algorithm="hmac-sha256",headers="(request-target) host date",signature="\#(code)""#
        )
    }

    @Test(
        "each knob breaks what it is for, and nothing else",
        arguments: [
            (#"family: cavage, key: other, secret: "123456789""#, "unknownKey"),
            (#"family: cavage, key: k, secret: "12345678""#, "badSignature"),
            (
                #"family: cavage, key: k, secret: "123456789", algorithm: hmac-sha512"#,
                "wrongAlgorithm(named: \"hmac-sha512\", key: \"hmac-sha256\")"
            ),
            (
                #"family: cavage, key: k, secret: "123456789", parameters: { algorithm: RSA-sha256 }"#,
                "wrongAlgorithm(named: \"rsa-sha256\", key: \"hmac-sha256\")"
            ),
            (#"family: cavage, key: k, secret: "123456789", parameters: { algorithm: null }"#, "accepted"),
            (#"family: cavage, key: k, secret: "123456789", parameters: { algorithm: hs2019 }"#, "accepted"),
            (#"family: cavage, key: k, secret: "123456789", parameters: { keyId: null }"#, "malformed(\"no keyId\")"),
            (#"family: cavage, key: k, secret: "123456789", parameters: { headers: null }"#, "badSignature"),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [host, date]"#,
                "notCovered([\"(request-target)\"])"
            ),
            (#"family: cavage, key: k, secret: "123456789", covers: [date, HOST, (Request-Target)]"#, "accepted"),
            (#"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, (created)]"#, "accepted"),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, (created)], parameters: { algorithm: hmac-sha256 }"#,
                "unsuitable(\"(created)\", \"the algorithm hmac-sha256 is older than it\")"
            ),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, (created)], parameters: { created: { now: -301 } }"#,
                "outsideWindow(\"created\", seconds: 301)"
            ),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, (created)], parameters: { created: { now: 300 } }"#,
                "accepted"
            ),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, (created)], parameters: { created: soon }"#,
                "malformed(\"created is no number of seconds\")"
            ),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, date, (expires)], parameters: { expires: { now: 5 } }"#,
                "accepted"
            ),
            (#"family: cavage, key: k, secret: "123456789", parameters: { expires: { now: -1 } }"#, "expired"),
            (#"family: cavage, key: k, secret: "123456789", parameters: { extra: 'a"b' }"#, "accepted"),
            (
                #"family: cavage, key: k, secret: "123456789", covers: [(request-target), host, date, host]"#,
                "duplicateComponent(\"host\")"
            ),
            (#"family: rfc9421, key: other, secret: "123456789""#, "unknownKey"),
            (#"family: rfc9421, key: k, secret: "12345678""#, "badSignature"),
            (
                #"family: rfc9421, key: k, secret: "123456789", parameters: { alg: ed25519 }"#,
                "wrongAlgorithm(named: \"ed25519\", key: \"hmac-sha256\")"
            ),
            (
                #"family: rfc9421, key: k, secret: "123456789", parameters: { alg: hmac-sha256, tag: t, nonce: 'a"\b', odd: true, no: false }"#,
                "accepted"
            ),
            (#"family: rfc9421, key: k, secret: "123456789", parameters: { created: null }"#, "noTime(\"created\")"),
            (
                #"family: rfc9421, key: k, secret: "123456789", parameters: { created: "1900000000" }"#,
                "malformed(\"the parameter created has another type\")"
            ),
            (
                #"family: rfc9421, key: k, secret: "123456789", parameters: { created: { now: 301 } }"#,
                "outsideWindow(\"created\", seconds: -301)"
            ),
            (#"family: rfc9421, key: k, secret: "123456789", parameters: { expires: { now: -1 } }"#, "expired"),
            (#"family: rfc9421, key: k, secret: "123456789", parameters: { keyid: null }"#, "unknownKey"),
            (
                #"family: rfc9421, key: k, secret: "123456789", covers: ["@method", "@authority", "@path"]"#,
                "notCovered([\"@query\"])"
            ),
            (
                #"family: rfc9421, key: k, secret: "123456789", covers: ["@method", "@target-uri", '"@query-param";name="b"', '"date";bs']"#,
                "accepted"
            ),
            (
                #"family: rfc9421, key: k, secret: "123456789", covers: ["@method", "@target-uri", "@method"]"#,
                "duplicateComponent(\"\\\"@method\\\"\")"
            ),
        ])
    func knobs(knobs: String, verdict: String) async throws {
        let (run, verdicts) = try await run(
            """
              - sign: GET /a?b=c
                headers: { Date: { now: 0 } }
                with: { \(knobs) }
                expect: { status: [200, 401] }
            """)
        #expect(run.mismatches == [])
        #expect(verdicts == [verdict])
    }

    @Test(
        "headers can be a date from now, a digest of the body, or not be there",
        arguments: [
            ("Date: { now: -300 }", "accepted"),
            ("Date: { now: -301 }", "outsideWindow(\"date\", seconds: 301)"),
            ("Date: { now: 301 }", "outsideWindow(\"date\", seconds: -301)"),
            ("Date: yesterday", "noTime(\"date\")"),
            ("Digest: { digest: sha-512 }", "accepted"),
            ("Digest: SHA-256=AAAA", "digestMismatch(\"digest (sha-256)\")"),
            ("Digest: MD5=AAAA", "noDigest"),
            ("Host: another.test", "accepted"),
        ])
    func headerValues(header: String, verdict: String) async throws {
        let (run, verdicts) = try await run(
            """
              - sign: POST /a
                json: { a: 1 }
                headers: { \(header) }
                with: { family: cavage, key: k, secret: "123456789" }
                expect: { status: [200, 401] }
            """)
        #expect(run.mismatches == [])
        #expect(verdicts == [verdict])
    }

    @Test("a covered header that is missing is the scenario's mistake, and is not sent")
    func missingHeader() async throws {
        for header in ["Date: null", "X-Other: a"] {
            let (run, verdicts) = try await run(
                """
                  - sign: GET /a
                    headers: { \(header) }
                    with: { family: cavage, key: k, secret: "123456789", covers: [date, x-other] }
                """)
            #expect(verdicts == (header == "X-Other: a" ? ["notCovered([\"(request-target)\", \"host\"])"] : []))
            #expect(run.result.failure != nil)
        }
        let (run, _) = try await run(
            "  - sign: GET /a\n    with: { family: rfc9421, key: k, secret: s, covers: [\"@nonsense\"] }")
        #expect(
            run.mismatches == [
                "sign: expected a request and a key to sign it, actual \"@nonsense\" cannot be covered: "
                    + "The component @nonsense is not known."
            ])
    }

    @Test("a request can carry several signatures, and a later one cover an earlier one")
    func several() async throws {
        let with = #"family: rfc9421, key: k, secret: "123456789""#
        let (run, verdicts) = try await run(
            """
              - sign: GET /a
                with:
                  - { \(with) }
                  - { \(with), label: sig2, covers: ["@method", "@target-uri", '"signature";key="sig1"'] }
              - sign: GET /a
                with: [{ \(with) }, { family: cavage, key: k, secret: "123456789" }]
                expect: { status: 401 }
              - sign: GET /a
                bearer: token
                with: { family: cavage, key: k, secret: "123456789" }
                expect: { status: 401 }
            """)
        #expect(run.mismatches == [])
        #expect(
            verdicts == [
                "accepted", "ambiguous(\"one in Authorization and one in Signature-Input\")",
                "ambiguous(\"two Authorization fields\")",
            ])
    }

    @Test("what is only made is not sent, and can be sent later")
    func unsent() async throws {
        let (run, verdicts) = try await run(
            """
              - sign: GET /a
                with: { family: cavage, key: k, secret: "123456789" }
                as: original
                unsent: true
              - send: GET /other
                expect: { status: 401 }
              - replay: original
                capture: { status: status }
            """)
        #expect(run.mismatches == [])
        #expect(verdicts == ["missing", "accepted"])
    }

    @Test("a failure shows what was signed, and never the secret, whatever its variable is called")
    func reports() async throws {
        let run = try await TestSuites.run(
            steps: """
                  - send: GET /
                    capture: { plain: body }
                  - sign: GET /a?{{plain}}
                    with: { family: cavage, key: k, secret: "{{plain}}" }
                """, now: Self.now
        ) { $0.target == "/" ? .http(200, body: "s3cr3t") : .http(401, body: "s3cr3t") }
        let failure = try #require(run.result.failure)
        #expect(failure.exchange?.contains("* signed:\n*   (request-target): get /a?{{plain}}\n*   host: ") == true)
        #expect(!"\(run.result)".contains("s3cr3t"))
        #expect(failure.command?.contains("-H 'Authorization: Signature keyId=\"k\"") == true)
    }

    @Test("a key that cannot be used is a failure that does not show it")
    func badKeys() async throws {
        for (with, reason) in [
            ("private-key: bad, algorithm: ed25519", "the private key cannot be used: "),
            ("secret: s, algorithm: ed25519", "the key is not of the kind that ed25519 needs"),
            ("secret: s, algorithm: \"{{which}}\"", "there is no algorithm \"md5\""),
            ("secret-base64: \"{{which}}\"", "`secret-base64` is not valid base64"),
        ] {
            let (run, verdicts) = try await run(
                "  - sign: GET /\n    with: { family: cavage, key: k, \(with) }", variables: ["which": "md5"])
            #expect(verdicts == [])
            #expect(
                run.mismatches.first?.hasPrefix(
                    "sign: expected a request and a key to sign it, actual \(reason)") == true, "\(run.mismatches)")
        }
    }

    @Test("wrong keys and values are mistakes with their place")
    func mistakes() throws {
        let mistakes = try TestSuites.mistakes([
            "a/b.yaml": TestSuites.scenario(
                """
                  - sign: GET
                    with: { family: cavage, key: k, secret: s }
                  - sign: GET /
                  - sign: GET /
                    with: { family: jose, key: k, secret: s }
                  - sign: GET /
                    with: { family: cavage, label: a, form: header, key: k }
                  - sign: GET /
                    with: [{ family: rfc9421, form: signature, secret: s, algorithm: md5, covers: a, parameters: [] }]
                  - sign: GET /
                    headers: { Date: { digest: sha-256 }, Digest: { digest: md5 }, X: { now: soon } }
                    with: { family: cavage, key: k, private-key: s }
                  - sign: GET /
                    with: { family: cavage, key: k, secret: s }
                    unsent: true
                    expect: { status: 200 }
                  - sign: GET /
                    with: { family: cavage, key: k, secret: s }
                    unsent: maybe
                    as: two words
                """)
        ])
        #expect(
            mistakes == [
                "a/b.yaml:6:11: `sign` must be a method and a target: GET /v1/addresses",
                "a/b.yaml:8:5: a step needs `with`",
                "a/b.yaml:10:21: `family` must be one of cavage, rfc9421",
                "a/b.yaml:12:11: `with` needs one of `secret`, `secret-base64` and `private-key`",
                "a/b.yaml:12:29: unknown key `label` in `with`; known are `family`, `form`, `key`, `secret`, "
                    + "`secret-base64`, `private-key`, `algorithm`, `covers`, `parameters`",
                "a/b.yaml:12:45: `form` must be one of authorization, signature",
                "a/b.yaml:14:12: `with` needs `key`",
                "a/b.yaml:14:31: unknown key `form` in `with`; known are `family`, `label`, `key`, `secret`, "
                    + "`secret-base64`, `private-key`, `algorithm`, `covers`, `parameters`",
                "a/b.yaml:14:70: `algorithm` must be one of hmac-sha256, hmac-sha512, rsa-sha256, rsa-sha512, "
                    + "rsa-pss-sha512, ecdsa-p256-sha256, ecdsa-p384-sha384, ed25519",
                "a/b.yaml:14:83: `covers` must be a list, not a text",
                "a/b.yaml:14:98: `parameters` must be a mapping, not a list",
                "a/b.yaml:16:22: `Date` is not the name of a header with a digest",
                "a/b.yaml:16:61: `digest` must be one of sha-256, sha-512",
                "a/b.yaml:16:78: `now` must be a whole number from -1500000000 to 10000000000",
                "a/b.yaml:17:11: a private key needs `algorithm`",
                "a/b.yaml:18:5: what is not sent needs a name to be of use: `as`",
                "a/b.yaml:21:5: what is not sent has no answer for `expect`",
                "a/b.yaml:24:13: `unsent` must be true or false",
                "a/b.yaml:25:9: `as` must be one word of letters, digits, `-` and `_`",
            ])
    }
}
