/// The answer to a request, whatever its status.
package struct TransferResponse: Sendable {
    package let status: Int

    /// The final answer's lines in their order, without interim answers and trailers. Bytes that are not UTF-8 are
    /// replaced.
    package let headers: [(name: String, value: String)]

    /// As sent, without the chunks of a chunked answer; content codings are left alone.
    package let body: [UInt8]

    package let httpVersion: HTTPVersion

    package let timing: Timing

    package init(
        status: Int, headers: [(name: String, value: String)], body: [UInt8], httpVersion: HTTPVersion = .http1,
        timing: Timing = Timing()
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.httpVersion = httpVersion
        self.timing = timing
    }

    /// The value of the first line of that name.
    package func header(_ name: String) -> String? { headers.first { isSameName($0.name, name) }?.value }

    /// How long the parts of a transfer took, each counted from its start.
    package struct Timing: Sendable, Equatable {
        /// Until the connection stood, TLS included; zero when a kept one was used.
        package var connected: Duration = .zero
        /// Until the first byte of the answer.
        package var firstByte: Duration = .zero
        package var total: Duration = .zero
        /// Whether a connection of an earlier transfer served this one.
        package var isConnectionReused = false

        package init() {}
    }
}
