package import HTTPTypes

/// The versions of HTTP that a transfer speaks.
package enum HTTPVersion: Sendable {
    case http1
    /// Over TLS, when the server offers it (ALPN); HTTP/1.1 otherwise and on plain connections.
    case http2
}

/// One HTTP request as it shall go over the wire.
package struct TransferRequest: Sendable {
    package var method: HTTPRequest.Method

    /// An absolute http or https URL without credentials. Dot segments in its path stay as they are.
    package var url: String

    /// Sent as given, in this order, names repeated when they are repeated here.
    ///
    /// `Host` may be given once and replaces the one of the URL. `Content-Length` must fit the body, and
    /// `Transfer-Encoding` is refused: the framing is the transport's. Nothing is added but `Host` and `Content-Length`.
    package var headers: [(name: String, value: String)] = []

    /// Sent with `Content-Length`. Without a body, POST, PUT and PATCH say `Content-Length: 0` (RFC 9110 §8.6).
    package var body: [UInt8]?

    /// Sent instead of `body`, piece by piece, so that it need not fit into memory.
    package var upload: Upload?

    /// Whether libcurl may send it a second time when a kept connection turns out to be dead and the method allows it. Not what
    /// counts once, as a signature does, and never an upload.
    package var mayBeRepeated: Bool = true

    /// For the whole transfer, the connection and the waiting for a free one included.
    package var timeout: Duration = .seconds(30)

    /// For the connection with its TLS handshake.
    package var connectTimeout: Duration = .seconds(10)

    /// A PEM file of the certificates to trust instead of the system's.
    package var caFile: String?

    /// Off only for tests and first set-up: the peer may then be anybody.
    package var verifiesPeer: Bool = true

    package var httpVersion: HTTPVersion = .http1

    /// `host:port` to open the connection to, whatever the URL says. `Host`, SNI and the certificate's check keep the
    /// URL's name. An IPv6 address stands in brackets.
    package var connectTo: String?

    /// In bytes; a longer answer ends the transfer with `.tooLarge`.
    package var maximumBodySize: Int = 16 * 1024 * 1024

    /// The request target to write instead of the URL's, byte for byte: `*`, an absolute URL, an odd path.
    package var rawTarget: String?

    package init(
        method: HTTPRequest.Method, url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// A body that is read while it is sent.
package struct Upload: Sendable {
    /// Octets in all.
    package let length: Int64
    /// Gives all octets to `take`, in order, a piece at a time; `take` waits while enough is on its way.
    package let read: @Sendable (_ take: ([UInt8]) async throws -> Void) async throws -> Void

    package init(
        length: Int64, read: @escaping @Sendable (_ take: ([UInt8]) async throws -> Void) async throws -> Void
    ) {
        self.length = length
        self.read = read
    }
}

extension TransferRequest {
    func header(_ name: String) -> String? { headers.first { isSameName($0.name, name) }?.value }

    /// RFC 9110 §9.2.2: whether sending it twice means the same as sending it once.
    var maySendTwice: Bool {
        mayBeRepeated && upload == nil && [.get, .head, .put, .delete, .options, .trace].contains(method)
    }

    /// Whether the method is one that comes with content, so that its absence is said too.
    var expectsBody: Bool { [.post, .put, .patch].contains(method) }

    /// Refuses what would change the meaning of other lines, or what libcurl would silently leave out.
    func check() throws(TransferError) {
        for text in [url, rawTarget, caFile, connectTo] where text.map(hasLineBreakOrNUL) ?? false {
            throw .invalidRequest("a line break or NUL in a part of the request")
        }
        for (name, value) in headers {
            guard isToken(name) else { throw .invalidRequest("a header name that is no token (RFC 9110 §5.1)") }
            guard !hasLineBreakOrNUL(value) else { throw .invalidRequest("a line break or NUL in header \(name)") }
            guard !isSameName(name, "Transfer-Encoding") else { throw .invalidRequest("Transfer-Encoding is refused") }
            if isSameName(name, "Content-Length"), value != String(upload?.length ?? Int64(body?.count ?? 0)) {
                throw .invalidRequest("Content-Length does not fit the body")
            }
        }
        // libcurl would leave it out. RFC 9110 §9.3.2: a client should not send one.
        guard method != .head || body == nil && upload == nil else { throw .invalidRequest("HEAD with a body") }
        guard body == nil || upload == nil else { throw .invalidRequest("two bodies") }
        guard upload.map({ $0.length >= 0 }) ?? true else { throw .invalidRequest("a body of less than nothing") }
        // libcurl writes the first one only.
        guard headers.count(where: { isSameName($0.name, "Host") }) < 2 else { throw .invalidRequest("two Host lines") }
    }
}

/// Names of header fields differ in nothing but the case of ASCII letters.
func isSameName(_ one: String, _ other: String) -> Bool {
    one.utf8.count == other.utf8.count && zip(one.utf8, other.utf8).allSatisfy { lowercased($0) == lowercased($1) }
}

private func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

func hasLineBreakOrNUL(_ text: String) -> Bool {
    text.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }
}

/// RFC 9110 §5.6.2.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
}
