import Foundation
import GatehouseTestSupport
import GatehouseTransfer
import HTTPTypes
import Testing

@Suite("TLS of a transfer", .timeLimit(.minutes(1)))
struct TLSTests {
    let transport = CurlTransport()

    @Test("a server that does not speak TLS is told apart from a lost connection")
    func plainServer() async throws {
        let server = try RawServer { connection, _ in connection.write("HTTP/1.1 400 Bad Request\r\n\r\n") }
        let error = await failure { () throws(TransferError) in
            try await transport.send(TransferRequest(method: .get, url: "https://127.0.0.1:\(server.port)/"))
        }
        #expect(error?.kind == .tls)
        #expect(error?.mayHaveArrived == false)
    }

    @Test("a certificate is trusted through the file that the request names, and only so")
    func trust() async throws {
        let server = try TLSServer(name: "server.example")
        defer { server.stop() }
        let other = try TLSServer(name: "server.example")
        defer { other.stop() }
        func ask(
            _ name: String = "server.example", _ change: (inout TransferRequest) -> Void
        ) async throws(TransferError) -> TransferResponse {
            var request = TransferRequest(method: .get, url: "https://\(name)/")
            request.connectTo = "127.0.0.1:\(server.port)"
            change(&request)
            return try await transport.send(request)
        }
        #expect(try await ask { $0.caFile = server.certificate }.status == 200)
        // The order matters: a connection that was trusted before must not serve those that trust somebody else.
        let untrusted = await failure { () throws(TransferError) in try await ask { _ in } }
        #expect(untrusted?.kind == .tls)
        #expect(untrusted?.mayHaveArrived == false)
        let foreign = await failure { () throws(TransferError) in try await ask { $0.caFile = other.certificate } }
        #expect(foreign?.kind == .tls)
        let misnamed = await failure { () throws(TransferError) in
            try await ask("other.example") { $0.caFile = server.certificate }
        }
        #expect(misnamed?.kind == .tls)
        #expect(try await ask { $0.verifiesPeer = false }.status == 200)
        let missing = await failure { () throws(TransferError) in try await ask { $0.caFile = "/nowhere.pem" } }
        #expect(missing?.kind == .tls)
    }

    @Test("HTTP/2 asked of a server that does not offer it is HTTP/1.1")
    func fallsBack() async throws {
        let server = try TLSServer(name: "server.example")
        defer { server.stop() }
        var request = TransferRequest(method: .get, url: "https://server.example/")
        request.connectTo = "127.0.0.1:\(server.port)"
        request.caFile = server.certificate
        request.httpVersion = .http2
        #expect(try await transport.send(request).httpVersion == .http1)
    }

    @Test("the process can end in the middle of transfers")
    func exits() async {
        await #expect(processExitsWith: .success) {
            let server = try RawServer { _, _ in }
            let transport = CurlTransport()
            let busy = Gate()
            for _ in 0..<32 {
                Task {
                    while true {
                        let url = "https://127.0.0.1:\(server.port)/"
                        _ = try? await transport.send(TransferRequest(method: .get, url: url))
                        busy.open()
                    }
                }
            }
            await busy.wait()
            exit(EXIT_SUCCESS)
        }
    }
}

/// The command-line tool, which these tests use as certificate authority and server.
enum OpenSSL {
    static let path = "/usr/bin/openssl"

    static func start(_ arguments: [String], output: Pipe) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.begin()
        return process
    }
}

/// `openssl s_server` with a certificate of its own.
final class TLSServer {
    struct Failed: Error { let what: String }

    let certificate: String
    let port: UInt16
    private let folder: TemporaryFolder
    private let process: Process

    init(name: String) throws {
        folder = try TemporaryFolder()
        certificate = folder.path("certificate.pem")
        let key = folder.path("key.pem")
        let maker = try OpenSSL.start(
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)", "-keyout", key, "-out", certificate,
            ], output: Pipe())
        maker.waitUntilExit()
        guard maker.terminationStatus == 0 else { throw Failed(what: "no certificate") }
        let output = Pipe()
        process = try OpenSSL.start(
            ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www"], output: output)
        // It says "ACCEPT 127.0.0.1:40123" when it is ready.
        var text = ""
        while !(text.contains("ACCEPT") && text.hasSuffix("\n")) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Failed(what: "s_server ended") }
            text += String(decoding: more, as: UTF8.self)
        }
        guard let port = text.split(whereSeparator: { $0 == ":" || $0.isNewline }).last.flatMap({ UInt16($0) }) else {
            throw Failed(what: "no port in: \(text)")
        }
        self.port = port
    }

    func stop() {
        // Not SIGTERM: the process has inherited that thread's mask, in which that is blocked.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
