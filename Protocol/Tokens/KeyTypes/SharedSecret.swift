import GatehouseCryptography
import GatehouseJSON

/// A secret that both sides hold (RFC 7518 §6.4).
struct SharedSecret: KeyMaterial {
    static let keyType = "oct"

    let octets: SecretBytes

    init(_ octets: [UInt8]) { self.octets = SecretBytes(octets) }

    init(_ members: JWKMembers) throws(JWKError) {
        let octets = try members.octets("k")
        guard !octets.isEmpty else { throw .malformed("The member k is empty.") }
        self.init(octets)
    }

    /// 256 bits unless said: as many as SHA-256 can use (RFC 2104 §3).
    static func generate(octets count: Int = 32) -> SharedSecret { SharedSecret(SystemRandom.bytes(count)) }

    var naturalAlgorithm: JWSAlgorithm { .hs256 }
    var isAsymmetric: Bool { false }
    var secret: SecretBytes? { octets }
    var thumbprintMembers: [String: JSONValue] { ["kty": .string(Self.keyType), "k": encoded] }
    var privateMembers: [String: JSONValue] { ["k": encoded] }

    private var encoded: JSONValue { .string(Base64URL.encode(octets.copy)) }
}
