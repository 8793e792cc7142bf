package import GatehouseTransfer
import HTTPTypes

/// Requests over libcurl: connections are kept, redirects are not followed, cancelling the task ends the transfer.
///
/// Each has one thread, and lives as long as a client uses it. Several clients may share one.
public final class LibcurlTransport: Transport {
    private let transport: CurlTransport
    private let caFile: String?
    private let timeout: Duration
    private let version: HTTPVersion

    /// The largest answers are 500 subjects with 8 KiB of members each, and the audits of a subject with a long history.
    private static let maximumBodySize = 16 * 1024 * 1024

    /// - Parameters:
    ///   - caFile: PEM file of the authorities to trust; nil for the system's.
    ///   - timeout: for a whole request, connecting included; large bodies may need more.
    ///   - maximumConnections: open at once.
    ///   - http2: asks for HTTP/2 on connections with TLS, and speaks HTTP/1.1 to servers that do not offer it.
    public init(
        caFile: String? = nil, timeout: Duration = .seconds(30), maximumConnections: Int = 64, http2: Bool = false
    ) {
        transport = CurlTransport(maximumConnections: maximumConnections)
        self.caFile = caFile
        self.timeout = timeout
        version = http2 ? .http2 : .http1
    }

    /// Sends over libcurl.
    public func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse {
        guard let method = HTTPRequest.Method(request.method) else {
            throw TransportFailure(.invalidRequest, "the method is none", mayHaveArrived: false)
        }
        var transfer = TransferRequest(method: method, url: request.url, headers: request.headers, body: request.body)
        if let streamed = request.streamedBody {
            guard let length = streamed.length else {
                throw TransportFailure(.invalidRequest, "nobody knows how long the body is", mayHaveArrived: false)
            }
            transfer.upload = Upload(length: length, read: streamed.read)
        }
        transfer.mayBeRepeated = request.mayBeRepeated
        transfer.caFile = caFile
        transfer.timeout = timeout
        transfer.httpVersion = version
        transfer.maximumBodySize = Self.maximumBodySize
        do throws(TransferError) {
            let response = try await transport.send(transfer)
            return TransportResponse(status: response.status, headers: response.headers, body: response.body)
        } catch {
            throw TransportFailure(.init(error.kind), error.description, mayHaveArrived: error.mayHaveArrived)
        }
    }
}

extension TransportFailure.Kind {
    package init(_ kind: TransferError.Kind) {
        self =
            switch kind {
            case .unreachable: .unreachable
            case .connectionLost: .connectionLost
            case .timedOut: .timedOut
            case .cancelled: .cancelled
            case .tls: .tls
            case .protocolError, .tooLarge: .malformedAnswer
            case .invalidRequest: .invalidRequest
            default: .other
            }
    }
}
