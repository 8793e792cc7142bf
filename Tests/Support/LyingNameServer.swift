import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A name server on 127.0.0.1, over UDP and TCP, that answers what a test's script says, octet by octet: wrong, late or not at all.
package final class LyingNameServer: Sendable {
    package let port: UInt16
    private let stream: RawServer
    private let isStopped = Shared()
    private let count = Count()

    package var address: String { "127.0.0.1:\(port)" }
    /// How many questions came.
    package var questions: Int { count.value.withLock { $0 } }

    /// - Parameters:
    ///   - pace: how long it takes for each octet over TCP; nil for no time.
    ///   - script: the messages to answer with, in this order. It has a thread of its own, so it may block.
    package init(pace: Duration? = nil, _ script: @escaping @Sendable (DNSQuery) -> [[UInt8]]) throws {
        let count = count
        let answer: @Sendable (DNSQuery) -> [[UInt8]] = { query in
            count.value.withLock { $0 += 1 }
            return script(query)
        }
        let overTCP: @Sendable (RawServer.Connection, Int) -> Void = { connection, _ in
            var buffer: [UInt8] = []
            while let more = connection.piece() {
                buffer += more
                // RFC 1035 §4.2.2: two octets of length come first.
                while buffer.count > 2, buffer.count >= 2 + Int(buffer[0]) << 8 + Int(buffer[1]) {
                    let length = Int(buffer[0]) << 8 + Int(buffer[1])
                    let query = DNSQuery(octets: Array(buffer[2..<2 + length]), isOverTCP: true)
                    buffer.removeFirst(2 + length)
                    for message in answer(query) {
                        let octets = [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
                        guard let pace else {
                            connection.write(octets)
                            continue
                        }
                        for octet in octets {
                            guard connection.writeAll([octet]) else { return }
                            Thread.sleep(forTimeInterval: pace / .seconds(1))
                        }
                    }
                }
            }
        }
        let (stream, descriptor) = try listenOnOnePort(overTCP)
        self.stream = stream
        port = stream.port
        let isStopped = isStopped
        Thread.detachNewThread {
            while !isStopped.value.load(ordering: .acquiring) {
                guard let (octets, peer) = receive(descriptor) else { continue }
                Thread.detachNewThread {
                    for message in answer(DNSQuery(octets: octets, isOverTCP: false)) {
                        send(message, to: peer, from: descriptor)
                    }
                }
            }
            closeSocket(descriptor)
        }
    }

    deinit {
        isStopped.value.store(true, ordering: .releasing)
        stream.stop()
    }

    private final class Shared: Sendable { let value = Atomic(false) }
    private final class Count: Sendable { let value = Mutex(0) }
}

/// A question as it came.
package struct DNSQuery: Sendable {
    package let octets: [UInt8]
    package let isOverTCP: Bool

    package init(octets: [UInt8], isOverTCP: Bool) {
        self.octets = octets
        self.isOverTCP = isOverTCP
    }

    package var id: UInt16 { UInt16(octets[0]) << 8 | UInt16(octets[1]) }

    /// Name, type and class, as they were asked.
    package var question: [UInt8] {
        let end = 12 + (octets[12...].firstIndex(of: 0).map { $0 - 12 } ?? 0) + 5
        return Array(octets[12..<min(end, octets.count)])
    }

    package var type: UInt16 { UInt16(question[question.count - 4]) << 8 | UInt16(question[question.count - 3]) }

    /// - Parameter flags: 0x8180 is an answer of a server that finds out everything; the last digit is the RCODE.
    package func reply(
        id: UInt16? = nil, flags: UInt16 = 0x8180, question: [UInt8]? = nil, answers: [[UInt8]] = [],
        authorities: [[UInt8]] = []
    ) -> [UInt8] {
        let numbers = [id ?? self.id, flags, 1, UInt16(answers.count), UInt16(authorities.count), 0]
        return numbers.flatMap(DNSQuery.octets) + (question ?? self.question) + answers.joined() + authorities.joined()
    }

    package static func octets(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }

    /// A name as it stands in a message (RFC 1035 §3.1).
    package static func name(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// `name` is the one that was asked for, unless another is given.
    package static func record(
        _ name: [UInt8] = [0xc0, 12], type: UInt16, class: UInt16 = 1, timeToLive: UInt32 = 300, _ data: [UInt8]
    ) -> [UInt8] {
        name + octets(type) + octets(`class`) + octets(UInt16(timeToLive >> 16)) + octets(UInt16(timeToLive & 0xffff))
            + octets(UInt16(data.count)) + data
    }

    /// The data of a TXT record with one string.
    package static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
}

private struct SocketProblem: Error { let code: Int32 }

/// A port that TCP has to give may be one that somebody asks from over UDP just now.
private func listenOnOnePort(
    _ script: @escaping @Sendable (RawServer.Connection, Int) -> Void
) throws -> (RawServer, Int32) {
    var tries = 20
    while true {
        let stream = try RawServer(script: script)
        do { return (stream, try openDatagramSocket(port: stream.port)) } catch let problem as SocketProblem
            where problem.code == EADDRINUSE && tries > 0
        {
            tries -= 1
        }
    }
}

private func openDatagramSocket(port: UInt16) throws -> Int32 {
    #if canImport(Glibc)
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    #else
    let descriptor = socket(AF_INET, SOCK_DGRAM, 0)
    #endif
    guard descriptor >= 0 else { throw SocketProblem(code: errno) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, size) }
    }
    guard code == 0 else {
        defer { closeSocket(descriptor) }
        throw SocketProblem(code: errno)
    }
    return descriptor
}

/// - Returns: nil when nothing came within a moment.
private func receive(_ descriptor: Int32) -> (octets: [UInt8], peer: sockaddr_in)? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, 20) > 0 else { return nil }
    var octets = [UInt8](repeating: 0, count: 4096)
    var peer = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe recvfrom(descriptor, &octets, octets.count, 0, $0, &size)
        }
    }
    return count > 16 ? (Array(octets.prefix(count)), peer) : nil
}

private func send(_ octets: [UInt8], to peer: sockaddr_in, from descriptor: Int32) {
    var peer = peer
    _ = unsafe withUnsafePointer(to: &peer) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe sendto(descriptor, octets, octets.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}

// Under a name that no method hides.
private func closeSocket(_ descriptor: Int32) { _ = close(descriptor) }
