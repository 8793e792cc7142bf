import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A TCP server on 127.0.0.1 that says what a test's script says, byte for byte. It knows nothing of HTTP but where a request
/// ends (bodies have a `Content-Length`), and gives each connection a thread, so a script may block.
package final class RawServer: Sendable {
    package let port: UInt16
    private let state = State()

    package var url: String { "http://127.0.0.1:\(port)" }
    package var connections: Int { state.connections.withLock { $0 } }
    /// Everything that was read as requests, in the order of its arrival.
    package var requests: [String] { state.requests.withLock { $0 } }

    /// - Parameter script: called for each connection, which closes when it returns. The number counts from 1.
    package init(script: @escaping @Sendable (Connection, Int) -> Void) throws {
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
                    script(Connection(descriptor, state), number)
                    closeSocket(descriptor)
                }
            }
            closeSocket(listener)
        }
    }

    /// Answers every request of every connection in the same way.
    package convenience init(answering answer: String) throws {
        try self.init { connection, _ in while connection.request() != nil { connection.write(answer) } }
    }

    deinit { stop() }

    /// Stops listening and ends every connection soon.
    package func stop() { state.isStopped.store(true, ordering: .releasing) }

    /// A port of 127.0.0.1 on which nobody listens.
    package static func unusedPort() throws -> UInt16 {
        let (listener, port) = try listen()
        closeSocket(listener)
        return port
    }

    fileprivate final class State: Sendable {
        let connections = Mutex(0)
        let requests = Mutex<[String]>([])
        let isStopped = Atomic(false)
    }
}

extension RawServer {
    /// The server's end of a connection, used by the thread of its script.
    package final class Connection {
        private let descriptor: Int32
        private let state: State
        private var buffer: [UInt8] = []

        fileprivate init(_ descriptor: Int32, _ state: State) {
            self.descriptor = descriptor
            self.state = state
        }

        /// The next request, head and body; nil when the connection ended.
        package func request() -> String? { message().map { $0.head + String(decoding: $0.body, as: UTF8.self) } }

        /// The next request in two parts; the head ends with its empty line.
        ///
        /// - Parameter patience: for the head.
        /// - Returns: nil when the connection ended or patience did.
        package func message(headWithin patience: Duration = .seconds(3600)) -> (head: String, body: [UInt8])? {
            let start = ContinuousClock.now
            while true {
                if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
                    let head = String(decoding: buffer[..<end], as: UTF8.self)
                    let length = head.lowercased().components(separatedBy: "\r\ncontent-length:").dropFirst().first
                        .flatMap { Int($0.drop { $0 == " " }.prefix { $0.isNumber }) }
                    if buffer.count >= end + (length ?? 0) {
                        let body = Array(buffer[end...].prefix(length ?? 0))
                        buffer.removeFirst(end + body.count)
                        state.requests.withLock { $0.append(head + String(decoding: body, as: UTF8.self)) }
                        return (head, body)
                    }
                } else if ContinuousClock.now - start > patience {
                    return nil
                }
                guard let more = read() else { return nil }
                buffer += more
            }
        }

        /// The head of the next request with its empty line; its body comes from `piece`. Nil when the connection ended.
        package func head() -> String? {
            while true {
                if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
                    defer { buffer.removeFirst(end) }
                    return String(decoding: buffer[..<end], as: UTF8.self)
                }
                guard let more = read() else { return nil }
                buffer += more
            }
        }

        /// What came next, maybe nothing yet; nil when the connection ended.
        package func piece() -> [UInt8]? {
            guard buffer.isEmpty else {
                defer { buffer = [] }
                return buffer
            }
            return read()
        }

        package func write(_ text: String) { write(Array(text.utf8)) }

        package func write(_ bytes: [UInt8]) { _ = writeAll(bytes) }

        /// - Returns: false when the client has closed the connection.
        package func writeAll(_ bytes: [UInt8]) -> Bool {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes { unsafe sendBytes(descriptor, $0) }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }

        /// Reads on until the client closes the connection.
        package func waitForClose() { while read() != nil {} }

        /// Closes with a reset instead of a goodbye.
        package func reset() {
            var linger = linger(l_onoff: 1, l_linger: 0)
            unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        }

        /// - Returns: empty when nothing came within a moment, nil when the connection ended.
        private func read() -> [UInt8]? {
            guard !state.isStopped.load(ordering: .acquiring) else { return nil }
            guard isReadable(descriptor, within: 20) else { return [] }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
            return count > 0 ? Array(bytes.prefix(count)) : nil
        }
    }
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

// The system's functions under names that no method above hides.

private func closeSocket(_ descriptor: Int32) { _ = close(descriptor) }

private func acceptOn(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }
