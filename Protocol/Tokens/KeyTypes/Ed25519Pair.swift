import GatehouseCryptography
import GatehouseJSON

/// An Ed25519 key (RFC 8037 §2), with or without its private half.
struct Ed25519Pair: KeyMaterial {
    /// Octet key pair. X25519 is one too, but does not sign.
    static let keyType = "OKP"
    private static let curve = "Ed25519"

    let publicKey: Ed25519.PublicKey
    let privateKey: Ed25519.PrivateKey?

    init(_ members: JWKMembers) throws(JWKError) {
        let curve = try members.text("crv")
        guard curve == Self.curve else { throw .unsupported("the curve \(curve)") }
        let publicBytes = try members.octets("x")
        let seed = members.has("d") ? try members.octets("d") : nil
        do {
            publicKey = try Ed25519.PublicKey(publicBytes)
            privateKey = try seed.map { seed throws(CryptographyError) in try Ed25519.PrivateKey(seed) }
        } catch {
            throw .malformed(error.description)
        }
        // Signing with a public half of somebody else's would give the private one away.
        guard privateKey == nil || privateKey?.publicKey == publicKey else {
            throw .malformed("The members d and x do not belong together.")
        }
    }

    private init(_ privateKey: Ed25519.PrivateKey) {
        publicKey = privateKey.publicKey
        self.privateKey = privateKey
    }

    static func generate() -> Ed25519Pair { Ed25519Pair(.generate()) }

    var naturalAlgorithm: JWSAlgorithm { .edDSA }
    var isAsymmetric: Bool { true }
    var secret: SecretBytes? { privateKey?.secret }

    var thumbprintMembers: [String: JSONValue] {
        [
            "kty": .string(Self.keyType), "crv": .string(Self.curve),
            "x": .string(Base64URL.encode(publicKey.bytes)),
        ]
    }

    var privateMembers: [String: JSONValue] {
        guard let privateKey else { return [:] }
        return ["d": .string(Base64URL.encode(privateKey.bytes))]
    }
}
