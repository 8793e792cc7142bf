import Foundation
import GatehouseResolver
import GatehouseTestSupport
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

let legacy = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
let nano = "nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3"

func entry(_ type: Int, _ address: String) -> String {
    #"{"address_type":\#(type),"address":"\#(address)","extensions":{}}"#
}

/// A host over TLS with a certificate of its own (`openssl s_server`) that answers each look-up of `alice$a.test` alike.
final class Host: Sendable {
    struct DidNotStart: Error { let log: String }

    let port: UInt16
    let certificate: String
    private let folder: TemporaryFolder
    private let process: Process

    /// - Parameter answer: all of it, head and body.
    init(_ name: String = "cap.a.test", answering answer: String) async throws {
        folder = try TemporaryFolder()
        let made = try TestCertificate(in: folder, named: "certificate", for: "DNS:\(name)")
        certificate = try folder.text("certificate.pem")
        try folder.write(answer, to: Self.file)
        let log = try folder.write("", to: "log")
        process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", made.file, "-key", made.key, "-HTTP",
        ]
        process.currentDirectoryURL = folder.url
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.begin()
        for _ in 0..<1500 where process.isRunning {
            // It says "ACCEPT 127.0.0.1:40123" when it is ready.
            let line = try folder.text("log").split(separator: "\n").first { $0.hasPrefix("ACCEPT ") }
            if let port = line?.split(separator: ":").last.flatMap({ UInt16($0) }),
                try folder.text("log").hasSuffix("\n")
            {
                self.port = port
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        kill(process.processIdentifier, SIGKILL)
        throw DidNotStart(log: try folder.text("log"))
    }

    convenience init(_ name: String = "cap.a.test", json: String) async throws {
        try await self.init(name, answering: Self.ok(json))
    }

    func change(to answer: String) throws { try folder.write(answer, to: Self.file) }

    func change(toJSON json: String) throws { try change(to: Self.ok(json)) }

    private static let file = "v1/addresses?alias=alice%24a.test"

    private static func ok(_ json: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\(json)"
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
}

/// A domain in DNS, and a resolver that asks there and trusts the certificates of its hosts.
struct Place {
    let names: NameServer
    let resolver: AliasResolver
    let pins = MemoryPinStore()
    let clock = Clock()
    private let folder = try! TemporaryFolder()

    /// - Parameters:
    ///   - records: those of `a.test`, besides the addresses of its hosts `cap`, `cap2` and `new`.
    ///   - hosts: whom to trust.
    init(
        _ records: String, trusting hosts: [Host] = [], timeout: Duration = .seconds(30),
        confirm: @escaping @Sendable (HostChange) async -> Bool = { _ in false }
    ) async throws {
        names = try await NameServer(["a.test": Self.zone(records)])
        let clock = clock
        let trusted = try folder.write(hosts.map(\.certificate).joined(), to: "trusted.pem").path
        resolver = try AliasResolver(
            nameServers: [names.address], caFile: hosts.isEmpty ? nil : trusted, pins: pins, timeout: timeout,
            now: { .now + clock.ahead.withLock { $0 } }, random: { Int.random(in: $0) }, confirm: confirm)
    }

    func change(to records: String) async throws { try await names.change("a.test", to: Self.zone(records)) }

    private static func zone(_ records: String) -> String {
        """
        cap A 127.0.0.1
        cap2 A 127.0.0.1
        new A 127.0.0.1
        \(records)
        """
    }

    /// A line of a zone file.
    static func service(_ port: UInt16, _ host: String = "cap", priority: Int = 0, timeToLive: Int = 60) -> String {
        "_opencap._tcp \(timeToLive) SRV \(priority) 0 \(port) \(host)\n"
    }

    final class Clock: Sendable {
        let ahead = Mutex<Duration>(.zero)
        func advance(by time: Duration) { ahead.withLock { $0 += time } }
    }
}
