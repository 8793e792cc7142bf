import GatehouseCryptography
import GatehouseJSON

/// An RSA key (RFC 7518 §6.3), with or without its private half.
struct RSAPair: KeyMaterial {
    static let keyType = "RSA"
    private static let privateNames = ["d", "p", "q", "dp", "dq", "qi"]

    let publicKey: RSA.PublicKey
    let privateKey: RSA.PrivateKey?

    init(_ members: JWKMembers) throws(JWKError) {
        // RFC 7518 §6.3.2.7: who does not know keys of more than two primes must not use one.
        guard !members.has("oth") else { throw .unsupported("an RSA key of more than two primes") }
        let (modulus, exponent) = (try members.number("n"), try members.number("e"))
        let numbers = try Self.privateNames.contains(where: members.has) ? Self.privateNumbers(members) : nil
        do {
            if let numbers {
                let pair = try RSA.PrivateKey(modulus: modulus, exponent: exponent, numbers)
                privateKey = pair
                publicKey = pair.publicKey
            } else {
                publicKey = try RSA.PublicKey(modulus: modulus, exponent: exponent)
                privateKey = nil
            }
        } catch {
            throw error.reason == .weakKey
                ? .tooShort(minimumBits: RSA.modulusBits.lowerBound) : .malformed(error.description)
        }
    }

    /// All of them: RFC 7518 §6.3.2 lets a key come with `d` alone, but also lets us refuse it, and nobody writes such.
    private static func privateNumbers(_ members: JWKMembers) throws(JWKError) -> RSA.PrivateNumbers {
        RSA.PrivateNumbers(
            exponent: SecretBytes(try members.number("d")), prime1: SecretBytes(try members.number("p")),
            prime2: SecretBytes(try members.number("q")), exponent1: SecretBytes(try members.number("dp")),
            exponent2: SecretBytes(try members.number("dq")), coefficient: SecretBytes(try members.number("qi")))
    }

    private init(_ privateKey: RSA.PrivateKey) {
        publicKey = privateKey.publicKey
        self.privateKey = privateKey
    }

    static func generate() -> RSAPair { RSAPair(.generate()) }

    /// What keys without `alg` are for nearly everywhere.
    var naturalAlgorithm: JWSAlgorithm { .rs256 }
    var isAsymmetric: Bool { true }
    var secret: SecretBytes? { privateKey?.numbers.exponent }

    var thumbprintMembers: [String: JSONValue] {
        [
            "kty": .string(Self.keyType), "n": .string(Base64URL.encode(publicKey.modulus)),
            "e": .string(Base64URL.encode(publicKey.exponent)),
        ]
    }

    var privateMembers: [String: JSONValue] {
        guard let numbers = privateKey?.numbers else { return [:] }
        let values = [
            numbers.exponent, numbers.prime1, numbers.prime2, numbers.exponent1, numbers.exponent2,
            numbers.coefficient,
        ]
        return Dictionary(
            uniqueKeysWithValues: zip(Self.privateNames, values.map { .string(Base64URL.encode($0.copy)) }))
    }
}
