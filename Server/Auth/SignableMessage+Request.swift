import HTTPSignatures
import HTTPTypes
import Hummingbird

extension SignableMessage {
    /// The request as Hummingbird has it, which is what the handler sees.
    ///
    /// - Throws: `UnsignableRequest` for a request that names no host once, or has no path.
    init(_ request: Request, scheme: String) throws(UnsignableRequest) {
        // The framework takes the first line of `Host` away and leaves further ones where they were.
        let hosts = (request.head.authority.map { [$0] } ?? []) + request.headers[values: .host]
        guard hosts.count == 1 else { throw UnsignableRequest("\(hosts.count) hosts") }
        guard let target = request.head.path, target.utf8.first == UInt8(ascii: "/") || target == "*" else {
            throw UnsignableRequest("no path")
        }
        let fields = request.headers.compactMap { field in
            field.name == .host ? nil : Field(lowercased: field.name.canonicalName, field.value)
        }
        self = .request(
            method: request.method.rawValue, target: target, scheme: scheme,
            fields: [Field("host", hosts[0])] + fields)
    }
}

/// Why no signature of a request can be checked.
struct UnsignableRequest: Error {
    let why: String
    init(_ why: String) { self.why = why }
}

extension HTTPFields {
    /// Whether there is something that looks like a signature, of either family.
    var hasSignature: Bool {
        contains(.signature) || contains(.signatureInput)
            || self[values: .authorization].contains(where: Self.isSignatureScheme)
    }

    /// Whether there is a credential of another kind, such as a token.
    var hasOtherAuthorization: Bool {
        self[values: .authorization].contains { !Self.isSignatureScheme($0) }
    }

    private static func isSignatureScheme(_ line: String) -> Bool {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        return line.utf8.drop(while: isBlank).prefix { !isBlank($0) }
            .elementsEqual("signature".utf8) { $0 | 0x20 == $1 }
    }
}

extension HTTPField.Name {
    static let host = HTTPField.Name("host")!
    static let signature = HTTPField.Name("signature")!
    static let signatureInput = HTTPField.Name("signature-input")!
    static let acceptSignature = HTTPField.Name("Accept-Signature")!
}
