#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A TCP socket that others connect to. Its calls block: use it on a thread of its own.
struct Listener: ~Copyable {
    private let descriptor: Int32
    let port: UInt16

    /// - Parameter port: 0 for a free one.
    /// - Throws: `ConnectionProblem` when no address of the host can be listened on.
    init(host: String, port: UInt16) throws(ConnectionProblem) {
        let list = unsafe try resolve(host, port)
        defer { unsafe freeaddrinfo(list) }
        var problem = ConnectionProblem("the name \(host) has no address")
        var next: UnsafeMutablePointer<addrinfo>? = unsafe list
        while let entry = unsafe next {
            do {
                (descriptor, self.port) = unsafe try Self.listening(at: entry.pointee)
                return
            } catch {
                problem = error
                unsafe next = entry.pointee.ai_next
            }
        }
        throw problem
    }

    deinit { _ = close(descriptor) }

    private static func listening(
        at address: addrinfo
    ) throws(ConnectionProblem) -> (descriptor: Int32, port: UInt16) {
        let descriptor = unsafe socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { throw ConnectionProblem(errno: errno) }
        var isListening = false
        defer { if !isListening { _ = close(descriptor) } }
        // The next run may begin while connections of the last one are still remembered.
        var one: Int32 = 1
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, listen(descriptor, 64) == 0 else {
            throw ConnectionProblem(errno: errno)
        }
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = unsafe withUnsafeMutablePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(descriptor, $0, &size)
            }
        }
        guard code == 0 else { throw ConnectionProblem(errno: errno) }
        // The port stands at the same place in addresses of both families.
        let port = unsafe withUnsafePointer(to: &storage) { storage in
            unsafe storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { unsafe $0.pointee.sin_port }
        }
        isListening = true
        return (descriptor, UInt16(bigEndian: port))
    }

    /// The next connection's descriptor, for `PlainConnection(accepted:)`; nil when nobody came in time.
    func accept(timeout: Duration) throws(ConnectionProblem) -> Int32? {
        guard try PlainConnection.wait(for: descriptor, events: Int16(POLLIN), timeout: timeout) else { return nil }
        let accepted = acceptConnection(descriptor)
        return accepted >= 0 ? accepted : nil
    }
}

/// `accept(2)`; inside `Listener` the bare name is its own method.
private func acceptConnection(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }
