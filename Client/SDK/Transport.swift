import GatehouseTransfer
import HTTPTypes

/// One request on its way out.
public struct TransportRequest: Sendable {
    /// `GET`, `PUT`, …
    public var method: String
    /// Absolute.
    public var url: String
    /// In order; names may be repeated.
    public var headers: [(name: String, value: String)] = []
    /// Octets of the body; nil for none.
    public var body: [UInt8]?

    /// A request without headers and body.
    public init(method: String, url: String) {
        self.method = method
        self.url = url
    }
}

/// One answer.
public struct TransportResponse: Sendable {
    /// The HTTP status code.
    public var status: Int
    /// In order, as they came.
    public var headers: [(name: String, value: String)]
    /// The whole body.
    public var body: [UInt8]

    /// An answer as it came, or as a test makes it.
    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first line of that name, in any case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// Why no answer came.
public struct TransportFailure: Error, Sendable, CustomStringConvertible {
    /// What went wrong, in words.
    public let description: String
    /// Whether the server may have received the request all the same.
    public let mayHaveArrived: Bool
    /// Whether the caller gave up.
    public let isCancellation: Bool

    /// A failure as a transport reports it.
    public init(description: String, mayHaveArrived: Bool, isCancellation: Bool = false) {
        self.description = description
        self.mayHaveArrived = mayHaveArrived
        self.isCancellation = isCancellation
    }
}

/// How requests travel. Bring your own to test an app without a network, or to go through a stack of your own.
public protocol Transport: Sendable {
    /// - Throws: `TransportFailure` when no answer came. Every status is an answer.
    func send(_ request: TransportRequest) async throws -> TransportResponse
}

/// Requests over libcurl: connections are kept, redirects are not followed, cancelling the task ends the transfer.
public final class LibcurlTransport: Transport {
    private let transport: CurlTransport
    private let caFile: String?
    private let timeout: Duration

    /// - Parameters:
    ///   - caFile: PEM file of the authorities to trust; nil for the system's.
    ///   - timeout: for a whole request, connecting included.
    ///   - maximumConnections: open at once.
    public init(caFile: String? = nil, timeout: Duration = .seconds(30), maximumConnections: Int = 64) {
        transport = CurlTransport(maximumConnections: maximumConnections)
        self.caFile = caFile
        self.timeout = timeout
    }

    /// Sends over libcurl.
    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        guard let method = HTTPRequest.Method(request.method) else {
            throw TransportFailure(description: "\"\(request.method)\" is no method", mayHaveArrived: false)
        }
        var transfer = TransferRequest(method: method, url: request.url)
        transfer.headers = request.headers
        transfer.body = request.body
        transfer.caFile = caFile
        transfer.timeout = timeout
        do {
            let response = try await transport.send(transfer)
            return TransportResponse(status: response.status, headers: response.headers, body: response.body)
        } catch {
            throw TransportFailure(
                description: error.description, mayHaveArrived: error.mayHaveArrived,
                isCancellation: error.kind == .cancelled)
        }
    }
}
