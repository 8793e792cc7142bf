import Foundation

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One TCP connection to 127.0.0.1 for octets that no HTTP client would send, or not so slowly.
package final class RawConnection: Sendable {
    package struct Failed: Error {
        let call: String
        let code: Int32
    }

    private let descriptor: Int32

    /// - Parameter source: which of this machine's IPv4 addresses it comes from; Linux has all of 127.0.0.0/8.
    /// - Throws: `Failed` when nobody listens.
    package init(port: UInt16, from source: String? = nil) throws {
        #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        descriptor = socket(AF_INET, stream, 0)
        guard descriptor >= 0 else { throw Failed(call: "socket", code: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        if let source {
            var own = sockaddr_in()
            own.sin_family = sa_family_t(AF_INET)
            unsafe inet_pton(AF_INET, source, &own.sin_addr)
            try require("bind") {
                unsafe withUnsafePointer(to: &own) { pointer in
                    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe bind(descriptor, $0, size)
                    }
                }
            }
        }
        try require("connect") {
            unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(descriptor, $0, size)
                }
            }
        }
    }

    private func require(_ name: String, _ call: () -> Int32) throws {
        guard call() == 0 else {
            let reason = errno
            close()
            throw Failed(call: name, code: reason)
        }
    }

    // Not in `close()`: another thread may still read, and the number could belong to another file by then.
    deinit { _ = closeFile(descriptor) }

    /// No further octet goes out; answers still come in.
    package func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// No further octet goes in either direction.
    package func close() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    package func send(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe sendBytes(descriptor, $0) }
            guard count > 0 else { throw Failed(call: "send", code: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// Everything until the server closes the connection, or until what came ends with `end`.
    package func rest(until end: String? = nil) async throws -> String {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread { continuation.resume(with: Result { try self.blockingRest(until: end) }) }
            }
        } onCancel: {
            close()
        }
    }

    /// The same, on this thread.
    package func blockingRest(until end: String? = nil) throws -> String {
        let end = end.map { Array($0.utf8) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            // A child of another test that ended sends a signal.
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failed(call: "read", code: errno) }
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += buffer[..<count]
            if let end, all.suffix(end.count).elementsEqual(end) { return String(decoding: all, as: UTF8.self) }
        }
    }
}

private func closeFile(_ descriptor: Int32) -> Int32 { close(descriptor) }
