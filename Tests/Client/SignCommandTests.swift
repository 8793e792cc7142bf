import Foundation
import GatehouseClient
import GatehouseCryptography
import GatehouseJSON
import GatehouseTestSupport
import HTTPSignatures
import Testing

/// The built program, as a person with a key calls it.
@Suite("The commands sign and explain", .timeLimit(.minutes(1)))
struct SignCommandTests {
    private static let secret = String(repeating: "s3cr", count: 8)

    private func run(
        _ command: String, _ method: String, _ url: String, _ more: String..., input: String = secret
    ) async throws -> Ended {
        try await program(
            [command, method, url, "--key-id", "access_key_1"]
                + (more.contains("--private-key") ? [] : ["--secret-file", "-"]) + more, input: input)
    }

    /// Reads the lines that the program printed into a request.
    private func request(_ method: String, _ url: String, _ run: Ended) -> TransportRequest {
        var request = TransportRequest(method: method, url: url)
        for line in run.output.split(separator: "\n") {
            let name = line.prefix { $0 != ":" }
            request.headers.append((String(name), String(line.dropFirst(name.count + 2))))
        }
        return request
    }

    private func accept(_ request: TransportRequest, by key: SignatureKey) throws {
        try Receiver(key: key, now: Int64(Date.now.timeIntervalSince1970)).accept(request)
    }

    // MARK: sign

    @Test("sign prints the lines that a receiver wants, and nothing of the secret", arguments: SigningPolicy.families)
    func sign(family: String) async throws {
        let folder = try Folder(["body": "some words"])
        let url = "https://id.example.org/a?b=c"
        let get = try await run("sign", "GET", url, "--with", family)
        let put = try await run(
            "sign", "PUT", url, "--with", family, "--header", "Content-Type: text/plain", "--body", folder.path("body"))
        #expect(get.code == 0 && put.code == 0 && get.errors.isEmpty, "\(get) \(put)")
        #expect(!(get.output + put.output).contains(Self.secret))
        try accept(request("GET", url, get), by: .shared())
        var sent = request("PUT", url, put)
        sent.headers.append(("Content-Type", "text/plain"))
        sent.body = Array("some words".utf8)
        try accept(sent, by: .shared())
        #expect(try await run("sign", "GET", url, "--with", family).output != get.output, "each is one of a kind")
    }

