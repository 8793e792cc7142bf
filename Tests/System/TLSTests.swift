import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("TLS of the server", .enabled(if: OpenSSL.isThere, "openssl is not installed"), .timeLimit(.minutes(2)))
struct TLSTests {
    @Test("SIGHUP changes the certificate without a dropped request")
    func reload() async throws {
        try await withStore { store in
            let one = try await Certificate(in: store.folder, named: "one")
            let two = try await Certificate(in: store.folder, named: "two")
            let used = try Used(in: store.folder, one)
            let server = try await store.start(used.flags)
            let both = try store.folder.write(one.text + two.text, to: "both.pem").path
            #expect(try await Self.health(server, trusting: one.file) == 200)
            #expect(try await Self.health(server, trusting: two.file) == nil)

            let isOver = Shared(false)
            let answered = Shared(0)
            let failures = Shared<[String]>([])
            try await withThrowingTaskGroup { group in
                // Some keep their connections, the others make a new one for each request.
                for keepsConnection in [true, true, false, false] {
                    group.addTask {
                        var transport = CurlTransport()
                        while !isOver.value {
                            do {
                                let answer = try await server.send(.get, "/health", transport: transport) {
                                    $0.caFile = both
                                }
                                if answer.status != 200 { failures.change { $0.append(answer.outcome) } }
                            } catch { failures.change { $0.append("\(error)") } }
                            answered.change { $0 += 1 }
                            if !keepsConnection {
                                transport.shutDown()
                                transport = CurlTransport()
                            }
                        }
                    }
                }
                group.addTask {
                    defer { isOver.change { $0 = true } }
                    for (number, next) in [two, one, two].enumerated() {
                        let soFar = answered.value
                        try await wait(for: "requests") { answered.value > soFar + 40 }
                        try used.change(to: next)
                        server.send(SIGHUP)
                        try await wait(for: "the certificate to be read again", atMost: .seconds(10)) {
                            server.log.components(separatedBy: "certificates reloaded").count - 1 == number + 1
                        }
                    }
                    let soFar = answered.value
                    try await wait(for: "requests") { answered.value > soFar + 40 }
                }
                try await group.waitForAll()
            }
            #expect(failures.value == [])
            #expect(try await Self.health(server, trusting: two.file) == 200)
            #expect(try await Self.health(server, trusting: one.file) == nil)
        }
    }

    @Test("a certificate that cannot be read changes nothing at SIGHUP")
    func brokenReload() async throws {
        try await withStore { store in
            let one = try await Certificate(in: store.folder, named: "one")
            let used = try Used(in: store.folder, one)
            let server = try await store.start(used.flags)
            try store.folder.write("-----BEGIN CERTIFICATE-----\nnothing\n", to: "used.pem")
            server.send(SIGHUP)
            try await wait(for: "the refusal", atMost: .seconds(10)) {
                server.log.contains("certificates not reloaded")
            }
            #expect(try await Self.health(server, trusting: one.file) == 200)
        }
    }

    @Test("SIGHUP does not end a server without TLS")
    func hangUpWithoutTLS() async throws {
        try await withStore { store in
            let server = try await store.start()
            server.send(SIGHUP)
            try await Task.sleep(for: .milliseconds(300))
            #expect(server.isRunning)
            #expect(try await server.stop() == 0)
        }
    }

    @Test("a host that the certificate does not cover is misdirected")
    func misdirected() async throws {
        try await withTLS { server, client in
            for other in ["other.example", "localhost.example", "127.0.0.2"] {
                let answer = try await client.ask(.get, "/health", other)
                #expect(answer.outcome == "421 misdirected_request", "\(other)")
            }
            for covered in ["localhost", "LOCALHOST:443", "127.0.0.1:\(server.port)"] {
                let answer = try await client.ask(.get, "/health", covered)
                #expect(answer.status == 200, "\(covered)")
            }
        }
    }

