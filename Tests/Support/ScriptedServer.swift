import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A tiny HTTP/1.1 server that answers as a test tells it to. It listens on 127.0.0.1, on a port of its own.
///
/// Every connection has its own thread, so an answer may block. It understands just enough of HTTP for tests: one
/// request after the other, bodies with `Content-Length`.
package final class ScriptedServer: Sendable {
    package struct Request: Sendable {
        package let method: String
        package let target: String
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]

        /// The first header line of that name.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        package var bodyText: String { String(decoding: body, as: UTF8.self) }
    }

    package enum Answer: Sendable {
        /// `Content-Length` is added.
        case http(Int, headers: [(name: String, value: String)] = [], body: String = "")
        /// The bytes as they are; the connection closes afterwards.
        case bytes([UInt8])
        /// Closes the connection without an answer.
        case close
        /// Keeps the connection open and says nothing.
        case silence

        package static func json(
            _ body: String, status: Int = 200, headers: [(name: String, value: String)] = []
        ) -> Answer {
            .http(status, headers: [("Content-Type", "application/json")] + headers, body: body)
        }

        /// A refusal with its code, as every door of the product gives one.
        package static func refusal(_ status: Int, _ code: String) -> Answer {
            .json(#"{"message":"no"}"#, status: status, headers: [("Error-Code", code)])
        }
    }

    package let port: UInt16
    private let state: State

    package var url: String { "http://127.0.0.1:\(port)" }

    /// The requests so far, in the order in which they were read.
    package var requests: [Request] { state.requests.withLock { $0 } }

    /// - Parameters:
    ///   - headTimeout: closes a connection that has not sent a whole request head after this time.
    ///   - answer: called on the connection's thread.
    package init(
        headTimeout: Duration = .seconds(60), answer: @escaping @Sendable (Request) -> Answer
    ) throws {
        let listener = try Listener()
        port = listener.port
        let state = State(headTimeout: headTimeout, answer: answer)
        self.state = state
        Thread.detachNewThread {
            while !state.isStopped.load(ordering: .acquiring) {
                guard let connection = listener.accept(within: .milliseconds(50)) else { continue }
                Thread.detachNewThread { state.serve(connection) }
            }
            listener.close()
        }
    }

    deinit { stop() }

    /// Stops listening and ends every connection soon.
    package func stop() { state.isStopped.store(true, ordering: .releasing) }

    /// A port of this machine on which nothing listens.
    package static func unusedPort() throws -> UInt16 {
        let listener = try Listener()
        defer { listener.close() }
        return listener.port
    }

    // MARK: Connections

    private final class State: Sendable {
        let headTimeout: Duration
        let answer: @Sendable (Request) -> Answer
        let requests = Mutex<[Request]>([])
        let isStopped = Atomic(false)

        init(headTimeout: Duration, answer: @escaping @Sendable (Request) -> Answer) {
            self.headTimeout = headTimeout
            self.answer = answer
        }

        func serve(_ connection: Connection) {
            defer { connection.close() }
            var buffer: [UInt8] = []
            while let request = read(connection, &buffer) {
                requests.withLock { $0.append(request) }
                switch answer(request) {
                case .http(let status, let headers, let body):
                    let isHead = request.method == "HEAD"
                    connection.send(Self.bytes(status, headers, isHead ? "" : body, length: body.utf8.count))
                    if request.header("Connection")?.lowercased() == "close" { return }
                case .bytes(let bytes):
                    connection.send(bytes)
                    return
                case .close: return
                case .silence:
                    while !isStopped.load(ordering: .acquiring), !connection.isClosedByPeer() {}
                    return
                }
            }
        }

        /// - Returns: nil when the connection ends.
        private func read(_ connection: Connection, _ buffer: inout [UInt8]) -> Request? {
            let start = ContinuousClock.now
            while true {
                if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
                    let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
                        .components(separatedBy: "\r\n")
                    let headers = lines.dropFirst().map { line in
                        let parts = line.components(separatedBy: ":")
                        return (
                            name: parts[0],
                            value: parts.dropFirst().joined(separator: ":").trimmingCharacters(in: .whitespaces)
                        )
                    }
                    let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) }
                    let body = buffer[end.upperBound...]
                    if body.count >= length ?? 0 {
                        let words = lines[0].components(separatedBy: " ")
                        buffer = Array(body.dropFirst(length ?? 0))
                        return Request(
                            method: words[0], target: words.count > 1 ? words[1] : "", headers: headers,
                            body: Array(body.prefix(length ?? 0)))
                    }
                } else if ContinuousClock.now - start > headTimeout {
                    return nil
                }
                guard !isStopped.load(ordering: .acquiring), let more = connection.receive() else { return nil }
                buffer += more
            }
        }

        private static func bytes(
            _ status: Int, _ headers: [(name: String, value: String)], _ body: String, length: Int
        ) -> [UInt8] {
            var head = "HTTP/1.1 \(status) Scripted\r\n"
            for header in headers { head += "\(header.name): \(header.value)\r\n" }
            if status != 204, status != 304 { head += "Content-Length: \(length)\r\n" }
            return Array((head + "\r\n" + body).utf8)
        }
    }

    private struct Connection: Sendable {
        let descriptor: Int32

        /// - Returns: empty when nothing came within a moment, nil when the connection ended.
        func receive() -> [UInt8]? {
            guard isReadable() else { return [] }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
            return count > 0 ? Array(buffer.prefix(count)) : nil
        }

        func isClosedByPeer() -> Bool { receive() == nil }

        func send(_ bytes: [UInt8]) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes { unsafe writeToSocket(descriptor, $0) }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }

        func close() { closeSocket(descriptor) }

        private func isReadable() -> Bool {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return unsafe poll(&entry, 1, 20) > 0
        }
    }

    private struct Listener: Sendable {
        let descriptor: Int32
        let port: UInt16

        struct Problem: Error { let code: Int32 }

        init() throws {
            #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
            #endif
            guard descriptor >= 0 else { throw Problem(code: errno) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    guard unsafe bind(descriptor, generic, size) == 0, listen(descriptor, 128) == 0 else {
                        return errno
                    }
                    return unsafe getsockname(descriptor, generic, &size) == 0 ? 0 : errno
                }
            }
            guard code == 0 else {
                closeSocket(descriptor)
                throw Problem(code: code)
            }
            self.descriptor = descriptor
            port = UInt16(bigEndian: address.sin_port)
        }

        func accept(within patience: Duration) -> Connection? {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, Int32(patience / .milliseconds(1))) > 0 else { return nil }
            let connection = acceptOn(descriptor)
            return connection >= 0 ? Connection(descriptor: connection) : nil
        }

        func close() { closeSocket(descriptor) }
    }
}

// The system's functions under names that no method above hides.

private func closeSocket(_ descriptor: Int32) { _ = close(descriptor) }

private func acceptOn(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }

private func writeToSocket(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
    unsafe send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
    unsafe send(descriptor, bytes.baseAddress, bytes.count, 0)
    #endif
}
