import HTTPTypes
import HTTPSignatures

/// A request as its client sent it: what a signature is checked against.
struct OriginalRequest: Sendable {
    var method: String
    /// As on the request line.
    var target: String
    /// `http` or `https`, as the client has it.
    var scheme: String
    /// As in `Host`.
    var host: String
    /// Without `Host`.
    var headers: HTTPFields

    var message: SignableMessage {
        var fields = [SignableMessage.Field("host", host)]
        fields.reserveCapacity(headers.count + 1)
        for field in headers { fields.append(.init(lowercased: field.name.canonicalName, field.value)) }
        return .request(method: method, target: target, scheme: scheme, fields: fields)
    }

    /// Its host alone: lower case, without port and brackets.
    var hostName: String { Authority(host)?.host ?? "" }

    /// Whether it changes nothing, and an honest client may repeat it (RFC 9110 §9.2.1).
    var isSafe: Bool { method == "GET" || method == "HEAD" }

    /// Whether its credential is a signature: the one in `Authorization`, else one in a field of its own.
    var isSigned: Bool {
        if let credential = headers[.authorization] {
            let scheme = credential.utf8.drop { $0 == UInt8(ascii: " ") }.prefix { $0 != UInt8(ascii: " ") }
            return scheme.elementsEqual("signature".utf8, by: { $0 | 0x20 == $1 })
        }
        return headers.contains(.signature) || headers.contains(.signatureInput)
    }
}

extension HTTPField.Name {
    static let signature = HTTPField.Name("Signature")!
    static let signatureInput = HTTPField.Name("Signature-Input")!
}
