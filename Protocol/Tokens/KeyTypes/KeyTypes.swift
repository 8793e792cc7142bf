import GatehouseCryptography
import GatehouseJSON

/// The kinds of keys that can be read. A new one is a file in this folder, a line here and a case of `JWK.Kind`.
enum KeyTypes {
    static let all: [any KeyMaterial.Type] = [
        SharedSecret.self, RSAPair.self, EllipticCurvePair.self, Ed25519Pair.self,
    ]
}

extension JWK.Kind {
    /// A new key.
    func make() -> any KeyMaterial {
        switch self {
        case .oct: SharedSecret.generate()
        case .ed25519: Ed25519Pair.generate()
        case .p256: EllipticCurvePair.generate(.p256)
        case .p384: EllipticCurvePair.generate(.p384)
        case .rsa: RSAPair.generate()
        }
    }
}

/// What a key is made of.
protocol KeyMaterial: Sendable {
    /// `kty` (RFC 7518 §6.1).
    static var keyType: String { get }

    /// - Throws: `JWKError.malformed` unless every member is right, also the private ones (RFC 8725 §3.4).
    init(_ members: JWKMembers) throws(JWKError)

    /// The algorithm of a key without `alg`.
    var naturalAlgorithm: JWSAlgorithm { get }

    /// Whether it can be shown to others without its private members.
    var isAsymmetric: Bool { get }

    /// What makes a signature; nil in a public key.
    var secret: SecretBytes? { get }

    /// The members that RFC 7638 §3.2 calls required, `kty` included.
    var thumbprintMembers: [String: JSONValue] { get }

    /// The members that nobody else may see (RFC 7517 §9.2).
    var privateMembers: [String: JSONValue] { get }
}
