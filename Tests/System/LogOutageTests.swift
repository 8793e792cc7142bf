import Foundation
import GatehouseTestSupport
import Testing

@Suite("A log that cannot be written", .timeLimit(.minutes(1)))
struct LogOutageTests {
    enum Log: CaseIterable {
        case full
        case unread

        /// To be closed once the program has begun.
        var ends: (writing: FileHandle?, reading: FileHandle?) {
            switch self {
            case .full: return (FileHandle(forWritingAtPath: "/dev/full"), nil)
            case .unread:
                let pipe = Pipe()
                return (pipe.fileHandleForWriting, pipe.fileHandleForReading)
            }
        }
    }

    @Test("the server stays when its log is full or nobody reads it", arguments: Log.allCases)
    func stays(log: Log) async throws {
        let folder = try TemporaryFolder()
        let output = try folder.write("", to: "output")
        let ends = log.ends
        let process = Process()
        process.executableURL = try Program.gatehouse.executable
        process.arguments = ["serve", "--port", "0", "--database", folder.path("store.db"), "--log-level", "trace"]
        process.standardOutput = try FileHandle(forWritingTo: output)
        // macOS has no /dev/full.
        guard let writing = ends.writing else { return }
        process.standardError = writing
        try ends.reading?.close()
        let server = try await RunningProgram(process, in: folder, output: output, errors: output)
        try await wait(for: "the line that says that the server is ready, or its end") {
            server.output.contains("ready at ") || !server.isRunning
        }
        let port = server.output.trimmingCharacters(in: .newlines).split(separator: ":").last.flatMap { UInt16($0) }
        for _ in 0..<3 {
            let connection = try RawConnection(port: try #require(port, "the server ended"))
            try connection.send("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            #expect(try await connection.rest().hasPrefix("HTTP/1.1 404 "))
        }
        server.send(SIGTERM)
        #expect(try await server.end() == 0)
    }
}