    @Test("TLS below 1.2 is not spoken")
    func leastVersion() async throws {
        try await withTLS { server, _ in
            let folder = try TemporaryFolder()
            for (version, isSpoken) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
                // At its usual level this client would not even ask for the old ones.
                let code = try await OpenSSL.run(
                    ["s_client", "-connect", "127.0.0.1:\(server.port)", version, "-cipher", "DEFAULT@SECLEVEL=0"],
                    in: folder)
                #expect((code == 0) == isSpoken, "\(version)")
            }
        }
    }

    @Test("TLS answers carry HSTS")
    func strictTransportSecurity() async throws {
        try await withTLS { server, client in
            let longTarget = "/health?" + String(repeating: "a", count: 9_000)
            for (method, target, host, status) in [
                (HTTPRequest.Method.get, "/health", "localhost", 200),
                (.get, "/v1/addresses?alias=a$b.test", "localhost", 404),
                (.put, "/v1/addresses", "localhost", 401), (.get, "/nowhere", "localhost", 404),
                (.post, "/health", "localhost", 405), (.options, "/v1/auth", "localhost", 204),
                (.get, "/health", "other.example", 421), (.get, longTarget, "localhost", 414),
                (.get, "/health", "no host", 400),
            ] {
                let answer = try await client.ask(method, target, host)
                #expect(answer.status == status, "\(method) \(target.prefix(30)) at \(host)")
                #expect(
                    answer.header("Strict-Transport-Security") == "max-age=31536000",
                    "\(method) \(target.prefix(30)) at \(host)")
            }
            let plain = try RawConnection(port: server.port)
            try plain.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await !plain.rest().contains("200 OK"), "nothing is served in clear on that port")
        }
    }

    @Test("without TLS no answer has HSTS")
    func noHSTS() async throws {
        try await withStore { store in
            let server = try await store.start()
            #expect(try await server.send(.get, "/health").header("Strict-Transport-Security") == nil)
        }
    }

    @Test("a key that does not belong to the certificate is refused at the start")
    func mismatch() async throws {
        try await withStore { store in
            let one = try await Certificate(in: store.folder, named: "one")
            let two = try await Certificate(in: store.folder, named: "two")
            let refused = await #expect(throws: ServerProcess.DidNotStart.self) {
                try await store.start(["--tls-cert", one.file, "--tls-key", two.key])
            }
            #expect(refused?.ended.code == 1 || refused?.ended.code == 2, "\(String(describing: refused))")
            #expect(refused?.ended.output == "")
        }
    }

    // MARK: Several certificates

    @Test("each client gets the first certificate that names the host it asks for, and the first of all when none does")
    func chosenByName() async throws {
        try await withSeveral { server, folder in
            let cases: [(String?, String)] = [
                (nil, "one"), ("one.test", "one"), ("two.test", "two"), ("TWO.Test", "two"), ("a.wild.test", "wild"),
                ("a.b.wild.test", "one"), ("wild.test", "one"), ("nobody.test", "one"), ("both.test", "two"),
                ("xn--two.test", "one"), (String(repeating: "a.", count: 120) + "test", "one"),
            ]
            for (asked, shown) in cases {
                for version in ["-tls1_2", "-tls1_3"] {
                    let name = asked.map { ["-servername", $0] } ?? ["-noservername"]
                    let shake = try await OpenSSL.output(
                        ["s_client", "-connect", "127.0.0.1:\(server.port)", version] + name, in: folder)
                    let subject = shake.replacing(" ", with: "")
                    #expect(subject.contains("subject=CN=\(shown)\n"), "\(asked ?? "nobody") \(version): \(shake)")
                }
            }
        }
    }

    @Test("what is no handshake, or half of one, is not answered and harms nobody")
    func noHandshake() async throws {
        try await withSeveral { server, folder in
            let plain = try RawConnection(port: server.port)
            try plain.send("GET /health HTTP/1.1\r\nHost: one.test\r\n\r\n")
            #expect(try await !plain.rest().contains("200 OK"))
            // A record that holds less than it says, nothing, less than a message, and a message that is no greeting.
            let record = "\u{16}\u{3}\u{1}"
            let starts: [String] = [
                "GET", record, "\(record)\0\u{7f}GET / HTTP/1.1\r\n\r\n", "\(record)\0\0", "\(record)\0\u{2}\u{1}\0",
                "\(record)\0\u{4}\u{2}\0\0\0",
            ]
            for start in starts {
                let other = try RawConnection(port: server.port)
                try other.send(start)
                other.finishSending()
                #expect(try await !other.rest().contains("HTTP"), "\(Array(start.utf8))")
            }
            #expect(try await Self.status(server, of: "two.test", trusting: folder.path("two.pem")) == 200)
            #expect(server.isRunning)
        }
    }

    @Test("a host that another certificate names than that of the connection is misdirected")
    func misdirectedBetweenCertificates() async throws {
        try await withSeveral { server, folder in
            let cases: [(String?, [(String, Int)])] = [
                ("two.test", [("two.test", 200), ("both.test", 200), ("one.test", 421)]),
                ("two.test", [("TWO.test:\(server.port)", 200), ("a.wild.test", 421)]),
                ("a.wild.test", [("a.wild.test", 200), ("b.wild.test", 200), ("two.test", 421)]),
                (nil, [("one.test", 200), ("127.0.0.1", 200), ("two.test", 421)]),
                ("nobody.test", [("one.test", 200), ("nobody.test", 421)]),
            ]
            for (asked, hosts) in cases {
                let requests = hosts.map { "GET /health HTTP/1.1\r\nHost: \($0.0)\r\n\r\n" }.joined()
                let name = asked.map { ["-servername", $0] } ?? ["-noservername"]
                let answers = try await OpenSSL.output(
                    ["s_client", "-quiet", "-connect", "127.0.0.1:\(server.port)"] + name, in: folder, input: requests)
                let statuses = answers.matches(of: /HTTP\/1.1 (\d+)/).map { Int($0.1) }
                #expect(statuses == hosts.map(\.1), "\(asked ?? "nobody"): \(answers)")
                #expect(answers.components(separatedBy: "Error-Code: misdirected_request").count == 2, "\(answers)")
            }
        }
    }

    @Test("SIGHUP changes several certificates without a dropped request, all of them or none")
    func reloadOfSeveral() async throws {
        try await withStore { store in
            let (one, two) = (try await Self.pair(in: store.folder, "1"), try await Self.pair(in: store.folder, "2"))
            let (first, second) = (try Used(in: store.folder, one.0, "a"), try Used(in: store.folder, one.1, "b"))
            let server = try await store.start(Used.flags([first, second]))
            let all = try store.folder.write([one.0, one.1, two.0, two.1].map(\.text).joined(), to: "all.pem").path
            let isOver = Shared(false)
            let answered = Shared(0)
            let failures = Shared<[String]>([])
            try await withThrowingTaskGroup { group in
                for host in ["one.test", "two.test"] {
                    for keepsConnection in [true, false] {
                        group.addTask {
                            var transport = CurlTransport()
                            while !isOver.value {
                                do {
                                    let status = try await Self.status(
                                        server, of: host, trusting: all, transport: transport)
                                    if status != 200 { failures.change { $0.append("\(host): \(status ?? 0)") } }
                                } catch { failures.change { $0.append("\(error)") } }
                                answered.change { $0 += 1 }
                                if !keepsConnection {
                                    transport.shutDown()
                                    transport = CurlTransport()
                                }
                            }
                        }
                    }
                }
                group.addTask {
                    defer { isOver.change { $0 = true } }
                    for (number, next) in [two, one, two].enumerated() {
                        let soFar = answered.value
                        try await wait(for: "requests") { answered.value > soFar + 40 }
                        try first.change(to: next.0)
                        try second.change(to: next.1)
                        server.send(SIGHUP)
                        try await wait(for: "the certificates to be read again", atMost: .seconds(10)) {
                            server.log.components(separatedBy: "certificates reloaded").count - 1 == number + 1
                        }
                    }
                    let soFar = answered.value
                    try await wait(for: "requests") { answered.value > soFar + 40 }
                }
                try await group.waitForAll()
            }
            #expect(failures.value == [])
            #expect(try await Self.status(server, of: "one.test", trusting: two.0.file) == 200)
            #expect(try await Self.status(server, of: "two.test", trusting: two.1.file) == 200)

            // The first is good, the second is not: both stay as they were.
            try first.change(to: one.0)
            try store.folder.write("-----BEGIN CERTIFICATE-----\nnothing\n", to: "b.pem")
            server.send(SIGHUP)
            try await wait(for: "the refusal", atMost: .seconds(10)) {
                server.log.contains("certificates not reloaded")
            }
            #expect(server.log.contains("b.pem does not hold a certificate"))
            #expect(try await Self.status(server, of: "one.test", trusting: two.0.file) == 200)
            #expect(try await Self.status(server, of: "two.test", trusting: two.1.file) == 200)
        }
    }

    @Test("a certificate among several that cannot be used is named at the start")
    func brokenAmongSeveral() async throws {
        try await withStore { store in
            let (one, two) = try await Self.pair(in: store.folder, "1")
            let cases: [([String], String)] = [
                ([one.key, one.key], "\(two.file) and the key in \(one.key) cannot be used together"),
                ([one.key], "--tls-cert names 2 files and --tls-key 1"),
                ([one.key, store.folder.path("missing.key")], "missing.key"),
            ]
            for (keys, words) in cases {
                let refused = await #expect(throws: ServerProcess.DidNotStart.self) {
                    try await store.start(
                        ["--tls-cert", "\(one.file),\(two.file)", "--tls-key", keys.joined(separator: ",")])
                }
                #expect(refused?.ended.code == 2)
                #expect(refused?.ended.errors.contains(words) == true, "\(String(describing: refused))")
            }
        }
    }

    // MARK: Fixtures

    /// For `one.test` and for `two.test`.
    private static func pair(in folder: TemporaryFolder, _ number: String) async throws -> (Certificate, Certificate) {
        (
            try await Certificate(in: folder, named: "one\(number)", for: "DNS:one.test"),
            try await Certificate(in: folder, named: "two\(number)", for: "DNS:two.test")
        )
    }

    /// A server with certificates for `one.test`, for `two.test`, and for all hosts below `wild.test`.
    private func withSeveral(_ body: (ServerProcess, TemporaryFolder) async throws -> Void) async throws {
        try await withStore { store in
            let folder = store.folder
            let all = [
                try await Certificate(in: folder, named: "one", for: "DNS:one.test,IP:127.0.0.1"),
                try await Certificate(in: folder, named: "two", for: "DNS:two.test,DNS:both.test"),
                try await Certificate(in: folder, named: "wild", for: "DNS:*.wild.test,DNS:both.test"),
            ]
            let server = try await store.start([
                "--tls-cert", all.map(\.file).joined(separator: ","), "--tls-key",
                all.map(\.key).joined(separator: ", "),
            ])
            try await body(server, folder)
        }
    }

    /// The status that a client of `https://host` gets; nil when it does not trust the certificate.
    private static func status(
        _ server: ServerProcess, of host: String, trusting file: String, transport: CurlTransport = CurlTransport()
    ) async throws -> Int? {
        var request = TransferRequest(method: .get, url: "https://\(host):\(server.port)/health")
        request.connectTo = "127.0.0.1:\(server.port)"
        request.caFile = file
        do { return try await transport.send(request).status } catch {
            guard error.kind == .tls else { throw error }
            return nil
        }
    }

    private struct Client {
        let server: ServerProcess
        let certificate: Certificate

        func ask(_ method: HTTPRequest.Method, _ target: String, _ host: String) async throws -> TransferResponse {
            try await server.send(method, target) {
                $0.caFile = certificate.file
                $0.headers.append(("Host", host))
            }
        }
    }

    private func withTLS(_ body: (ServerProcess, Client) async throws -> Void) async throws {
        try await withStore { store in
            let certificate = try await Certificate(in: store.folder, named: "one")
            let server = try await store.start(["--tls-cert", certificate.file, "--tls-key", certificate.key])
            #expect(server.url.hasPrefix("https://"))
            try await body(server, Client(server: server, certificate: certificate))
        }
    }

    /// The status on a new connection; nil when the certificate is not trusted.
    private static func health(_ server: ServerProcess, trusting file: String) async throws -> Int? {
        let transport = CurlTransport()
        defer { transport.shutDown() }
        do {
            return try await server.send(.get, "/health", transport: transport) { $0.caFile = file }.status
        } catch let error as TransferError where error.kind == .tls { return nil }
    }
}

