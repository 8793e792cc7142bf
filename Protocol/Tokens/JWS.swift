import GatehouseCryptography
package import GatehouseJSON

/// JSON Web Signatures in compact form (RFC 7515 §7.1).
public enum JWS {
    /// Octets of a compact JWS that we look at; ours have some 500.
    static let maximumSize = 8 * 1024

    /// Signs a payload. The header holds `alg`, `kid` and `typ`.
    ///
    /// - Throws: `JWKError` when the key cannot sign.
    public static func sign(_ payload: [UInt8], type: String, with key: SigningKey) throws(JWKError) -> String {
        var header = JSONWriter(reserving: 96)
        header.raw("{\"alg\":")
        header.string(key.algorithm.rawValue)
        header.raw(",\"kid\":")
        header.string(key.keyID)
        header.raw(",\"typ\":")
        header.string(type)
        header.raw("}")
        return try sign(payload, header: header.bytes, with: key)
    }

    /// Signs a payload under a header that may say anything; for tests of verifiers.
    package static func sign(_ payload: [UInt8], header: [UInt8], with key: SigningKey) throws(JWKError) -> String {
        let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        return input + "." + Base64URL.encode(try key.key.sign(Array(input.utf8)))
    }

    /// A payload whose signature is right, with the header it was signed under.
    package struct Verified: Sendable {
        package let header: JSONValue
        package let payload: [UInt8]
    }

    /// Checks the signature. The key decides the algorithm; what the header says about keys (`jwk`, `jku`, `x5u`, `x5c`) is not looked at.
    package static func verify(_ compact: String, with keys: KeySet) throws(TokenError) -> Verified {
        let octets = Array(compact.utf8)
        guard octets.count <= maximumSize else { throw .tooLarge }
        let dots = octets.indices.filter { octets[$0] == UInt8(ascii: ".") }
        guard dots.count == 2, let headerBytes = Base64URL.decode(octets[..<dots[0]]),
            let payload = Base64URL.decode(octets[(dots[0] + 1)..<dots[1]]),
            let signature = Base64URL.decode(octets[(dots[1] + 1)...])
        else { throw .malformed }
        guard let header = try? JSONValue(parsing: headerBytes), header.object != nil, let name = header["alg"]?.string
        else { throw .malformed }
        // We understand no extension, so whatever is marked critical is refused; also an empty list, which RFC 7515 forbids.
        guard header["crit"] == nil else { throw .critical }
        if let keyID = header["kid"], keyID.string == nil { throw .malformed }
        guard let key = keys.key(header["kid"]?.string) else { throw .unknownKey }
        guard name == key.algorithm.rawValue else { throw .wrongAlgorithm }
        guard key.key.isValid(signature, for: Array(octets[..<dots[1]])) else { throw .badSignature }
        return Verified(header: header, payload: payload)
    }
}
