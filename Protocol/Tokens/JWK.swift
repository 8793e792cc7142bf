import GatehouseCryptography
package import GatehouseJSON

/// A JSON Web Key (RFC 7517): a shared secret (`oct`) or an Ed25519 key (`OKP`, RFC 8037), checked when it is made.
public struct JWK: Sendable, Equatable {
    /// What `generate` can make.
    public enum Kind: String, Sendable, CaseIterable {
        /// 256 random bits, for HS256.
        case oct
        /// For EdDSA.
        case ed25519
    }

    enum Material: Sendable, Equatable {
        case secret([UInt8])
        case ed25519(publicKey: [UInt8], seed: [UInt8]?)
    }

    let material: Material
    /// `kid` (RFC 7517 §4.5).
    public let keyID: String?
    /// `alg` (RFC 7517 §4.4).
    public let algorithm: String?
    /// `use` (RFC 7517 §4.2).
    public let use: String?

    init(material: Material, keyID: String? = nil, algorithm: String? = nil, use: String? = nil) {
        self.material = material
        self.keyID = keyID
        self.algorithm = algorithm
        self.use = use
    }

    /// Reads one key.
    ///
    /// - Parameter json: UTF-8.
    /// - Throws: `JWKError` when it is not strict JSON, lacks a member, holds one of the wrong form, or is of a kind that is not supported.
    public init(parsing json: [UInt8]) throws(JWKError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: json) } catch { throw .malformed(error.description) }
        try self.init(value)
    }

    package init(_ value: JSONValue) throws(JWKError) {
        guard value.object != nil else { throw .malformed("A JWK is a JSON object.") }
        switch try Self.text("kty", in: value) {
        case "oct":
            let secret = try Self.octets("k", in: value)
            guard !secret.isEmpty else { throw .malformed("The member k is empty.") }
            material = .secret(secret)
        case "OKP":
            let curve = try Self.text("crv", in: value)
            guard curve == "Ed25519" else { throw .unsupported("the curve \(curve)") }
            let publicKey = try Self.octets("x", in: value)
            let seed = value["d"] == nil ? nil : try Self.octets("d", in: value)
            do {
                _ = try Ed25519.PublicKey(publicKey)
                if let seed, try Ed25519.PrivateKey(seed).publicKey.bytes != publicKey {
                    throw JWKError.malformed("The members d and x do not belong together.")
                }
            } catch let error as JWKError {
                throw error
            } catch {
                throw .malformed("\(error)")
            }
            material = .ed25519(publicKey: publicKey, seed: seed)
        case let other: throw .unsupported("the key type \(other)")
        }
        keyID = try Self.optionalText("kid", in: value)
        algorithm = try Self.optionalText("alg", in: value)
        use = try Self.optionalText("use", in: value)
    }

    /// Makes a new key. An `oct` key has no further members, as seed documents and tools expect; others have `kid`, `alg` and `use`.
    public static func generate(_ kind: Kind) -> JWK {
        switch kind {
        case .oct: return JWK(material: .secret(SystemRandom.bytes(32)))
        case .ed25519:
            let key = Ed25519.PrivateKey.generate()
            let material = Material.ed25519(publicKey: key.publicKey.bytes, seed: key.bytes)
            return JWK(material: material, keyID: JWK(material: material).thumbprint(), algorithm: "EdDSA", use: "sig")
        }
    }

    /// Whether it can sign.
    public var isPrivate: Bool {
        switch material {
        case .secret: true
        case .ed25519(_, let seed): seed != nil
        }
    }

    /// Whether it can be shown to others without its private members.
    public var isAsymmetric: Bool {
        switch material {
        case .secret: false
        case .ed25519: true
        }
    }

    /// One line of JSON, members in lexicographic order.
    ///
    /// - Parameter includingPrivate: false leaves `d` and `k` out.
    public func json(includingPrivate: Bool) -> String {
        var members = requiredMembers
        switch material {
        case .secret: if !includingPrivate { members.removeAll { $0.name == "k" } }
        case .ed25519(_, let seed):
            if includingPrivate, let seed { members.append(.init(name: "d", value: .string(Base64URL.encode(seed)))) }
        }
        for (name, value) in [("kid", keyID), ("alg", algorithm), ("use", use)] {
            if let value { members.append(.init(name: name, value: .string(value))) }
        }
        return Self.sorted(members)
    }

    /// SHA-256 over the required members, base64url (RFC 7638).
    public func thumbprint() -> String {
        Base64URL.encode(Digest.sha256(Array(Self.sorted(requiredMembers).utf8)))
    }

    private var requiredMembers: [JSONValue.Member] {
        switch material {
        case .secret(let secret):
            [
                .init(name: "k", value: .string(Base64URL.encode(secret))), .init(name: "kty", value: .string("oct")),
            ]
        case .ed25519(let publicKey, _):
            [
                .init(name: "crv", value: .string("Ed25519")), .init(name: "kty", value: .string("OKP")),
                .init(name: "x", value: .string(Base64URL.encode(publicKey))),
            ]
        }
    }

    private static func sorted(_ members: [JSONValue.Member]) -> String {
        String(decoding: JSONValue.object(members.sorted { $0.name < $1.name }).bytes(), as: UTF8.self)
    }

    // MARK: Reading members

    private static func text(_ name: String, in value: JSONValue) throws(JWKError) -> String {
        guard let text = try optionalText(name, in: value) else { throw .malformed("The member \(name) is missing.") }
        return text
    }

    private static func optionalText(_ name: String, in value: JSONValue) throws(JWKError) -> String? {
        guard let member = value[name] else { return nil }
        guard let text = member.string else { throw .malformed("The member \(name) must be a string.") }
        return text
    }

    private static func octets(_ name: String, in value: JSONValue) throws(JWKError) -> [UInt8] {
        guard let octets = Base64URL.decode(try text(name, in: value)) else {
            throw .malformed("The member \(name) must be base64url without padding.")
        }
        return octets
    }
}

extension JWK: CustomStringConvertible, CustomReflectable {
    /// Names the key; its material never appears.
    public var description: String { "JWK(\(keyID ?? "without kid"))" }
    /// Nothing, so that `dump` shows no key.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a key cannot be used.
public enum JWKError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not a JWK, or a member is missing or of the wrong form.
    case malformed(String)
    /// A key type, curve or algorithm that this library does not have.
    case unsupported(String)
    /// `alg` names an algorithm that this key cannot carry.
    case wrongAlgorithm(String)
    /// A secret below 256 bits (RFC 7518 §3.2).
    case tooShort
    /// A secret that was printed somewhere for everyone to read.
    case published
    /// A public key where a private one is needed.
    case notPrivate

    /// A sentence for people; never the key.
    public var description: String {
        switch self {
        case .malformed(let reason): "The key is not a JWK: \(reason)"
        case .unsupported(let what): "This key cannot be used: \(what) is not supported."
        case .wrongAlgorithm(let name): "The key cannot carry the algorithm \(name)."
        case .tooShort: "The key has fewer than 256 bits; make one with `gatehouse sec-gen-key`."
        case .published: "The key is a published sample; make one with `gatehouse sec-gen-key`."
        case .notPrivate: "This is a public key; signing needs the private one."
        }
    }
}
