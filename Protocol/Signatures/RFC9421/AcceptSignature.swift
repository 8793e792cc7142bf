import RawStructuredFieldValues

/// A signature that a peer asks for, one member of `Accept-Signature` (RFC 9421 §5.1).
public struct AcceptSignature: Sendable {
    /// The label that the answer has to have.
    public let label: String
    /// What is to be covered, in this order.
    public let components: [MessageComponent]
    /// Whether a time of creation, or an end, is asked for.
    public let wantsCreated, wantsExpires: Bool
    /// Taken over into the signature as they are; `created` and `expires` are the signer's.
    public let demanded: SignatureParameters

    /// - Parameter demanded: without `created` and `expires`.
    public init(
        label: String = "sig1", components: [MessageComponent], wantsCreated: Bool = true, wantsExpires: Bool = false,
        demanded: SignatureParameters = SignatureParameters()
    ) {
        self.label = label
        self.components = components
        self.wantsCreated = wantsCreated
        self.wantsExpires = wantsExpires
        self.demanded = demanded
    }

    /// All that a message asks for, in its order; empty when it asks for nothing.
    ///
    /// - Throws: `SignatureRefusal` when the field is not readable.
    public static func all(of message: SignableMessage) throws(SignatureRefusal) -> [AcceptSignature] {
        let values = try message.values(Array("accept-signature".utf8)).filter { !$0.isEmpty }
        guard !values.isEmpty else { return [] }
        var parser = StructuredFieldValueParser(FieldValue.joined(values))
        guard let dictionary = try? parser.parseDictionaryFieldValue() else {
            throw SignatureRefusal(.malformed("accept-signature is no dictionary"))
        }
        var found: [AcceptSignature] = []
        for (label, member) in dictionary {
            guard case .innerList(let list) = member else {
                throw SignatureRefusal(.malformed("accept-signature has no list for \(label)"))
            }
            found.append(try AcceptSignature(label, list))
        }
        return found
    }

    private init(_ label: String, _ list: InnerList) throws(SignatureRefusal) {
        var parameters = list.rfc9651Parameters
        var wanted: Set<String> = []
        for name in ["created", "expires"] {
            guard let value = parameters[name] else { continue }
            // A value would say when the signature was made, which is not for the asking side to know.
            guard case .bool(true) = value else {
                throw SignatureRefusal(.malformed("\(name) is asked for with a value"))
            }
            wanted.insert(name)
            parameters[name] = nil
        }
        self.init(
            label: label, components: try list.components(), wantsCreated: wanted.contains("created"),
            wantsExpires: wanted.contains("expires"), demanded: try SignatureParameters(parameters))
    }

    /// The value of the field for what is asked for, at least one.
    ///
    /// - Throws: `SignatureRefusal` when something cannot be serialised.
    public static func field(_ asked: [AcceptSignature]) throws(SignatureRefusal) -> String {
        var members: [String] = []
        for one in asked {
            var parameters = OrderedMap<String, RFC9651BareItem>()
            if one.wantsCreated { parameters["created"] = .bool(true) }
            if one.wantsExpires { parameters["expires"] = .bool(true) }
            for (name, value) in one.demanded.map { parameters[name] = value }
            try MessageComponent.requireDistinct(one.components)
            let list = try MessageComponent.list(one.components, parameters)
            members.append("\(one.label)=\(String(decoding: list, as: UTF8.self))")
        }
        return members.joined(separator: ", ")
    }

    /// Signs a message as asked (RFC 9421 §5.2).
    ///
    /// - Parameters:
    ///   - created: Unix seconds; used when asked for.
    ///   - expires: Unix seconds, as `created`.
    /// - Throws: `SignatureRefusal`: `.unsuitable` when another key or algorithm is asked for, and what `sign` throws.
    public func sign(
        _ message: SignableMessage, created: Int64, expires: Int64, with key: SignatureKey,
        types: StructuredFieldTypes = .registered
    ) throws -> NewSignature {
        var parameters = demanded
        if let keyID = demanded.keyID, keyID != key.id {
            throw SignatureRefusal(.unsuitable("keyid", "the key \(keyID) is asked for"))
        }
        parameters.keyID = key.id
        parameters.created = wantsCreated ? created : nil
        parameters.expires = wantsExpires ? expires : nil
        return try MessageSignature.sign(
            message, covering: components, parameters: parameters, label: label, with: key, types: types)
    }
}
