import GatehouseCryptography

/// A signature as draft-cavage-http-signatures-03 to -12 have it, read from a message.
public struct CavageSignature: Sendable {
    /// Where it stands in a message.
    public enum Form: Sendable, CaseIterable {
        /// `Authorization: Signature …`, which only requests have (draft-12 §3.1).
        case authorization
        /// `Signature: …` (draft-12 §4.1).
        case signature
    }

    /// `keyId`
    public let keyID: String
    /// `algorithm`, in lower case: it can only confirm what the key says.
    public let label: String?
    /// `created` in Unix seconds.
    public let created: Int64?
    /// `expires` in Unix seconds, fractions cut off.
    public let expires: Int64?
    /// What the signature covers, in its order and in lower case: names of fields, `(request-target)`, `(created)` and
    /// `(expires)`.
    public var covered: [String] { names.map { String(decoding: $0, as: UTF8.self) } }
    /// The signature itself.
    public let signature: [UInt8]

    /// A signature that covers more is not looked at.
    private static let maximumNames = 64

    private let names: [[UInt8]]
    /// `(expires)` can be covered only when it is an integer (draft-12 §2.3).
    private let isExpiresWhole: Bool

    /// The signature of a message.
    ///
    /// - Throws: `SignatureRefusal`: `.missing` when there is none of this family.
    public init(of message: SignableMessage) throws(SignatureRefusal) {
        guard let octets = try Self.parameters(of: message) else { throw SignatureRefusal(.missing) }
        try self.init(parsing: octets)
    }

    /// - Parameter octets: what stands in `Signature`, and in `Authorization` after the scheme.
    public init(parsing octets: [UInt8]) throws(SignatureRefusal) {
        let parameters = try CavageParameters(parsing: octets)
        guard let keyID = parameters["keyid".utf8].flatMap({ String(validating: $0, as: UTF8.self) }), !keyID.isEmpty
        else {
            throw SignatureRefusal(.malformed("no keyId"))
        }
        guard let encoded = parameters["signature".utf8], let text = String(validating: encoded, as: UTF8.self),
            let signature = Base64.decode(text), !signature.isEmpty
        else { throw SignatureRefusal(.malformed("no signature in Base64")) }
        self.keyID = keyID
        self.signature = signature
        label = try parameters["algorithm".utf8].map { octets throws(SignatureRefusal) in
            guard let label = String(validating: octets.map(\.lowercased), as: UTF8.self) else {
                throw SignatureRefusal(.malformed("algorithm is no text"))
            }
            return label
        }
        created = try parameters["created".utf8].map { octets throws(SignatureRefusal) in
            guard let seconds = Self.integer(octets) else {
                throw SignatureRefusal(.malformed("created is no number of seconds"))
            }
            return seconds
        }
        if let octets = parameters["expires".utf8] {
            let whole = octets.prefix { $0 != UInt8(ascii: ".") }
            let fraction = octets.dropFirst(whole.count + 1)
            guard let seconds = Self.integer(whole), whole.count == octets.count || !fraction.isEmpty,
                fraction.count <= 9, fraction.allSatisfy(\.isDigit)
            else { throw SignatureRefusal(.malformed("expires is no number of seconds")) }
            expires = seconds
            isExpiresWhole = whole.count == octets.count
        } else {
            expires = nil
            isExpiresWhole = false
        }
        names = try Self.names(parameters["headers".utf8], label: label)
    }

    /// Checks it with a key, over the message as it is.
    ///
    /// This alone says nothing about what has to be covered, about time, and about the body: `SignaturePolicy` does.
    ///
    /// - Returns: the signing string.
    /// - Throws: `SignatureRefusal`, with the signing string as far as it could be made.
    @discardableResult
    public func verify(_ message: SignableMessage, with key: SignatureKey) throws(SignatureRefusal) -> [UInt8] {
        if let label, !key.algorithm.isConfirmed(by: label) {
            throw SignatureRefusal(.wrongAlgorithm(named: label, key: key.algorithm.rawValue))
        }
        let base = try signingString(of: message)
        guard key.isValid(signature, for: base, .der) else { throw SignatureRefusal(.badSignature, base: base) }
        return base
    }

    /// What is signed (draft-12 §2.3).
    ///
    /// - Throws: `SignatureRefusal`: `.absent`, `.unknownComponent`, `.unsuitable`, `.forbiddenOctet`.
    public func signingString(of message: SignableMessage) throws(SignatureRefusal) -> [UInt8] {
        try SigningString.make(
            names, of: message, label: label, created: created, expires: isExpiresWhole ? expires : nil)
    }

    /// - Parameter name: in lower case.
    func covers(_ name: String) -> Bool { names.contains { $0.elementsEqual(name.utf8) } }

    // MARK: Reading

