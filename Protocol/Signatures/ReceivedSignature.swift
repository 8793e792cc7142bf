import GatehouseCryptography

/// A signature of a request, of either family.
public enum ReceivedSignature: Sendable {
    /// draft-cavage-http-signatures-03 to -12
    case cavage(CavageSignature)
    /// RFC 9421
    case message(MessageSignature)

    /// What a request carries: one signature of draft-cavage, or those of RFC 9421, of which one has to do.
    ///
    /// - Throws: `SignatureRefusal`: `.missing`; `.ambiguous` for both families in one request.
    public static func all(of message: SignableMessage) throws(SignatureRefusal) -> [ReceivedSignature] {
        guard message.fields.contains(where: { $0.name.elementsEqual("signature-input".utf8) }) else {
            return [.cavage(try CavageSignature(of: message))]
        }
        guard try CavageSignature.inAuthorization(of: message) == nil else {
            throw SignatureRefusal(.ambiguous("one in Authorization and one in Signature-Input"))
        }
        let found = try MessageSignature.all(of: message)
        guard !found.isEmpty else { throw SignatureRefusal(.missing) }
        return found.map(ReceivedSignature.message)
    }

    /// What the peer calls the key; nil when it does not say.
    public var keyID: String? {
        switch self {
        case .cavage(let signature): signature.keyID
        case .message(let signature): signature.parameters.keyID
        }
    }

    /// What makes it one of a kind, when the peer said so.
    public var nonce: String? {
        switch self {
        case .cavage: nil
        case .message(let signature): signature.parameters.nonce
        }
    }

    /// Whether the message says that the key is for this algorithm, and not just for any.
    package func names(_ algorithm: SignatureAlgorithm) -> Bool {
        switch self {
        case .cavage(let signature): signature.label.map(algorithm.labels.contains) ?? false
        case .message(let signature): signature.parameters.algorithm.map { $0 == algorithm.registeredName } ?? false
        }
    }

    /// How many octets the signature itself has.
    package var size: Int {
        switch self {
        case .cavage(let signature): signature.signature.count
        case .message(let signature): signature.signature.count
        }
    }

    /// - Returns: what was signed.
    /// - Throws: `SignatureRefusal`.
    public func verify(
        _ message: SignableMessage, with key: SignatureKey, types: StructuredFieldTypes = .registered
    ) throws(SignatureRefusal) -> [UInt8] {
        switch self {
        case .cavage(let signature): try signature.verify(message, with: key)
        case .message(let signature): try signature.verify(message, with: key, types: types)
        }
    }

    /// Under which a signature is remembered that was accepted: the nonce, else what was signed. Not the signature,
    /// since anybody can make another valid one of an ECDSA signature.
    ///
    /// - Parameter base: what `verify` returned.
    public func replayIdentity(base: [UInt8]) -> [UInt8] {
        let subject = nonce.map { Array("nonce\n\($0)".utf8) } ?? Array("base\n".utf8) + base
        return Digest.sha256(Array("\(keyID ?? "")\n".utf8) + subject)
    }
}