    @Test("sign --json has the request and what was signed")
    func json() async throws {
        let run = try await run(
            "sign", "POST", "http://other.example.org", "--json", "--with", "cavage", "--form", "signature",
            "--header", "X-A: 1", "--covers", "x-a", "--flask-cavage")
        let json = try JSONValue(parsing: Array(run.output.utf8))
        #expect(json["method"]?.string == "POST" && json["url"]?.string == "http://other.example.org/")
        let string = try #require(json["signing_string"]?.string)
        #expect(
            string.hasPrefix("(request-target): post /\nhost: other.example.org\ndate: ")
                && string.hasSuffix("\nx-a: 1"))
        #expect(json["added"]?.array?.last?["name"]?.string == "Signature")
        #expect(json["headers"]?.array?.first?["name"]?.string == "X-A")
    }

    @Test("a private key signs with the algorithm of its kind, or the one that is named")
    func privateKeys() async throws {
        let folder = try Folder([:])
        for (arguments, family, algorithm) in [
            (["ed25519"], "cavage", SignatureAlgorithm.ed25519),
            (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "rfc9421", .ecdsaP256SHA256),
            (["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "cavage", .ecdsaP384SHA384),
            (["RSA"], "rfc9421", .rsaPSSSHA512), (["RSA"], "cavage", .rsaSHA256), (["RSA"], "cavage", .rsaSHA512),
        ] {
            let pem = folder.path(algorithm.rawValue + family)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/openssl")
            process.arguments = ["genpkey", "-out", pem, "-algorithm"] + arguments
            process.standardError = FileHandle.nullDevice
            try process.begin()
            process.waitUntilExit()
            let named = algorithm == .rsaSHA512 ? ["--algorithm", "rsa-sha512"] : []
            let url = "https://id.example.org/"
            let run = try await program(
                ["sign", "GET", url, "--key-id", "k", "--private-key", pem, "--with", family] + named)
            #expect(run.code == 0, "\(run)")
            let key = try SignatureKey(id: "k", pem: Array(Data(contentsOf: URL(filePath: pem))), algorithm: algorithm)
            try accept(request("GET", url, run), by: key)
        }
    }

    @Test("sign --send prints the body of the answer, and a refusal is exit code 1")
    func send() async throws {
        let server = try ScriptedServer { request in
            request.target == "/no" ? .refusal(401, "signature_invalid") : .json(#"{"a":"\#(request.bodyText)"}"#)
        }
        let sent = try await run("sign", "POST", "\(server.url)/yes", "--send", "--body", "/dev/null")
        #expect(sent.code == 2 && sent.errors.contains("/dev/null is no file that can be read."), "\(sent)")
        let folder = try Folder(["body": "words", "secret": Self.secret])
        let yes = try await program(
            [
                "sign", "POST", "\(server.url)/yes", "--send", "--key-id", "k", "--secret-file", folder.path("secret"),
                "--body", "-",
            ],
            input: "words")
        #expect(yes == Ended(code: 0, output: #"{"a":"words"}"#, errors: ""))
        let no = try await run("sign", "GET", "\(server.url)/no", "--send", "--json")
        #expect(no.code == 1 && no.errors == "gatehouse-client: The server answered 401 (signature_invalid).\n")
        let answer = try JSONValue(parsing: Array(no.output.utf8))
        #expect(answer["status"]?.int64 == 401 && answer["body"]?.string == #"{"message":"no"}"#)
    }

    @Test("what is asked wrongly is exit code 2 with a reason that holds no secret")
    func usage() async throws {
        let url = "https://id.example.org/"
        for (more, reason) in [
            (["sign", "GET", "nowhere"], "is no URL"), (["sign", "GET", "ftp://a/b"], "is no server"),
            (["sign", "G T", url], "is no method"), (["sign", "GET", url + "#a"], "is no path"),
            (["sign", "GET", url + "a b"], "is no path"), (["sign", "GET", url, "--header", "x"], "is no line"),
            (["sign", "GET", url, "--header", "Date: x"], "cannot be given"),
            (["sign", "GET", url, "--header", "a b: x", "--send"], "token"),
            (["sign", "GET", url, "--algorithm", "rsa-sha1"], "is no algorithm"),
            (["sign", "GET", url, "--algorithm", "ed25519"], "not of the kind"),
            (["sign", "GET", url, "--form", "signature"], "belong to --with cavage"),
            (["sign", "GET", url, "--flask-cavage"], "belong to --with cavage"),
            (["sign", "GET", url, "--private-key", "/x"], "not both"),
            (["sign", "GET", url, "--covers", "x-absent"], "no such header line"),
            (["sign", "GET", url, "--covers", "content-type"], "no such header line"),
            (["sign", "GET", url, "--covers", "@status"], "@status"), (["sign", "GET", url, "--covers", "@x"], "@x"),
            (["sign", "GET", url, "--body", "-"], "standard input"),
            (["sign", "PUT", url, "--body", "/nowhere"], "is no file"),
            (["sign", "HEAD", url, "--body", "/x"], "no file"),
            (["explain", "GET", "http://id.example.org/"], "Only https"),
            (["sign", "GET", url, "--with", "x"], "--with"),
        ] {
            let run = try await program(more + ["--key-id", "k", "--secret-file", "-"], input: Self.secret)
            let isRight = more.contains("a b: x") ? run.code == 1 : run.code == 2
            #expect(isRight && run.output.isEmpty && run.errors.contains(reason), "\(more): \(run)")
            #expect(!run.errors.contains(Self.secret))
        }
        let short = try await program(
            ["sign", "GET", url, "--key-id", "k", "--secret-file", "-"], input: "123456789\n")
        #expect(
            short.code == 2 && short.errors.contains("72 bits") && short.errors.contains("--allow-weak"), "\(short)")
        let pem = try await program(["sign", "GET", url, "--key-id", "k", "--private-key", "-"], input: "no key\n")
        #expect(pem.code == 2 && pem.errors.contains("there is no key in PEM"), "\(pem)")
        let terminal = try await program(["sign", "GET", url, "--key-id", "k"])
        #expect(terminal.code == 2 && terminal.errors.contains("--secret-file or --private-key"), "\(terminal)")
    }

    @Test("a weak secret signs when that is said")
    func weak() async throws {
        let url = "https://id.example.org/"
        let run = try await program(
            ["sign", "GET", url, "--key-id", "access_key_1", "--secret-file", "-", "--allow-weak"], input: "123456789\n"
        )
        try accept(
            request("GET", url, run), by: SignatureKey(id: "access_key_1", secret: "123456789", allowsWeak: true))
    }

    // MARK: explain

    /// What a server with a key for debugging says after it has changed some lines.
    private static func refusal(
        _ request: ScriptedServer.Request, family: String, changing: (inout [(String, String)]) -> Void = { _ in }
    ) throws -> ScriptedServer.Answer {
        let message = SignableMessage.request(
            method: request.method, target: request.target, scheme: "http",
            fields: request.headers.map { SignableMessage.Field($0.name, $0.value) })
        let base =
            family == "cavage"
            ? try CavageSignature(of: message).signingString(of: message)
            : try MessageSignature.all(of: message)[0].base(of: message)
        var lines = base.split(separator: 0x0A).map { line in
            let name = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
            let digest = Digest.sha256(Array(line)).prefix(8).map { String(format: "%02x", $0) }.joined()
            return (name.hasPrefix("\"") && !name.contains(";") ? String(name.dropFirst().dropLast()) : name, digest)
        }
        changing(&lines)
        let header = lines.map { "\($0.0)=\($0.1)" }.joined(separator: ", ")
        return .json(
            "{}", status: 401, headers: [("Error-Code", "signature_invalid"), ("Signature-Base-Digests", header)])
    }

    @Test("explain shows what was signed, and that it counts", arguments: SigningPolicy.families)
    func counts(family: String) async throws {
        let server = try ScriptedServer { _ in .json("{}") }
        let run = try await run("explain", "GET", "\(server.url)/a?b", "--with", family)
        #expect(run.code == 0 && run.errors.isEmpty)
        let line = family == "cavage" ? "  (request-target): get /a?b\n" : "  \"@query\": ?b\n"
        #expect(run.output.hasPrefix("What was signed:\n  ") && run.output.contains(line))
        #expect(run.output.hasSuffix("The server answered 200.\nThe signature counts, if this path asks for one.\n"))
        #expect(server.requests.count == 1)
    }

    @Test("explain names the line that another end sees otherwise", arguments: SigningPolicy.families)
    func differs(family: String) async throws {
        let changed = family == "cavage" ? "host" : "@authority"
        let server = try ScriptedServer { request in
            let answer = try? Self.refusal(request, family: family) { lines in
                for index in lines.indices where lines[index].0 == changed { lines[index].1 = "0123456789abcdef" }
            }
            return answer ?? .close
        }
        let run = try await run("explain", "GET", "\(server.url)/", "--with", family)
        #expect(run.code == 1)
        #expect(run.output.contains("\(changed) differs at the server, so it was changed on its way. Signed was: "))
        #expect(run.output.components(separatedBy: " differs ").count == 2, "only this line: \(run.output)")
        let json = try await self.run("explain", "GET", "\(server.url)/", "--with", family, "--json")
        let report = try JSONValue(parsing: Array(json.output.utf8))
        #expect(report["differs"]?.array?.map(\.string) == [changed])
        let line = try #require(report["lines"]?.array?.first { $0["component"]?.string == changed })
        #expect(line["server_digest"]?.string == "0123456789abcdef" && line["digest"]?.string != "0123456789abcdef")
        #expect(json.code == 1 && report["signature_counts"]?.bool == false)
    }

    @Test("explain names what did not arrive, with commas and equals signs in its name too")
    func absent() async throws {
        let server = try ScriptedServer { request in
            (try? Self.refusal(request, family: "rfc9421") { $0.removeLast(2) }) ?? .close
        }
        let run = try await run(
            "explain", "GET", "\(server.url)/?a%2C%20b%3D=1", "--covers", #""@query-param";name="a%2C%20b%3D""#,
            "--header",
            "X-A: 1", "--covers", "x-a")
        #expect(run.code == 1 && run.output.contains("x-a is not there for the server"), "\(run)")
        #expect(!run.output.contains(" differs "))
    }

    @Test("explain tells equal texts from a server that says nothing")
    func sameText() async throws {
        let server = try ScriptedServer { request in
            request.target == "/same"
                ? (try? Self.refusal(request, family: "rfc9421")) ?? .close : .refusal(401, "signature_invalid")
        }
        let same = try await run("explain", "GET", "\(server.url)/same")
        #expect(same.code == 1 && same.output.contains("Both ends have signed the same text, so the keys differ"))
        let silent = try await run("explain", "GET", "\(server.url)/silent")
        #expect(silent.code == 1 && silent.output.contains(#"{"debug":true}"#))
    }

    @Test("explain says by how much a clock is off")
    func stale() async throws {
        for (ahead, words) in [(3600, "behind"), (-7200, "ahead of")] {
            let server = try ScriptedServer { _ in
                let formatter = DateFormatter()
                formatter.locale = Locale(identifier: "en_US_POSIX")
                formatter.timeZone = TimeZone(identifier: "UTC")
                formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
                let date = formatter.string(from: Date.now.addingTimeInterval(Double(ahead)))
                return .json("{}", status: 401, headers: [("Error-Code", "signature_stale"), ("Date", date)])
            }
            let run = try await run("explain", "GET", server.url)
            let match = try #require(
                run.output.firstMatch(of: /is (\d+) seconds (behind|ahead of) the server's/), "\(run)")
            #expect(match.2 == words && abs((Int(match.1) ?? 0) - abs(ahead)) <= 5 && run.code == 1)
        }
    }

    @Test("explain knows a missing signature, a lack of scope, and what it cannot know")
    func others() async throws {
        for (answer, words, code) in [
            (ScriptedServer.Answer.refusal(401, "signature_missing"), "No signature arrived", Int32(1)),
            (.refusal(403, "insufficient_scope"), "look at the scopes of the key", 0),
            (.refusal(404, "not_found"), "This is not about the signature.", 0),
            (
                .http(401, headers: [("WWW-Authenticate", "Basic realm=\"x\"")]),
                "It asks for: WWW-Authenticate: Basic realm=\"x\"", 1
            ),
        ] {
            let server = try ScriptedServer { _ in answer }
            let run = try await run("explain", "GET", server.url)
            #expect(run.output.contains(words) && run.code == code, "\(run)")
        }
        let nobody = try await run("explain", "GET", "http://127.0.0.1:\(try ScriptedServer.unusedPort())")
        #expect(nobody.code == 1 && nobody.errors.hasPrefix("gatehouse-client: No answer came: "))
    }
}
