/// Why a key cannot be used. Its text never holds key material.
public enum JWKError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not a JWK, or a member is missing or of the wrong form.
    case malformed(String)
    /// A key type, curve or algorithm that this library does not have.
    case unsupported(String)
    /// `alg` names an algorithm that this key cannot carry, or the key is for something else than signatures.
    case wrongAlgorithm(String)
    /// A secret shorter than its algorithm wants (RFC 7518 §3.2), or an RSA modulus below 2048 bits (§3.3).
    case tooShort(minimumBits: Int)
    /// A secret that is long enough but no random one (RFC 8725 §3.5).
    case guessable
    /// A secret that was printed somewhere for everyone to read.
    case published
    /// A public key where a private one is needed.
    case notPrivate

    /// A sentence for the person who gave the key.
    public var description: String {
        switch self {
        case .malformed(let reason): "The key is not a JWK: \(reason)"
        case .unsupported(let what): "This key cannot be used: \(what) is not supported."
        case .wrongAlgorithm(let name): "The key cannot carry the algorithm \(name)."
        case .tooShort(let bits): "The key has fewer than \(bits) bits; make one with `gatehouse sec-gen-key`."
        case .guessable: "The key is not random; make one with `gatehouse sec-gen-key`."
        case .published: "The key is a published sample; make one with `gatehouse sec-gen-key`."
        case .notPrivate: "This is a public key; signing needs the private one."
        }
    }
}
