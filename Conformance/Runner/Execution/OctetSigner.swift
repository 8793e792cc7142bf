internal import GatehouseCryptography
internal import HTTPSignatures

/// A key that signs any octets, since the library's ways to sign a message make right signatures only.
struct OctetSigner {
    private enum Key {
        /// Also an empty one, which the library does not take.
        case secret(HMACKey)
        case pair(SignatureKey)
    }

    private let key: Key
    /// What the older drafts call the algorithm, else what they say when they name none (draft-12 §2.1.1, §E.2).
    let cavageLabel: String

    init(_ signing: Signing, scope: Scope) throws {
        let name = try signing.algorithm?.resolved(in: scope) ?? SignatureAlgorithm.hmacSHA256.rawValue
        func problem(_ text: String) -> SigningProblem { SigningProblem(text: text, position: signing.position) }
        guard let algorithm = SignatureAlgorithm(rawValue: name) else {
            throw problem("there is no algorithm \"\(name)\"")
        }
        let old: [SignatureAlgorithm] = [.hmacSHA256, .hmacSHA512, .rsaSHA256, .rsaSHA512]
        cavageLabel = old.contains(algorithm) ? name : "hs2019"
        func secret(_ octets: [UInt8]) throws -> Key {
            guard algorithm.isShared else { throw problem("the key is not of the kind that \(name) needs") }
            return .secret(HMACKey(algorithm == .hmacSHA512 ? .sha512 : .sha256, secret: octets))
        }
        switch signing.material {
        case .secret(let text): key = try secret(Array(try text.resolved(in: scope).utf8))
        case .secretInBase64(let text):
            guard let octets = Base64.decode(try text.resolved(in: scope)) else {
                throw problem("`secret-base64` is not valid base64")
            }
            key = try secret(octets)
        case .privateKey(let text):
            let pem = Array(try text.resolved(in: scope).utf8)
            do {
                // Shorter RSA keys too: a server has to refuse them, and a vector has one.
                key = .pair(
                    try SignatureKey(id: "", try AsymmetricKey(pem: pem, minimumBits: 1024), algorithm: algorithm))
            } catch { throw problem("the private key cannot be used: \(error)") }
        }
    }

    /// - Parameter inDER: how ECDSA writes its two numbers: as all of draft-cavage in the wild, else as RFC 9421 §3.3.4.
    func sign(_ octets: [UInt8], inDER: Bool) throws -> [UInt8] {
        switch key {
        case .secret(let key): key.code(for: octets)
        case .pair(let key): try key.sign(octets, inDER ? .der : .fixed)
        }
    }
}
