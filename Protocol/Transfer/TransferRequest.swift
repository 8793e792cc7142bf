package import HTTPTypes

/// One HTTP request, sent as it stands here: nothing is added but `Host` and `Content-Length` where they are missing, and an `Accept`.
package struct TransferRequest: Sendable {
    package enum Version: Sendable { case http1, http2 }

    package var method: HTTPRequest.Method
    /// `http` or `https`.
    package var url: String
    /// In this order; a name may be repeated. An empty value takes away a line that libcurl would add.
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8]?
    /// The whole transfer, connection included.
    package var timeout: Duration = .seconds(30)
    package var connectTimeout: Duration = .seconds(10)
    /// PEM file of the authorities that are trusted; nil for the system's.
    package var caFile: String?
    package var verifiesPeer = true
    /// HTTP/2 is negotiated over TLS only; where the server has none, HTTP/1.1 is spoken.
    package var version = Version.http1
    /// `HOST:PORT` to connect to instead of the one in the URL; `Host` and the certificate's name stay those of the URL.
    package var connectTo: String?
    /// Octets of an answer's body that are taken at most.
    package var maximumBodySize = 16 << 20
    /// The request target to send instead of the URL's path and query, byte for byte.
    package var rawTarget: String?

    package init(method: HTTPRequest.Method, url: String) {
        self.method = method
        self.url = url
    }
}

/// An answer, whole.
package struct TransferResponse: Sendable {
    package let status: Int
    /// As they came, in order.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]
    package let version: TransferRequest.Version
    /// From handing the request over to the last octet of the answer.
    package let duration: Duration

    package init(
        status: Int, headers: [(name: String, value: String)], body: [UInt8], version: TransferRequest.Version = .http1,
        duration: Duration = .zero
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.version = version
        self.duration = duration
    }

    /// The first line of that name, in any case.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }
}

/// Why there is no answer.
package struct TransferError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// Nobody listens there, or the name is unknown.
        case unreachable
        case timedOut
        case cancelled
        /// The certificate is not trusted, or is for another host.
        case tls
        /// The body is larger than the request allows.
        case tooLarge
        /// The connection broke off, or what came is no HTTP.
        case brokenOff
        /// The request itself cannot be sent: a bad URL, or a control character in a header.
        case invalidRequest
        case other
    }

    package let kind: Kind
    /// libcurl's code; 0 when libcurl was not asked.
    package let curlCode: Int
    package let message: String

    package init(kind: Kind, curlCode: Int = 0, message: String) {
        self.kind = kind
        self.curlCode = curlCode
        self.message = message
    }

    package var description: String { message }
}
