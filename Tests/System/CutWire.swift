import GatehouseTestSupport

/// A proxy in front of a server that hands on every request and loses some of the answers.
final class CutWire: Sendable {
    private let proxy: ScriptedServer

    var url: String { proxy.url }
    var requests: [ScriptedServer.Request] { proxy.requests }

    /// - Parameters:
    ///   - changed: the line that goes on in the place of one that came.
    ///   - isLost: whether the answer to a request shall not come, although the server gave one.
    init(
        to server: ServerProcess, changed: @escaping @Sendable (String) -> String = { $0 },
        isLost: @escaping @Sendable (ScriptedServer.Request) -> Bool
    ) throws {
        let port = server.port
        proxy = try ScriptedServer { request in
            let isLost = isLost(request)
            guard let answer = try? Self.answer(of: port, to: request, changed) else { return .close }
            return isLost ? .close : .bytes(Array(answer.utf8))
        }
    }

    private static func answer(
        of port: UInt16, to request: ScriptedServer.Request, _ changed: (String) -> String
    ) throws -> String {
        let connection = try RawConnection(port: port)
        var head = "\(request.method) \(request.target) HTTP/1.1\r\nConnection: close\r\n"
        for header in request.headers where header.name.lowercased() != "connection" {
            head += changed("\(header.name): \(header.value)") + "\r\n"
        }
        try connection.send(head + "\r\n" + request.bodyText)
        return try connection.blockingRest()
    }
}