/// The command-line tool, which makes certificates for these tests.
enum OpenSSL {
    static let path = "/usr/bin/openssl"
    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: path) }

    /// - Returns: the exit code.
    static func run(_ arguments: [String], in folder: TemporaryFolder) async throws -> Int32 {
        try await start(arguments, in: folder, input: "").end()
    }

    /// - Returns: what it wrote, whatever its exit code.
    static func output(_ arguments: [String], in folder: TemporaryFolder, input: String = "") async throws -> String {
        let program = try await start(arguments, in: folder, input: input)
        _ = try await program.end()
        return program.output
    }

    private static func start(
        _ arguments: [String], in folder: TemporaryFolder, input: String
    ) async throws -> RunningProgram {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = try FileHandle(
            forReadingFrom: try folder.write(input, to: "\(UUID().uuidString).in"))
        let output = try folder.write("", to: "\(UUID().uuidString).out")
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle.nullDevice
        return try await RunningProgram(process, in: folder, output: output, errors: output)
    }
}

/// A certificate that signs itself, with its key.
private struct Certificate {
    struct Failed: Error {}

    let file: String
    let key: String
    let text: String

    /// - Parameter hosts: for whom, as openssl writes it; this machine unless said otherwise.
    init(
        in folder: TemporaryFolder, named name: String, for hosts: String = "IP:127.0.0.1,DNS:localhost"
    ) async throws {
        let (file, key) = (folder.path("\(name).pem"), folder.path("\(name).key"))
        (self.file, self.key) = (file, key)
        let arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(hosts)", "-keyout", key, "-out", file,
        ]
        guard try await OpenSSL.run(arguments, in: folder) == 0 else { throw Failed() }
        text = try String(contentsOfFile: file, encoding: .utf8)
    }
}

/// The files that a server was told to use; what is in them changes.
private struct Used {
    private let folder: TemporaryFolder
    private let name: String

    init(in folder: TemporaryFolder, _ certificate: Certificate, _ name: String = "used") throws {
        self.folder = folder
        self.name = name
        try change(to: certificate)
    }

    var flags: [String] { Self.flags([self]) }

    static func flags(_ all: [Used]) -> [String] {
        let files = { (ending: String) in all.map { $0.folder.path($0.name + ending) }.joined(separator: ",") }
        return ["--tls-cert", files(".pem"), "--tls-key", files(".key")]
    }

    func change(to certificate: Certificate) throws {
        try folder.write(certificate.text, to: name + ".pem")
        try folder.write(try String(contentsOfFile: certificate.key, encoding: .utf8), to: name + ".key")
    }
}
