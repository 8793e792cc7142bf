package import GatehouseCryptography

/// A key that makes or checks signatures, bound to one algorithm.
public struct SignatureKey: Sendable {
    enum Material: Sendable {
        case secret(SecretBytes)
        case key(AsymmetricKey)
    }

    /// Octets that a shared secret has at least, unless weak ones are allowed: 256 bits.
    public static let secretSize = 32

    /// `keyId` and `keyid`: what the peer knows the key by.
    public let id: String
    /// The one algorithm of this key.
    public let algorithm: SignatureAlgorithm

    private let maker: any SignatureMaker

    /// A secret that both ends hold.
    ///
    /// - Parameters:
    ///   - secret: used as it is: for a text its octets, not what it may encode.
    ///   - allowsWeak: takes one of fewer than 256 bits, as secrets chosen by people are.
    /// - Throws: `SignatureKeyError`.
    public init(
        id: String, secret: [UInt8], algorithm: SignatureAlgorithm = .hmacSHA256, allowsWeak: Bool = false
    ) throws(SignatureKeyError) {
        guard !secret.isEmpty else { throw .malformed("The secret is empty.") }
        guard allowsWeak || secret.count >= Self.secretSize else { throw .tooShort(bits: secret.count * 8) }
        try self.init(id: id, .secret(SecretBytes(secret)), algorithm)
    }

    /// A private key, which signs, or a public one, which does not.
    ///
    /// - Parameter pem: `PRIVATE KEY`, `PUBLIC KEY` (RFC 7468) or an older form of one kind, not encrypted.
    /// - Throws: `SignatureKeyError`.
    public init(id: String, pem: [UInt8], algorithm: SignatureAlgorithm) throws(SignatureKeyError) {
        try self.init(id: id, pem: pem, isKnown: false, algorithm: algorithm)
    }

    /// - Parameter isKnown: whether a key was made of the same octets before, which takes some time.
    package init(
        id: String, pem: [UInt8], isKnown: Bool, algorithm: SignatureAlgorithm
    ) throws(SignatureKeyError) {
        let key: AsymmetricKey
        do { key = try AsymmetricKey(pem: pem, isKnown: isKnown) } catch { throw .malformed("Not usable: \(error).") }
        try self.init(id: id, key, algorithm: algorithm)
    }

    package init(id: String, _ key: AsymmetricKey, algorithm: SignatureAlgorithm) throws(SignatureKeyError) {
        try self.init(id: id, .key(key), algorithm)
    }

    private init(id: String, _ material: Material, _ algorithm: SignatureAlgorithm) throws(SignatureKeyError) {
        guard let maker = algorithm.bind(material) else { throw .wrongAlgorithm(algorithm.rawValue) }
        self.id = id
        self.algorithm = algorithm
        self.maker = maker
    }

    /// - Throws: `SignatureKeyError.notPrivate` for a public key.
    package func sign(_ base: [UInt8], _ encoding: SignatureEncoding) throws(SignatureKeyError) -> [UInt8] {
        try maker.sign(base, encoding)
    }

    func isValid(_ signature: [UInt8], for base: [UInt8], _ encoding: SignatureEncoding) -> Bool {
        maker.isValid(signature, for: base, encoding)
    }
}

extension SignatureKey: CustomStringConvertible, CustomReflectable {
    /// Names the key and nothing else.
    public var description: String { "SignatureKey(\(id), \(algorithm.rawValue))" }
    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a key cannot be used.
public enum SignatureKeyError: Error, Equatable, Sendable {
    /// It is not what it should be, and why.
    case malformed(String)
    /// It cannot carry this algorithm.
    case wrongAlgorithm(String)
    /// A shared secret of fewer than 256 bits.
    case tooShort(bits: Int)
    /// Only the public half is there.
    case notPrivate
    /// libcrypto refused, in its own words.
    case library(String)
}

extension SignatureKeyError: CustomStringConvertible {
    /// A sentence for people.
    public var description: String {
        switch self {
        case .malformed(let why): why
        case .wrongAlgorithm(let name): "The key is not of the kind that \(name) needs."
        case .tooShort(let bits): "The secret has \(bits) bits, fewer than \(SignatureKey.secretSize * 8)."
        case .notPrivate: "A public key does not sign."
        case .library(let words): "libcrypto failed: \(words)."
        }
    }
}
