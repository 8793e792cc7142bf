package import NIOCore

/// What a stranger may send on one connection, and how slowly.
package struct ConnectionLimits: Sendable {
    /// Octets of the request target; RFC 9112 §3 recommends to take 8 000 at least.
    package var target = 8 * 1024
    /// Octets of all header lines together.
    package var headerSection = 16 * 1024
    /// Number of header lines.
    package var headerLines = 100
    /// Octets of a body.
    package var body = 64 * 1024
    /// From the first octet of a request to the end of its header section.
    package var headerTime = TimeAmount.seconds(10)
    /// From there to the end of its body.
    package var bodyTime = TimeAmount.seconds(30)
    /// How long a client may leave its answers untaken, when there are more than fit on the way.
    package var answerTime = TimeAmount.seconds(30)
    /// How long a connection may stay open without a request.
    package var idleTime = TimeAmount.seconds(60)
    /// How long after a refusal the connection still swallows what the client sends, so that the answer is not lost to a reset.
    package var lingerTime = TimeAmount.seconds(1)

    package init() {}
}
