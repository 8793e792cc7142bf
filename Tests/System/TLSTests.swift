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
                            server.log.components(separatedBy: "certificate reloaded").count - 1 == number + 1
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
            try await wait(for: "the refusal", atMost: .seconds(10)) { server.log.contains("certificate not reloaded") }
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

    // MARK: Fixtures

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
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let output = try folder.write("", to: "\(UUID().uuidString).out")
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: output)
        return try await RunningProgram(process, in: folder, output: output, errors: output).end()
    }
}

/// A certificate for this machine that signs itself, with its key.
private struct Certificate {
    struct Failed: Error {}

    let file: String
    let key: String
    let text: String

    init(in folder: TemporaryFolder, named name: String) async throws {
        let (file, key) = (folder.path("\(name).pem"), folder.path("\(name).key"))
        (self.file, self.key) = (file, key)
        let arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out",
            file,
        ]
        guard try await OpenSSL.run(arguments, in: folder) == 0 else { throw Failed() }
        text = try String(contentsOfFile: file, encoding: .utf8)
    }
}

/// The files that a server was told to use; what is in them changes.
private struct Used {
    private let folder: TemporaryFolder

    init(in folder: TemporaryFolder, _ certificate: Certificate) throws {
        self.folder = folder
        try change(to: certificate)
    }

    var flags: [String] { ["--tls-cert", folder.path("used.pem"), "--tls-key", folder.path("used.key")] }

    func change(to certificate: Certificate) throws {
        try folder.write(certificate.text, to: "used.pem")
        try folder.write(try String(contentsOfFile: certificate.key, encoding: .utf8), to: "used.key")
    }
}
