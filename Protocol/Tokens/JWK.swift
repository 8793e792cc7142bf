import GatehouseCryptography
package import GatehouseJSON

/// A JSON Web Key (RFC 7517), checked when it is made. `KeyTypes` lists the kinds.
public struct JWK: Sendable {
    /// What `generate` can make.
    public enum Kind: String, Sendable, CaseIterable {
        /// 256 random bits, for HS256.
        case oct
        /// For EdDSA.
        case ed25519
        /// For ES256.
        case p256
        /// For ES384.
        case p384
        /// 3072 bits, for RS256.
        case rsa
    }

    let material: any KeyMaterial
    /// `kid` (RFC 7517 §4.5).
    public let keyID: String?
    /// `alg` (RFC 7517 §4.4).
    public let algorithm: String?
    /// `use` (RFC 7517 §4.2).
    public let use: String?
    /// `key_ops` (RFC 7517 §4.3).
    public let operations: [String]?

    init(material: any KeyMaterial, keyID: String? = nil, algorithm: String? = nil, use: String? = nil) {
        self.material = material
        self.keyID = keyID
        self.algorithm = algorithm
        self.use = use
        operations = nil
    }

    /// Reads one key. Members that nobody here knows are ignored (RFC 7517 §4).
    ///
    /// - Parameter json: UTF-8.
    /// - Throws: `JWKError` when it is not strict JSON, lacks a member, holds one of the wrong form, or is of a kind
    ///   that is not supported.
    public init(parsing json: [UInt8]) throws(JWKError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: json) } catch { throw .malformed(error.description) }
        try self.init(value)
    }

    package init(_ value: JSONValue) throws(JWKError) {
        guard value.object != nil else { throw .malformed("A JWK is a JSON object.") }
        let members = JWKMembers(value)
        let type = try members.text("kty")
        guard let kind = KeyTypes.all.first(where: { $0.keyType == type }) else {
            throw .unsupported("the key type \(type)")
        }
        material = try kind.init(members)
        keyID = try members.optionalText("kid")
        algorithm = try members.optionalText("alg")
        use = try members.optionalText("use")
        operations = try members.optionalTexts("key_ops")
    }

    /// Makes a new key. An `oct` key has no further members, as the original Ampho prints it; others have `kid`,
    /// `alg` and `use`.
    public static func generate(_ kind: Kind) -> JWK {
        let key = JWK(material: kind.make())
        guard key.isAsymmetric else { return key }
        return JWK(
            material: key.material, keyID: key.thumbprint(), algorithm: key.material.naturalAlgorithm.rawValue,
            use: "sig")
    }

    /// Makes a new key for an algorithm, with `kid`, `alg` and `use`.
    public static func generate(for algorithm: JWSAlgorithm) -> JWK {
        let material = algorithm.makeMaterial()
        return JWK(
            material: material, keyID: JWK(material: material).thumbprint(), algorithm: algorithm.rawValue, use: "sig")
    }

    /// Whether it can sign.
    public var isPrivate: Bool { material.secret != nil }

    /// Whether it can be shown to others without its private members.
    public var isAsymmetric: Bool { material.isAsymmetric }

    /// One line of JSON, members in lexicographic order.
    ///
    /// - Parameter includingPrivate: false leaves `d`, `k` and the like out.
    public func json(includingPrivate: Bool) -> String {
        var members = material.thumbprintMembers
        for (name, value) in material.privateMembers {
            // Not by assigning nil, which for a JSON value would mean `null`.
            if includingPrivate { members[name] = value } else { members.removeValue(forKey: name) }
        }
        for (name, value) in [("kid", keyID), ("alg", algorithm), ("use", use)] {
            if let value { members[name] = .string(value) }
        }
        if let operations { members["key_ops"] = .array(operations.map(JSONValue.string)) }
        return Self.text(members)
    }

    /// SHA-256 over the required members, base64url (RFC 7638).
    ///
    /// That of an `oct` key is made from the secret (RFC 7638 §7): it tells nothing about a random one.
    public func thumbprint() -> String {
        Base64URL.encode(Digest.sha256(Array(Self.text(material.thumbprintMembers).utf8)))
    }

    private static func text(_ members: [String: JSONValue]) -> String {
        let sorted = members.sorted { $0.key < $1.key }
        return JSONValue.object(sorted.map { .init(name: $0.key, value: $0.value) }).text
    }
}

extension JWK: Equatable {
    /// Whether both say the same, private members included.
    public static func == (a: JWK, b: JWK) -> Bool {
        isEqualInConstantTime(
            Array(a.json(includingPrivate: true).utf8), Array(b.json(includingPrivate: true).utf8))
    }
}

extension JWK: CustomStringConvertible, CustomReflectable {
    /// Names the key; its material never appears.
    public var description: String { "JWK(\(keyID ?? "without kid"))" }
    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
