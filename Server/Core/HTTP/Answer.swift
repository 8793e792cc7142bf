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

    /// Gives it a strong entity tag, and makes it 304 for a client that has it already (RFC 9110 §13.1.2).
    mutating func tag(_ text: String, for call: Call) {
        let tag = "\"\(text)\""
        headers[.eTag] = tag
        guard call.headers.names(tag) else { return }
        status = .notModified
        body = []
    }

    /// `{}`, as OpenCAP answers a change that was made.
    package static let emptyObject = json(Array("{}".utf8))
}

extension HTTPFields {
    /// Whether `If-None-Match` holds this entity tag or `*` (RFC 9110 §13.1.2, weak comparison).
    fileprivate func names(_ tag: String) -> Bool {
        self[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }.contains { entry in
            let entry = entry.trimmingSpaces()
            return entry == "*" || entry == tag || (entry.hasPrefix("W/") && entry.dropFirst(2) == tag)
        }
    }
}
