import GatehouseCryptography
import RawStructuredFieldValues

/// A signature as RFC 9421 has it, read from a message.
public struct MessageSignature: Sendable {
    /// A message with more is not looked at.
    private static let maximumCount = 8
    /// A message whose signatures cover more, all together, is not looked at: some components take long to make.
    private static let maximumComponents = 64

    /// Its name in this message, which means nothing else (RFC 9421 §7.2.5).
    public let label: String
    /// What it covers, in its order.
    public let covered: [MessageComponent]
    /// What it says of itself.
    public let parameters: SignatureParameters
    /// The signature itself.
    public let signature: [UInt8]

    /// The inner list as it is signed.
    private let serialised: [UInt8]

    /// All signatures of a message, in its order.
    ///
    /// - Returns: empty when it has no `Signature-Input`.
    /// - Throws: `SignatureRefusal` when one of them is not readable: what is not understood is not passed over.
    public static func all(of message: SignableMessage) throws(SignatureRefusal) -> [MessageSignature] {
        guard let inputs = try dictionary("signature-input", of: message) else { return [] }
        let signatures = try dictionary("signature", of: message)
        guard inputs.count <= maximumCount else { throw SignatureRefusal(.malformed("too many signatures")) }
        var found: [MessageSignature] = []
        var count = 0
        for (label, input) in inputs {
            guard case .innerList(let list) = input else {
                throw SignatureRefusal(.malformed("Signature-Input has no list for \(label)"))
            }
            guard case .item(let item)? = signatures?[label],
                case .undecodedByteSequence(let encoded) = item.rfc9651BareItem,
                let signature = Base64.decode(encoded), !signature.isEmpty
            else { throw SignatureRefusal(.malformed("Signature has no octets for \(label)")) }
            count += list.bareInnerList.count
            guard count <= maximumComponents else { throw SignatureRefusal(.malformed("too many components")) }
            found.append(try MessageSignature(label: label, list, signature: signature))
        }
        if let signatures {
            for (label, _) in signatures where inputs[label] == nil {
                throw SignatureRefusal(.malformed("Signature-Input has nothing for \(label)"))
            }
        }
        return found
    }

    private init(label: String, _ list: InnerList, signature: [UInt8]) throws(SignatureRefusal) {
        self.label = label
        self.signature = signature
        covered = try list.components()
        parameters = try SignatureParameters(list.rfc9651Parameters)
        serialised = try MessageComponent.list(covered, list.rfc9651Parameters)
    }

    /// Checks it with a key, over the message as it is (RFC 9421 §3.2).
    ///
    /// This alone says nothing about what has to be covered, about time, and about the body: `SignaturePolicy` does.
    ///
    /// - Returns: the signature base.
    /// - Throws: `SignatureRefusal`, with the base as far as it could be made.
    @discardableResult
    public func verify(
        _ message: SignableMessage, with key: SignatureKey, types: StructuredFieldTypes = .registered
    ) throws(SignatureRefusal) -> [UInt8] {
        if let named = parameters.algorithm, named != key.algorithm.registeredName {
            throw SignatureRefusal(.wrongAlgorithm(named: named, key: key.algorithm.rawValue))
        }
        let base = try self.base(of: message, types: types)
        guard key.isValid(signature, for: base, .fixed) else { throw SignatureRefusal(.badSignature, base: base) }
        return base
    }

    /// What is signed (RFC 9421 §2.5).
    ///
    /// - Throws: `SignatureRefusal`.
    public func base(
        of message: SignableMessage, types: StructuredFieldTypes = .registered
    ) throws(SignatureRefusal) -> [UInt8] {
        try SignatureBase.make(covered, parameters: serialised, of: message, types)
    }

    private static func dictionary(
        _ name: String, of message: SignableMessage
    ) throws(SignatureRefusal) -> OrderedMap<String, ItemOrInnerList>? {
        let values = try message.values(Array(name.utf8)).filter { !$0.isEmpty }
        guard !values.isEmpty else { return nil }
        // RFC 9651 §4.2: all lines are one value.
        let value = FieldValue.joined(values)
        var parser = StructuredFieldValueParser(value)
        guard StructuredFieldTypes.isReadable(value), let dictionary = try? parser.parseDictionaryFieldValue() else {
            throw SignatureRefusal(.malformed("\(name) is no dictionary, or too large"))
        }
        return dictionary
    }
}

/// What a new signature adds to a message.
public struct NewSignature: Sendable, Equatable {
    /// The value of a new line of `Signature-Input`.
    public let signatureInput: String
    /// The value of a new line of `Signature`.
    public let signature: String
}

extension MessageSignature {
    /// Signs a message (RFC 9421 §3.1).
    ///
    /// - Parameters:
    ///   - message: with all that is covered.
    ///   - parameters: sent as they are.
    ///   - label: a key of RFC 9651 §3.1.2 that no other signature of the message has.
    /// - Throws: `SignatureRefusal`, or `SignatureKeyError` when the key does not sign.
    public static func sign(
        _ message: SignableMessage, covering covered: [MessageComponent], parameters: SignatureParameters,
        label: String = "sig1", with key: SignatureKey, types: StructuredFieldTypes = .registered
    ) throws -> NewSignature {
        if let named = parameters.algorithm, named != key.algorithm.registeredName {
            throw SignatureRefusal(.wrongAlgorithm(named: named, key: key.algorithm.rawValue))
        }
        try MessageComponent.requireDistinct(covered)
        let serialised = try MessageComponent.list(covered, parameters.map)
        let base = try SignatureBase.make(covered, parameters: serialised, of: message, types)
        let signature = try key.sign(base, .fixed)
        return NewSignature(
            signatureInput: "\(label)=\(String(decoding: serialised, as: UTF8.self))",
            signature: "\(label)=:\(Base64.encode(signature)):")
    }
}
