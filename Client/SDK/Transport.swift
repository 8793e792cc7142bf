/// How requests travel. Bring your own to go through a stack of your own; for tests there is `ScriptedTransport`.
public protocol Transport: Sendable {
    /// Sends one request and waits for its answer. Every status is an answer; redirects are not followed.
    ///
    /// - Throws: when no answer came, or the task was cancelled.
    func send(_ request: TransportRequest) async throws(TransportFailure) -> TransportResponse
}

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
    /// A body that is read while it is sent, in place of `body`; its `length` is known.
    public var streamedBody: StreamedBody?
    /// Whether the transport may send it a second time by itself. Not with a signature, which counts once.
    public var mayBeRepeated = true

    /// A request without headers and body.
    public init(method: String, url: String) {
        self.method = method
        self.url = url
    }

    /// The first line of that name, in any case.
    public func header(_ name: String) -> String? { GatehouseClient.header(name, in: headers) }
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
    public func header(_ name: String) -> String? { GatehouseClient.header(name, in: headers) }
}

private func header(_ name: String, in headers: [(name: String, value: String)]) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.name.lowercased() == wanted }?.value
}

// Headers and bodies hold passwords and tokens.

extension TransportRequest: CustomStringConvertible, CustomReflectable {
    /// Method and URL.
    public var description: String { "\(method) \(url)" }
    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension TransportResponse: CustomStringConvertible, CustomReflectable {
    /// The status and the size of the body.
    public var description: String { "\(status), \(body.count) octets" }
    /// Nothing, so that `dump` shows no token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why no answer came.
public struct TransportFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What happened, for programs.
    public enum Kind: Sendable {
        /// The name does not resolve, or nobody listens there.
        case unreachable
        /// The connection broke before the answer was whole.
        case connectionLost
        /// Nothing came for as long as the transport waits.
        case timedOut
        /// The task was cancelled.
        case cancelled
        /// The server's certificate is not trusted, or the handshake failed.
        case tls
        /// What came is not HTTP, or too large.
        case malformedAnswer
        /// The request cannot be sent as it is.
        case invalidRequest
        /// Anything else.
        case other
    }

    /// What happened.
    public let kind: Kind
    /// The same in words, without a full stop at the end.
    public let description: String
    /// Whether the server may have received the request all the same.
    public let mayHaveArrived: Bool

    /// A failure as a transport reports it.
    public init(_ kind: Kind, _ description: String, mayHaveArrived: Bool) {
        self.kind = kind
        self.description = description
        self.mayHaveArrived = mayHaveArrived
    }
}
