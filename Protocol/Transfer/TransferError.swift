/// Why there is no answer.
package struct TransferError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The request cannot be sent as it is: a bad URL, another scheme, a line break in a header.
        case invalidRequest
        /// The name does not resolve, or nobody listens there.
        case unreachable
        case timedOut
        /// The caller's task was cancelled.
        case cancelled
        /// The handshake failed, or the certificate is not trusted.
        case tls
        /// The answer's body is longer than the request allows.
        case tooLarge
        /// The answer is not HTTP, or breaks its rules; a mail server does not want what it was told.
        case protocolError
        /// The connection broke before the answer was whole.
        case connectionLost
        /// The transport was shut down.
        case shutDown
        /// libcurl ran out of memory or refuses an option.
        case internalFailure
    }

    package let kind: Kind

    /// libcurl's own code (`CURLcode`, `CURLMcode` for `.internalFailure`); 0 when the request never reached it.
    package let curlCode: Int

    /// For logs and people: hosts and reasons, no header values.
    package let message: String

    /// Whether bytes of the request may have reached the server, which may have acted on them.
    package let mayHaveArrived: Bool

    package init(kind: Kind, curlCode: Int = 0, message: String, mayHaveArrived: Bool = false) {
        self.kind = kind
        self.curlCode = curlCode
        self.message = message
        self.mayHaveArrived = mayHaveArrived
    }

    package var description: String { curlCode == 0 ? message : "\(message) (libcurl \(curlCode))" }

    static func invalidRequest(_ message: String) -> TransferError {
        TransferError(kind: .invalidRequest, message: message)
    }

    static let cancelled = TransferError(kind: .cancelled, message: "the transfer was cancelled")

    static let shutDown = TransferError(kind: .shutDown, message: "the transport was shut down")

    /// The same reason for a transfer that had come further.
    func afterSending(_ wasSent: Bool) -> TransferError {
        TransferError(kind: kind, curlCode: curlCode, message: message, mayHaveArrived: wasSent)
    }
}
