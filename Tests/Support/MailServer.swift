import Foundation
package import GatehouseJSON

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A mail server of somebody else (aiosmtpd) on this machine; see `MailServer/mailserver.py`. `Tests/run.sh` installs it.
package final class MailServer: Sendable {
    package enum TLS: String, Sendable { case startTLS = "starttls", tls, none }

    package struct NotInstalled: Error, CustomStringConvertible {
        package let description = "the mail server of the tests is not installed; Tests/run.sh installs it"
    }
    package struct DidNotStart: Error { let errors: String }

    package let port: UInt16
    private let folder: TemporaryFolder
    private let process: Process

    /// - Parameters:
    ///   - port: 0 for any free one.
    ///   - user: who has to sign in, with which password; nil for nobody.
    ///   - greetAfter: how long the server keeps quiet when somebody connects, in seconds.
    package init(
        port: UInt16 = 0, _ tls: TLS = .startTLS, certificate: TestCertificate? = nil,
        user: (name: String, password: String)? = nil, greetAfter: Double = 0
    ) async throws {
        let program = TestFiles.repository.appending(path: ".build/mailserver/bin/python")
        guard FileManager.default.isExecutableFile(atPath: program.path) else { throw NotInstalled() }
        folder = try TemporaryFolder()
        process = Process()
        process.executableURL = program
        process.arguments = [
            "-B", TestFiles.repository.appending(path: "Tests/Support/MailServer/mailserver.py").path,
            "--folder", folder.url.path, "--port", "\(port)", "--tls", tls.rawValue, "--greet-after", "\(greetAfter)",
        ]
        if let certificate { process.arguments! += ["--certificate", certificate.file, "--key", certificate.key] }
        if let user { process.arguments! += ["--user", user.name, "--password", user.password] }
        let output = try folder.write("", to: "output")
        let errors = try folder.write("", to: "errors")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.begin()
        for _ in 0..<1500 where process.isRunning {
            let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
            if text.hasSuffix("\n"), let number = UInt16(text.dropLast()) {
                self.port = number
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        kill(process.processIdentifier, SIGKILL)
        throw DidNotStart(errors: (try? String(contentsOf: errors, encoding: .utf8)) ?? "")
    }

    deinit { stop() }

    /// Nobody listens any more when this returns.
    package func stop() {
        // Not SIGTERM: the threads of tasks block it, and a program inherits that.
        while process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            usleep(5000)
        }
    }

    // MARK: What it saw

    /// The mails that it took, in the order of their arrival.
    package var mails: [JSONValue] { notes("mail") }
    /// For whom mail was to be, taken or not.
    package var attempts: [String] { notes("attempt").compactMap { $0["to"]?.string } }
    package var signIns: [JSONValue] { notes("sign-in") }
    /// Of a server that greets late.
    package var connections: Int { notes("connection").count }

    private func notes(_ kind: String) -> [JSONValue] {
        let names = ((try? folder.names()) ?? []).filter { $0.hasPrefix(kind + "-") && $0.hasSuffix(".json") }
        return names.compactMap { name in
            (try? Data(contentsOf: URL(filePath: folder.path(name)))).flatMap { try? JSONValue(parsing: Array($0)) }
        }
    }
}

/// A certificate for this machine that signs itself, with its key.
package struct TestCertificate: Sendable {
    package struct Failed: Error {}

    package let file: String
    package let key: String

    /// - Parameter names: as `IP:127.0.0.1,DNS:localhost`.
    package init(in folder: TemporaryFolder, named name: String, for names: String) throws {
        (file, key) = (folder.path("\(name).pem"), folder.path("\(name).key"))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)", "-keyout", key, "-out", file,
        ]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.begin()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed() }
    }
}
