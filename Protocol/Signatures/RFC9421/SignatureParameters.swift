import RawStructuredFieldValues

/// What a signature says of itself (RFC 9421 §2.3).
public struct SignatureParameters: Sendable, Equatable {
    /// Unix seconds.
    public var created: Int64?
    /// Unix seconds.
    public var expires: Int64?
    /// What makes it one of a kind.
    public var nonce: String?
    /// `alg`: a name of the registry, which can only confirm what the key says.
    public var algorithm: String?
    /// `keyid`
    public var keyID: String?
    /// Which application it is for.
    public var tag: String?

    /// None unless said.
    public init(
        created: Int64? = nil, expires: Int64? = nil, nonce: String? = nil, algorithm: String? = nil,
        keyID: String? = nil, tag: String? = nil
    ) {
        self.created = created
        self.expires = expires
        self.nonce = nonce
        self.algorithm = algorithm
        self.keyID = keyID
        self.tag = tag
    }

    /// Parameters that nobody here knows count for nothing, but stay in what is signed.
    ///
    /// - Throws: `.malformed` for a known one of another type.
    init(_ parameters: OrderedMap<String, RFC9651BareItem>) throws(SignatureRefusal) {
        for (name, value) in parameters {
            switch (name, value) {
            case ("created", .integer(let seconds)): created = seconds
            case ("expires", .integer(let seconds)): expires = seconds
            case ("nonce", .string(let text)): nonce = text
            case ("alg", .string(let text)): algorithm = text
            case ("keyid", .string(let text)): keyID = text
            case ("tag", .string(let text)): tag = text
            case ("created", _), ("expires", _), ("nonce", _), ("alg", _), ("keyid", _), ("tag", _):
                throw SignatureRefusal(.malformed("the parameter \(name) has another type"))
            default: break
            }
        }
    }

    /// In the order that the RFC's examples have most.
    var map: OrderedMap<String, RFC9651BareItem> {
        var map = OrderedMap<String, RFC9651BareItem>()
        map["created"] = created.map(RFC9651BareItem.integer)
        map["expires"] = expires.map(RFC9651BareItem.integer)
        map["nonce"] = nonce.map(RFC9651BareItem.string)
        map["alg"] = algorithm.map(RFC9651BareItem.string)
        map["keyid"] = keyID.map(RFC9651BareItem.string)
        map["tag"] = tag.map(RFC9651BareItem.string)
        return map
    }
}

extension InnerList {
    /// The components of an entry of `Signature-Input` or `Accept-Signature`.
    ///
    /// - Throws: `.duplicateComponent`, and what `MessageComponent` throws.
    func components() throws(SignatureRefusal) -> [MessageComponent] {
        var components: [MessageComponent] = []
        for item in bareInnerList { components.append(try MessageComponent(item)) }
        try MessageComponent.requireDistinct(components)
        return components
    }
}

extension MessageComponent {
    /// - Throws: `.duplicateComponent` (RFC 9421 §2.5).
    static func requireDistinct(_ components: [MessageComponent]) throws(SignatureRefusal) {
        for (index, component) in components.enumerated() where components[..<index].contains(component) {
            throw SignatureRefusal(.duplicateComponent(component.identifier))
        }
    }

    /// The inner list of an entry of `Signature-Input` or `Accept-Signature` (RFC 9651 §4.1.1.1): serialised anew, since
    /// a field may be written with more spaces.
    ///
    /// - Throws: `.malformed` when a parameter cannot be written down.
    static func list(
        _ components: [MessageComponent], _ parameters: OrderedMap<String, RFC9651BareItem>
    ) throws(SignatureRefusal) -> [UInt8] {
        var serializer = StructuredFieldValueSerializer()
        let empty = InnerList(bareInnerList: [], parameters: parameters)
        guard let octets = try? serializer.writeListFieldValue([.innerList(empty)]) else {
            throw SignatureRefusal(.malformed("a parameter that cannot be serialised"))
        }
        // It begins with `()`.
        return Array("(\(components.map(\.identifier).joined(separator: " ")))".utf8) + octets.dropFirst(2)
    }
}
