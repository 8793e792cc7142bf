internal import Foundation
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One TCP connection on which bytes go out exactly as given. Its calls block: use it on a thread of its own.
struct PlainConnection: ~Copyable {
    private let descriptor: Int32

    /// - Throws: `ConnectionProblem` when no address of the host accepts the connection in time.
    init(host: String, port: UInt16, timeout: Duration) throws(ConnectionProblem) {
        let list = unsafe try resolve(host, port)
        defer { unsafe freeaddrinfo(list) }
        var problem = ConnectionProblem("the name \(host) has no address")
        var next: UnsafeMutablePointer<addrinfo>? = unsafe list
        while let entry = unsafe next {
            do {
                descriptor = unsafe try Self.connected(to: entry.pointee, timeout: timeout)
                return
            } catch {
                problem = error
                unsafe next = entry.pointee.ai_next
            }
        }
        throw problem
    }

    /// - Parameter descriptor: a connection that a `Listener` took; closed with this value.
    init(accepted descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { _ = close(descriptor) }

    private static func connected(to address: addrinfo, timeout: Duration) throws(ConnectionProblem) -> Int32 {
        let descriptor = unsafe socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { throw ConnectionProblem(errno: errno) }
        var isConnected = false
        defer { if !isConnected { _ = close(descriptor) } }
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw ConnectionProblem(errno: errno) }
        // Single bytes must leave when they are sent, not together.
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        if unsafe connect(descriptor, address.ai_addr, address.ai_addrlen) != 0 {
            guard errno == EINPROGRESS else { throw ConnectionProblem(errno: errno) }
            guard try wait(for: descriptor, events: Int16(POLLOUT), timeout: timeout) else {
                throw ConnectionProblem("connecting took longer than \(timeout.inSeconds)")
            }
            var code: Int32 = 0
            var codeSize = size
            guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &codeSize) == 0 else {
                throw ConnectionProblem(errno: errno)
            }
            guard code == 0 else { throw ConnectionProblem(errno: code) }
        }
        isConnected = true
        return descriptor
    }

    /// Sends as many of the bytes as the connection takes at once.
    ///
    /// - Returns: how many; nil when the other side has closed or reset the connection.
    func send(_ bytes: ArraySlice<UInt8>, timeout: Duration) throws(ConnectionProblem) -> Int? {
        guard try Self.wait(for: descriptor, events: Int16(POLLOUT), timeout: timeout) else { return 0 }
        let sent = unsafe bytes.withUnsafeBytes { unsafe write($0, to: descriptor) }
        if sent >= 0 { return sent }
        switch errno {
        case EPIPE, ECONNRESET: return nil
        case EAGAIN, EINTR: return 0
        default: throw ConnectionProblem(errno: errno)
        }
    }

    enum Received {
        case bytes([UInt8])
        case closed
        case nothing
    }

    /// Waits for bytes or for the end. A reset counts as closed.
    func receive(timeout: Duration) throws(ConnectionProblem) -> Received {
        guard try Self.wait(for: descriptor, events: Int16(POLLIN), timeout: timeout) else { return .nothing }
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count > 0 { return .bytes(Array(buffer.prefix(count))) }
        if count == 0 { return .closed }
        switch errno {
        case ECONNRESET, EPIPE: return .closed
        case EAGAIN, EINTR: return .nothing
        default: throw ConnectionProblem(errno: errno)
        }
    }

    /// - Returns: false when nothing happened in time.
    static func wait(
        for descriptor: Int32, events: Int16, timeout: Duration
    ) throws(ConnectionProblem) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        let milliseconds = Int32(clamping: Int((max(timeout, .zero) / .milliseconds(1)).rounded(.up)))
        let count = unsafe poll(&entry, 1, milliseconds)
        if count < 0, errno != EINTR { throw ConnectionProblem(errno: errno) }
        return count > 0
    }
}

/// The addresses of a host for TCP, at least one; free the list after use.
func resolve(_ host: String, _ port: UInt16) throws(ConnectionProblem) -> UnsafeMutablePointer<addrinfo> {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    #if canImport(Glibc)
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
    unsafe hints.ai_socktype = SOCK_STREAM
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, String(port), &hints, &list)
    guard code == 0, let list = unsafe list else {
        throw ConnectionProblem("the name \(host) cannot be resolved: \(unsafe String(cString: gai_strerror(code)))")
    }
    return unsafe list
}

/// `send(2)` without SIGPIPE; inside `PlainConnection` the bare name is its own method.
private func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
    #if canImport(Glibc)
    unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
    unsafe Darwin.send(descriptor, bytes.baseAddress, bytes.count, 0)
    #endif
}

/// Why there is no connection, in the system's words.
struct ConnectionProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init(errno code: Int32) { description = unsafe String(cString: strerror(code)) }
}

/// Runs blocking code on a thread of its own, so that it takes none of the few threads of Swift's pool.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Tells a thread of ours that its task was cancelled.
final class CancellationFlag: Sendable {
    private let flag = Atomic(false)

    func set() { flag.store(true, ordering: .releasing) }

    var isSet: Bool { flag.load(ordering: .acquiring) }
}
