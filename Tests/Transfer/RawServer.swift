import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A TCP server on 127.0.0.1 that says what a test's script says, byte for byte. It knows nothing of HTTP but where a request
/// ends, and gives each connection a thread, so a script may block.
final class RawServer: Sendable {
    let port: UInt16
    private let state = State()

    var url: String { "http://127.0.0.1:\(port)" }
    var connections: Int { state.connections.withLock { $0 } }
    /// Everything that was read as requests, in the order of its arrival.
    var requests: [String] { state.requests.withLock { $0 } }

    /// - Parameter script: called for each connection, which closes when it returns. The number counts from 1.
    init(script: @escaping @Sendable (RawConnection, Int) -> Void) throws {
        let (listener, port) = try listen()
        self.port = port
        let state = state
        Thread.detachNewThread {
            while !state.isStopped.load(ordering: .acquiring) {
                guard isReadable(listener, within: 20) else { continue }
                let descriptor = acceptOn(listener)
                guard descriptor >= 0 else { continue }
                let number = state.connections.withLock { count in
                    count += 1
                    return count
                }
                Thread.detachNewThread {
                    script(RawConnection(descriptor, state), number)
                    closeSocket(descriptor)
                }
            }
            closeSocket(listener)
        }
    }

    /// Answers every request of every connection in the same way.
    convenience init(answering answer: String) throws {
        try self.init { connection, _ in while connection.request() != nil { connection.write(answer) } }
    }

    deinit { state.isStopped.store(true, ordering: .releasing) }

    final class State: Sendable {
        let connections = Mutex(0)
        let requests = Mutex<[String]>([])
        let isStopped = Atomic(false)
    }
}

/// The server's end of a connection, used by the thread of its script.
final class RawConnection {
    private let descriptor: Int32
    private let state: RawServer.State
    private var buffer: [UInt8] = []

    init(_ descriptor: Int32, _ state: RawServer.State) {
        self.descriptor = descriptor
        self.state = state
    }

    /// The next request, head and body; nil when the client closed the connection.
    func request() -> String? {
        while true {
            if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
                let head = String(decoding: buffer[..<end], as: UTF8.self)
                let length = head.lowercased().components(separatedBy: "\r\ncontent-length: ").dropFirst().first
                    .flatMap { Int($0.prefix { $0.isNumber }) }
                if buffer.count >= end + (length ?? 0) {
                    let request = String(decoding: buffer.prefix(end + (length ?? 0)), as: UTF8.self)
                    buffer.removeFirst(end + (length ?? 0))
                    state.requests.withLock { $0.append(request) }
                    return request
                }
            }
            guard let more = read() else { return nil }
            buffer += more
        }
    }

    func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) { _ = writeAll(bytes) }

    /// - Returns: false when the client has closed the connection.
    func writeAll(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe writeToSocket(descriptor, $0) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Reads on until the client closes the connection.
    func waitForClose() { while read() != nil {} }

    /// Closes with a reset instead of a goodbye.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    }

    private func read() -> [UInt8]? {
        while !state.isStopped.load(ordering: .acquiring) {
            guard isReadable(descriptor, within: 20) else { continue }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
            return count > 0 ? Array(bytes.prefix(count)) : nil
        }
        return nil
    }
}

/// A port of 127.0.0.1 on which nobody listens.
func unusedPort() throws -> UInt16 {
    let (listener, port) = try listen()
    closeSocket(listener)
    return port
}

private struct SocketProblem: Error { let code: Int32 }

private func listen() throws -> (listener: Int32, port: UInt16) {
    #if canImport(Glibc)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
    let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { throw SocketProblem(code: errno) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            guard unsafe bind(descriptor, generic, size) == 0, listen(descriptor, 512) == 0 else { return errno }
            return unsafe getsockname(descriptor, generic, &size) == 0 ? 0 : errno
        }
    }
    guard code == 0 else {
        closeSocket(descriptor)
        throw SocketProblem(code: code)
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

private func isReadable(_ descriptor: Int32, within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, milliseconds) > 0
}

private func closeSocket(_ descriptor: Int32) { _ = close(descriptor) }

private func acceptOn(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }

private func writeToSocket(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
    unsafe send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
    unsafe send(descriptor, bytes.baseAddress, bytes.count, 0)
    #endif
}
