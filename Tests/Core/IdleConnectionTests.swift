import Glibc
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import GatehouseCore

@Suite("Connections without a request", .timeLimit(.minutes(1)))
struct IdleConnectionTests {
    @Test("an idle connection is closed")
    func isClosed() async throws {
        let fixture = try await Fixture()
        var limits = ConnectionLimits()
        #expect(limits.idleTime == .seconds(60))
        limits.idleTime = .milliseconds(200)
        let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (urls, ready) = AsyncStream.makeStream(of: String.self)
        let server = try GatehouseServer(
            settings: fixture.settings, features: fixture.features, database: fixture.database,
            clock: fixture.time.clock, limits: limits, logger: silent
        ) { ready.yield($0) }
        let group = ServiceGroup(configuration: .init(services: [server], logger: silent))
        let running = Task { try await group.run() }
        let url = try #require(await urls.first { _ in true })
        let port = try #require(url.split(separator: ":").last.flatMap { UInt16($0) })
        let isClosed = await Task.detached { Self.isClosedWithinFiveSeconds(port) }.value
        #expect(isClosed)
        await group.triggerGracefulShutdown()
        try await running.value
    }

    /// Connects, says nothing, and waits for the end of the stream.
    private static func isClosedWithinFiveSeconds(_ port: UInt16) -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
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
        var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, 5000) == 1 else { return false }
        var byte: UInt8 = 0
        return unsafe recv(socket, &byte, 1, 0) == 0
    }
}
