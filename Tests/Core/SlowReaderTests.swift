import Glibc
import NIOCore
import Testing

@testable import GatehouseCore

@Suite("Clients that do not take their answers", .timeLimit(.minutes(1)))
struct SlowReaderTests {
    @Test("a client that takes no answers is cut off")
    func isCutOff() async throws {
        var limits = ConnectionLimits()
        #expect(limits.answerTime == .seconds(30))
        limits.answerTime = .milliseconds(200)
        try await withServer(limits: limits) { server in
            let port = try #require(server.url.split(separator: ":").last.flatMap { UInt16($0) })
            #expect(await Task.detached { Self.isCutOff(port) }.value)
        }
    }

    /// Asks for more and more and reads nothing, until the server hangs up or 45 seconds have passed.
    private static func isCutOff(_ port: UInt16) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        // A small window, so that the answers back up soon.
        var size: Int32 = 4096
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return false }
        let requests = Array(String(repeating: "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000).utf8)
        let start = ContinuousClock.now
        while start.duration(to: .now) < .seconds(45) {
            let sent = unsafe requests.withUnsafeBytes {
                unsafe send(
                    socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if sent < 0 && errno != EAGAIN { return true }
            if sent < 0 { usleep(10_000) }
        }
        return false
    }
}
