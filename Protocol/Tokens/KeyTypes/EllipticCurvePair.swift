import GatehouseCryptography
import GatehouseJSON

/// A key on a curve of NIST (RFC 7518 §6.2), with or without its private half.
struct EllipticCurvePair: KeyMaterial {
    static let keyType = "EC"

    let publicKey: ECDSA.PublicKey
    let privateKey: ECDSA.PrivateKey?

    init(_ members: JWKMembers) throws(JWKError) {
        let name = try members.text("crv")
        guard let curve = ECDSA.Curve.allCases.first(where: { isSameText($0.jwkName, name) }) else {
            throw .unsupported("the curve \(name)")
        }
        let (x, y) = (try members.octets("x"), try members.octets("y"))
        let secret = members.has("d") ? SecretBytes(try members.octets("d")) : nil
        do {
            if let secret {
                let pair = try ECDSA.PrivateKey(curve, x: x, y: y, secret: secret)
                privateKey = pair
                publicKey = pair.publicKey
            } else {
                publicKey = try ECDSA.PublicKey(curve, x: x, y: y)
                privateKey = nil
            }
        } catch {
            throw .malformed(error.description)
        }
    }

    private init(_ privateKey: ECDSA.PrivateKey) {
        publicKey = privateKey.publicKey
        self.privateKey = privateKey
    }

    static func generate(_ curve: ECDSA.Curve) -> EllipticCurvePair { EllipticCurvePair(.generate(curve)) }

    var naturalAlgorithm: JWSAlgorithm {
        switch publicKey.curve {
        case .p256: .es256
        case .p384: .es384
        case .p521: .es512
        }
    }

    var isAsymmetric: Bool { true }
    var secret: SecretBytes? { privateKey?.secret }

    var thumbprintMembers: [String: JSONValue] {
        [
            "kty": .string(Self.keyType), "crv": .string(publicKey.curve.jwkName),
            "x": .string(Base64URL.encode(publicKey.x)), "y": .string(Base64URL.encode(publicKey.y)),
        ]
    }

    var privateMembers: [String: JSONValue] {
        guard let privateKey else { return [:] }
        return ["d": .string(Base64URL.encode(privateKey.secret.copy))]
    }
}

extension ECDSA.Curve {
    /// `crv` (RFC 7518 §6.2.1.1).
    fileprivate var jwkName: String {
        switch self {
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        }
    }
}
