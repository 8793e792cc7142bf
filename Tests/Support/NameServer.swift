import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A name server of somebody else (knot, from Debian) on this machine, over UDP and TCP. It knows its zones and nobody else's.
package final class NameServer: Sendable {
    private static let program = "/usr/sbin/knotd"

    package struct DidNotStart: Error { let log: String }

    package let port: UInt16
    private let folder: TemporaryFolder
    private let process: Process

    package var address: String { "127.0.0.1:\(port)" }

    /// - Parameter zones: the records of each domain, as in a zone file (RFC 1035 §5), without SOA and NS.
    package init(_ zones: [String: String]) async throws {
        guard FileManager.default.isExecutableFile(atPath: Self.program) else {
            throw DidNotStart(log: "\(Self.program) is not there: install knot, or all of .ci/packages")
        }
        let port = try RawServer.unusedPort()
        self.port = port
        folder = try TemporaryFolder()
        var configuration = """
            server:
                rundir: "\(folder.url.path)"
                listen: 127.0.0.1@\(port)
                udp-workers: 1
                tcp-workers: 1
                background-workers: 1
            database:
                storage: "\(folder.url.path)"
            log:
              - target: stderr
                any: info
            template:
              - id: default
                storage: "\(folder.url.path)"
                zonefile-sync: -1
                journal-content: none
            zone:

            """
        for domain in zones.keys.sorted() {
            let file = Self.file(of: domain)
            configuration += "  - domain: \(domain)\n    file: \(file)\n"
            try folder.write(Self.zone(domain, zones[domain] ?? "", serial: 1), to: file)
        }
        let file = try folder.write(configuration, to: "knot.conf")
        let log = try folder.write("", to: "knot.log")
        process = Process()
        process.executableURL = URL(filePath: Self.program)
        process.arguments = ["--config", file.path, "--socket", folder.path("knot.sock")]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = try FileHandle(forWritingTo: log)
        try process.begin()
        for _ in 0..<1500 where process.isRunning {
            // It says so when every zone is there.
            if try folder.text("knot.log").contains("server started") { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        kill(process.processIdentifier, SIGKILL)
        throw DidNotStart(log: (try? folder.text("knot.log")) ?? "")
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// Has other records from now on, as an operator who edits the file and says `knotc reload`.
    package func change(_ domain: String, to records: String) async throws {
        let serial = 1 + (try folder.text("knot.log").components(separatedBy: "zone file parsed").count)
        try folder.write(Self.zone(domain, records, serial: serial), to: Self.file(of: domain))
        kill(process.processIdentifier, SIGHUP)
        for _ in 0..<1500 {
            if try folder.text("knot.log").contains(" -> \(serial),") { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw DidNotStart(log: try folder.text("knot.log"))
    }

    private static func file(of domain: String) -> String { "\(domain).zone" }

    private static func zone(_ domain: String, _ records: String, serial: Int) -> String {
        """
        $ORIGIN \(domain).
        $TTL 300
        @ SOA ns hostmaster \(serial) 3600 600 86400 60
        @ NS ns
        ns A 127.0.0.1
        \(records)

        """
    }
}
