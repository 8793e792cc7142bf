import GatehouseCryptography

/// How a key signs. It belongs to the key: what a message says about it can only confirm it (RFC 9421 §7.3.6).
///
/// A new one is a file in this folder and a line here.
public struct SignatureAlgorithm: RawRepresentable, Sendable, CaseIterable {
    /// Those that a key can be bound to. Nothing with SHA-1 or MD5 is among them.
    public static let allCases: [SignatureAlgorithm] = [
        hmacSHA256, hmacSHA512, rsaSHA256, rsaSHA512, rsaPSSSHA512, ecdsaP256SHA256, ecdsaP384SHA384, ed25519,
    ]

    /// The label that stands for any algorithm (draft-cavage-http-signatures-12 §2.1.1).
    static let anyLabel = "hs2019"

    /// The name of a key's algorithm, here and in `gatehouse key add --algorithm`.
    public let rawValue: String
    /// The values of `algorithm` that confirm it (draft-cavage-http-signatures-12 appendix E.2), beside `hs2019`.
    let labels: [String]
    /// The value of `alg` that confirms it (RFC 9421 §6.2.2); nil where there is none.
    public let registeredName: String?
    private let bindMaterial: @Sendable (SignatureKey.Material) -> (any SignatureMaker)?

    /// - Parameter bind: nil when the material is of another kind.
    init(
        _ name: String, labels: [String], registeredName: String?,
        bind: @escaping @Sendable (SignatureKey.Material) -> (any SignatureMaker)?
    ) {
        rawValue = name
        self.labels = labels
        self.registeredName = registeredName
        bindMaterial = bind
    }

    /// - Parameter rawValue: nil for any name that is not in `allCases`.
    public init?(rawValue: String) {
        guard let algorithm = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = algorithm
    }

    func bind(_ material: SignatureKey.Material) -> (any SignatureMaker)? { bindMaterial(material) }
}

extension SignatureAlgorithm: Hashable {
    /// By name, which no two share.
    public static func == (a: SignatureAlgorithm, b: SignatureAlgorithm) -> Bool { a.rawValue == b.rawValue }
    /// By name.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// How the two numbers of an ECDSA signature are written down. Other algorithms have one way only.
package enum SignatureEncoding: Sendable {
    /// The SEQUENCE of ANSI X9.62, as all of draft-cavage in the wild.
    case der
    /// Side by side, of fixed length (RFC 9421 §3.3.4).
    case fixed
}

/// A key bound to the algorithm that it is for.
protocol SignatureMaker: Sendable {
    /// - Throws: `SignatureKeyError.notPrivate` when only the public half is there.
    func sign(_ base: [UInt8], _ encoding: SignatureEncoding) throws(SignatureKeyError) -> [UInt8]

    /// False for everything but a right signature.
    func isValid(_ signature: [UInt8], for base: [UInt8], _ encoding: SignatureEncoding) -> Bool
}
