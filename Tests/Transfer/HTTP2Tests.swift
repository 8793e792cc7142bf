import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

/// Against nginx, because two ends by the same hand would share their misunderstandings.
@Suite("HTTP/2", .timeLimit(.minutes(1)))
struct HTTP2Tests {
    let transport = CurlTransport()

    /// Every request of the test, over HTTP/2 unless it says otherwise.
    private func request(_ server: Nginx, _ path: String, method: HTTPRequest.Method = .get) -> TransferRequest {
        var request = TransferRequest(method: method, url: "https://server.example\(path)")
        request.connectTo = "127.0.0.1:\(server.port)"
        request.caFile = server.certificate
        request.httpVersion = .http2
        return request
    }

    @Test("is spoken when it is asked for and offered, else HTTP/1.1")
    func version() async throws {
        let server = try Nginx()
        defer { server.stop() }
        var request = request(server, "/version")
        let second = try await transport.send(request)
        #expect(second.httpVersion == .http2 && second.body == Array("HTTP/2.0".utf8))
        request.httpVersion = .http1
        let first = try await transport.send(request)
        #expect(first.httpVersion == .http1 && first.body == Array("HTTP/1.1".utf8))
    }

    @Test("carries 200 requests at once over one connection")
    func oneConnection() async throws {
        let server = try Nginx()
        defer { server.stop() }
        let bodies = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<200 {
                group.addTask { [transport, request = request(server, "/connection")] in
                    try await transport.send(request).body
                }
            }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(bodies.count == 1)
    }

    @Test("carries method, target, host, headers and body as given")
    func asGiven() async throws {
        let server = try Nginx()
        defer { server.stop() }
        var request = request(server, "/echo/../echo?a=%41", method: .put)
        request.headers = [("X-Word", "one"), ("Host", "other.example"), ("X-Empty", "")]
        request.body = Array("body".utf8)
        let response = try await transport.send(request)
        #expect(
            String(decoding: response.body, as: UTF8.self) == "PUT /echo/../echo?a=%41 other.example one [] 4")
        #expect(response.header("X-Answer") == "yes")
    }

    @Test("a cancelled transfer ends its stream and leaves the connection to the others")
    func timedCancellation() async throws {
        let server = try Nginx()
        defer { server.stop() }
        let before = try await transport.send(request(server, "/connection")).body
        var error: TransferError?
        // Again until the cancellation met the transfer under way, which takes 16 seconds.
        while error?.mayHaveArrived != true {
            let slow = Task { [transport, request = request(server, "/slow")] in
                await failure { () throws(TransferError) in try await transport.send(request) }
            }
            _ = try await transport.send(request(server, "/version"))
            slow.cancel()
            error = await slow.value
            #expect(error?.kind == .cancelled)
        }
        // libcurl 7.88 tells the server with the next request on the connection; nginx writes the line when it knows.
        let start = ContinuousClock.now
        while !(try server.log().contains("GET /slow")) {
            #expect(try await transport.send(request(server, "/connection")).body == before)
        }
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("an answer that is too large ends its stream and leaves the connection to the others")
    func tooLarge() async throws {
        let server = try Nginx()
        defer { server.stop() }
        let before = try await transport.send(request(server, "/connection")).body
        var large = request(server, "/slow")
        large.maximumBodySize = 10_000
        let error = await failure { () throws(TransferError) in try await transport.send(large) }
        #expect(error?.kind == .tooLarge)
        #expect(try await transport.send(request(server, "/connection")).body == before)
    }
}

/// nginx with TLS and HTTP/2 on a port of its own.
final class Nginx {
    struct Failed: Error { let what: String }

    let port: UInt16
    let certificate: String
    private let folder: TemporaryFolder
    private let process = Process()

    private static let path = ProcessInfo.processInfo.environment["NGINX"] ?? "/usr/sbin/nginx"

    init() throws {
        self.folder = try TemporaryFolder()
        let (folder, key) = (self.folder.url.path(), self.folder.path("key.pem"))
        certificate = folder + "/certificate.pem"
        let maker = try OpenSSL.start(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=server.example", "-addext", "subjectAltName=DNS:server.example", "-keyout", key, "-out",
                certificate,
            ], output: Pipe())
        maker.waitUntilExit()
        guard maker.terminationStatus == 0 else { throw Failed(what: "no certificate") }
        try Data(repeating: 65, count: 1 << 20).write(to: self.folder.url.appending(path: "slow"))
        port = try RawServer.unusedPort()
        try Data(
            """
            daemon off; master_process off; pid \(folder)/pid; error_log stderr;
            events { worker_connections 512; }
            http {
              access_log \(folder)/log; client_body_temp_path \(folder); proxy_temp_path \(folder);
              fastcgi_temp_path \(folder); uwsgi_temp_path \(folder); scgi_temp_path \(folder);
              server {
                listen 127.0.0.1:\(port) ssl http2; server_name _; root \(folder);
                ssl_certificate \(certificate); ssl_certificate_key \(key);
                location = /version { return 200 $server_protocol; }
                location = /connection { return 200 $connection; }
                location = /slow { limit_rate 65536; }
                location = /echo {
                  add_header X-Answer yes;
                  return 200 "$request_method $request_uri $host $http_x_word [$http_x_empty] $content_length";
                }
              }
            }
            """.utf8
        ).write(to: self.folder.url.appending(path: "nginx.conf"))
        guard FileManager.default.isExecutableFile(atPath: Self.path) else {
            throw Failed(what: "\(Self.path) is missing: .ci/install-packages installs it, $NGINX names another")
        }
        process.executableURL = URL(filePath: Self.path)
        process.arguments = ["-p", folder, "-c", folder + "/nginx.conf"]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.begin()
        // It listens before it writes its number.
        while !FileManager.default.fileExists(atPath: folder + "/pid") {
            guard process.isRunning else { throw Failed(what: "nginx ended") }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }

    /// The requests that have been answered.
    func log() throws -> String {
        try folder.text("log")
    }

    func stop() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