    /// What stands after the scheme in `Authorization: Signature …`; nil for another scheme and without the field.
    static func inAuthorization(of message: SignableMessage) throws(SignatureRefusal) -> [UInt8]? {
        let lines = message.lines(Array("authorization".utf8))
        guard lines.count <= 1 else { throw SignatureRefusal(.ambiguous("two Authorization fields")) }
        guard let line = lines.first else { return nil }
        let value = try FieldValue.canonical(line, of: Array("authorization".utf8))
        let scheme = value.prefix { !$0.isBlank }
        guard scheme.map(\.lowercased).elementsEqual("signature".utf8) else { return nil }
        return Array(value.dropFirst(scheme.count).drop(while: \.isBlank))
    }

    private static func parameters(of message: SignableMessage) throws(SignatureRefusal) -> [UInt8]? {
        let name = Array("signature".utf8)
        let lines = message.lines(name)
        if let octets = try inAuthorization(of: message) {
            guard lines.isEmpty else {
                throw SignatureRefusal(.ambiguous("a signature in Authorization and one in Signature"))
            }
            return octets
        }
        guard lines.count <= 1 else { throw SignatureRefusal(.ambiguous("two Signature fields")) }
        return try lines.first.map { line throws(SignatureRefusal) in try FieldValue.canonical(line, of: name) }
    }

    /// 1 to 15 digits, as RFC 9651 §3.3.1 bounds integers.
    private static func integer(_ octets: some Collection<UInt8>) -> Int64? {
        guard (1...15).contains(octets.count), octets.allSatisfy(\.isDigit) else { return nil }
        return octets.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// Without `headers` the newer drafts mean `(created)` and the older ones `date`; the label tells which.
    private static func names(_ headers: [UInt8]?, label: String?) throws(SignatureRefusal) -> [[UInt8]] {
        guard let headers else {
            return label == nil || label == SignatureAlgorithm.anyLabel ? [SigningString.created] : [Array("date".utf8)]
        }
        var names: [[UInt8]] = []
        guard headers.count(where: { $0 == 0x20 }) < maximumNames else {
            throw SignatureRefusal(.malformed("headers has too many names"))
        }
        for name in headers.split(separator: 0x20, omittingEmptySubsequences: false) {
            let name = name.map(\.lowercased)
            let inner =
                name.first == UInt8(ascii: "(") && name.last == UInt8(ascii: ")")
                ? name[1..<max(1, name.count - 1)] : name[...]
            guard !inner.isEmpty, inner.allSatisfy(\.isTokenOctet) else {
                throw SignatureRefusal(.malformed("headers is no list of names with one space between"))
            }
            guard !names.contains(name) else { throw SignatureRefusal(.duplicateComponent(text(name))) }
            names.append(name)
        }
        return names
    }
}

extension SignatureAlgorithm {
    /// - Parameter label: in lower case.
    fileprivate func isConfirmed(by label: String) -> Bool {
        label == Self.anyLabel || label == rawValue || labels.contains(label)
    }
}

/// The signing string of draft-cavage (draft-12 §2.3).
enum SigningString {
    static let requestTarget = Array("(request-target)".utf8)
    static let created = Array("(created)".utf8)
    static let expires = Array("(expires)".utf8)

    /// - Parameters:
    ///   - names: in lower case.
    ///   - expires: nil also when it is no integer.
    static func make(
        _ names: [[UInt8]], of message: SignableMessage, label: String?, created: Int64?, expires: Int64?
    ) throws(SignatureRefusal) -> [UInt8] {
        var string: [UInt8] = []
        string.reserveCapacity(512)
        for (index, name) in names.enumerated() {
            if index > 0 { string.append(0x0A) }
            string.append(contentsOf: name)
            string.append(UInt8(ascii: ":"))
            string.append(0x20)
            if name.first != UInt8(ascii: "(") {
                let values = try message.values(name)
                guard !values.isEmpty else { throw SignatureRefusal(.absent(text(name)), base: string) }
                string.append(contentsOf: FieldValue.joined(values))
            } else if name == requestTarget {
                guard case .request(let method, let target, _, _) = message.start else {
                    throw SignatureRefusal(.unsuitable(text(name), "it is a response"), base: string)
                }
                string.append(contentsOf: method.map(\.lowercased))
                string.append(0x20)
                string.append(contentsOf: target.pathAndQuery)
            } else {
                string.append(contentsOf: Array(String(try time(name, label, created, expires)).utf8))
            }
        }
        return string
    }

    private static func time(
        _ name: [UInt8], _ label: String?, _ created: Int64?, _ expires: Int64?
    ) throws(SignatureRefusal) -> Int64 {
        guard name == Self.created || name == Self.expires else {
            throw SignatureRefusal(.unknownComponent(text(name)))
        }
        // draft-12 §2.3: these came with `hs2019`, and an older label beside them is an error.
        if let label, ["rsa", "hmac", "ecdsa"].contains(where: label.hasPrefix) {
            throw SignatureRefusal(.unsuitable(text(name), "the algorithm \(label) is older than it"))
        }
        guard let time = name == Self.created ? created : expires else { throw SignatureRefusal(.absent(text(name))) }
        return time
    }
}
