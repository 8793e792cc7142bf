/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1). A new one is a file in this folder and a line here.
///
/// `none` is not among them and never will be (RFC 8725 §3.2).
public struct JWSAlgorithm: RawRepresentable, Sendable, CaseIterable {
    /// Those that a key can be bound to.
    public static let allCases: [JWSAlgorithm] = [
        hs256, hs384, hs512, rs256, ps256, ps384, es256, es384, es512, edDSA,
    ]

    /// `alg`
    public let rawValue: String
    /// Makes material for a new key.
    let makeMaterial: @Sendable () -> any KeyMaterial
    private let bindKey: @Sendable (any KeyMaterial) throws(JWKError) -> (any AlgorithmKey)?

    /// - Parameter bind: nil when the material is of a kind or curve that this algorithm is not for.
    init(
        _ name: String, material: @escaping @Sendable () -> any KeyMaterial,
        bind: @escaping @Sendable (any KeyMaterial) throws(JWKError) -> (any AlgorithmKey)?
    ) {
        rawValue = name
        makeMaterial = material
        bindKey = bind
    }

    /// - Parameter rawValue: compared octet by octet; nil for any name that is not in `allCases`.
    public init?(rawValue: String) {
        guard let algorithm = Self.allCases.first(where: { isSameText($0.rawValue, rawValue) }) else { return nil }
        self = algorithm
    }

    /// - Throws: `JWKError.wrongAlgorithm` when the key is of another kind, `.tooShort`.
    func key(_ material: any KeyMaterial) throws(JWKError) -> any AlgorithmKey {
        guard let key = try bindKey(material) else { throw .wrongAlgorithm(rawValue) }
        return key
    }
}

extension JWSAlgorithm: Hashable {
    /// By name, which no two share.
    public static func == (a: JWSAlgorithm, b: JWSAlgorithm) -> Bool { a.rawValue == b.rawValue }
    /// By name.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// A key bound to the one algorithm that it is for (RFC 8725 §3.1).
protocol AlgorithmKey: Sendable {
    /// - Throws: `JWKError.notPrivate` when only the public half is there.
    func sign(_ message: [UInt8]) throws(JWKError) -> [UInt8]

    /// False for everything but a right signature of the right length.
    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool
}
