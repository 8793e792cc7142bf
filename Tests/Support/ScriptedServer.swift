import Foundation
import Synchronization

/// A tiny HTTP/1.1 server that answers as a test tells it to. It listens on 127.0.0.1, on a port of its own.
///
/// A `RawServer` that knows a method from a header line. An answer may block: every connection has its own thread.
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

    private let server: RawServer
    private let seen: Seen

    package var port: UInt16 { server.port }
    package var url: String { server.url }

    /// The requests so far, in the order in which they were read.
    package var requests: [Request] { seen.requests.withLock { $0 } }

    /// - Parameters:
    ///   - headTimeout: closes a connection that has not sent a whole request head after this time.
    ///   - answer: called on the connection's thread.
    package init(
        headTimeout: Duration = .seconds(60), answer: @escaping @Sendable (Request) -> Answer
    ) throws {
        let seen = Seen()
        self.seen = seen
        server = try RawServer { connection, _ in
            while let request = connection.message(headWithin: headTimeout).map(Request.init) {
                seen.requests.withLock { $0.append(request) }
                switch answer(request) {
                case .http(let status, let headers, let body):
                    let isHead = request.method == "HEAD"
                    connection.write(Self.bytes(status, headers, isHead ? "" : body, length: body.utf8.count))
                    if request.header("Connection")?.lowercased() == "close" { return }
                case .bytes(let bytes):
                    connection.write(bytes)
                    return
                case .close: return
                case .silence:
                    connection.waitForClose()
                    return
                }
            }
        }
    }

    /// Stops listening and ends every connection soon.
    package func stop() { server.stop() }

    /// A port of this machine on which nothing listens.
    package static func unusedPort() throws -> UInt16 { try RawServer.unusedPort() }

    private final class Seen: Sendable {
        let requests = Mutex<[Request]>([])
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

extension ScriptedServer.Request {
    fileprivate init(_ message: (head: String, body: [UInt8])) {
        let lines = message.head.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        let words = (lines.first ?? "").components(separatedBy: " ")
        method = words[0]
        target = words.count > 1 ? words[1] : ""
        headers = lines.dropFirst().map { line in
            let parts = line.components(separatedBy: ":")
            let value = parts.dropFirst().joined(separator: ":").trimmingCharacters(in: .whitespaces)
            return (name: parts[0], value: value)
        }
        body = message.body
    }
}
