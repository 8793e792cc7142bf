import GatehouseCryptography
import RawStructuredFieldValues

/// The fields that hold a digest of a body: `Content-Digest` and `Repr-Digest` (RFC 9530), and the `Digest` before them
/// (RFC 3230). Only SHA-256 and SHA-512 count; others are weak or nobody's (RFC 9530 §5).
public enum BodyDigest: String, Sendable, CaseIterable {
    /// RFC 9530 §2
    case contentDigest = "content-digest"
    /// RFC 9530 §3
    case reprDigest = "repr-digest"
    /// RFC 3230 §4.3.2
    case digest = "digest"

    /// A hash function that is still good.
    public enum Algorithm: String, Sendable, CaseIterable {
        /// SHA-256
        case sha256 = "sha-256"
        /// SHA-512
        case sha512 = "sha-512"

        var hash: HashAlgorithm {
            switch self {
            case .sha256: .sha256
            case .sha512: .sha512
            }
        }
    }

    /// The value of the field for a body.
    public func value(of body: [UInt8], _ algorithm: Algorithm = .sha256) -> String {
        value(ofDigest: Digest.hash(body, with: algorithm.hash), algorithm)
    }

    package func value(ofDigest digest: [UInt8], _ algorithm: Algorithm) -> String {
        let encoded = Base64.encode(digest)
        switch self {
        // In the case that the older verifiers compare with.
        case .digest: return "\(algorithm.rawValue.uppercased())=\(encoded)"
        case .contentDigest, .reprDigest: return "\(algorithm.rawValue)=:\(encoded):"
        }
    }

    /// Compares what the message says with a body.
    ///
    /// - Throws: `SignatureRefusal`: `.absent`, `.malformed`, `.noDigest` when no SHA-256 or SHA-512 is there,
    ///   `.digestMismatch` when one of these is another.
    public func check(_ body: [UInt8], of message: SignableMessage) throws(SignatureRefusal) {
        for (algorithm, digest) in try members(of: message) {
            guard isEqualInConstantTime(Digest.hash(body, with: algorithm.hash), digest) else {
                throw SignatureRefusal(.digestMismatch("\(rawValue) (\(algorithm.rawValue))"))
            }
        }
    }

    /// What the message says in this field, as RFC 9530 §2 writes it: only what would be compared.
    ///
    /// - Throws: as `check`.
    package func contentDigest(of message: SignableMessage) throws(SignatureRefusal) -> String {
        try members(of: message).map { algorithm, digest in
            BodyDigest.contentDigest.value(ofDigest: digest, algorithm)
        }
        .joined(separator: ", ")
    }

    private func members(of message: SignableMessage) throws(SignatureRefusal) -> [(Algorithm, [UInt8])] {
        let values = try message.values(Array(rawValue.utf8))
        guard !values.isEmpty else { throw SignatureRefusal(.absent(rawValue)) }
        let members = try members(FieldValue.joined(values))
        guard !members.isEmpty else { throw SignatureRefusal(.noDigest) }
        return members
    }

    /// Those whose algorithm counts.
    private func members(_ value: [UInt8]) throws(SignatureRefusal) -> [(Algorithm, [UInt8])] {
        self == .digest ? try Self.older(value) : try structured(value)
    }

    private func structured(_ value: [UInt8]) throws(SignatureRefusal) -> [(Algorithm, [UInt8])] {
        var parser = StructuredFieldValueParser(value)
        guard StructuredFieldTypes.isReadable(value), let dictionary = try? parser.parseDictionaryFieldValue() else {
            throw malformed
        }
        var found: [(Algorithm, [UInt8])] = []
        for algorithm in Algorithm.allCases {
            guard let member = dictionary[algorithm.rawValue] else { continue }
            guard case .item(let item) = member, case .undecodedByteSequence(let encoded) = item.rfc9651BareItem,
                let digest = Base64.decode(encoded)
            else { throw malformed }
            found.append((algorithm, digest))
        }
        return found
    }

    /// `SHA-256=…,SHA-512=…`; names in any case.
    private static func older(_ value: [UInt8]) throws(SignatureRefusal) -> [(Algorithm, [UInt8])] {
        var found: [(Algorithm, [UInt8])] = []
        for member in value.split(separator: UInt8(ascii: ",")) {
            let member = member.drop(while: \.isBlank)
            let name = member.prefix { $0 != UInt8(ascii: "=") }
            guard let algorithm = Algorithm(rawValue: String(decoding: name.map(\.lowercased), as: UTF8.self)) else {
                continue
            }
            var encoded = member.dropFirst(name.count + 1)
            while let last = encoded.last, last.isBlank { encoded.removeLast() }
            guard let text = String(validating: encoded, as: UTF8.self), let digest = Base64.decode(text) else {
                throw BodyDigest.digest.malformed
            }
            found.append((algorithm, digest))
        }
        return found
    }

    private var malformed: SignatureRefusal { SignatureRefusal(.malformed("\(rawValue) is not what it should be")) }
}
