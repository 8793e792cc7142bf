import GatehouseJSON
package import HTTPTypes

/// What a handler gives back: status, header lines and the whole body.
package struct Answer: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: [UInt8]

    package init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: HTTPResponse.Status, contentType: String, body: [UInt8]) {
        self.init(status: status, headers: [.contentType: contentType], body: body)
    }

    /// A JSON answer that no cache may keep; the caller changes `Cache-Control` where it may.
    package static func json(_ body: [UInt8], status: HTTPResponse.Status = .ok) -> Answer {
        Answer(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"], body: body)
    }

    /// Tells browsers to come back over TLS only, for a year (RFC 6797 §6.1).
    mutating func requireTLS() { headers[.strictTransportSecurity] = "max-age=31536000" }

    /// `{}`, as OpenCAP answers a change that was made.
    package static let emptyObject = json(Array("{}".utf8))
}
