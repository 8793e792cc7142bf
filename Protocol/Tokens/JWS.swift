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
        var header = JSONWriter(reserving: 128)
        header.raw("{\"alg\":")
        header.string(key.algorithm.rawValue)
        header.raw(",\"kid\":")
        header.string(key.keyID)
        header.raw(",\"typ\":")
        header.string(type)
        header.raw("}")
        return try sign(payload, header: header.bytes, with: key)
    }

    /// Signs a payload under a header that may say anything, also what is wrong: for tests of verifiers, which need
    /// tokens that differ in one thing and are signed all the same.
    package static func sign(_ payload: [UInt8], header: [UInt8], with key: SigningKey) throws(JWKError) -> String {
        let input = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        return input + "." + Base64URL.encode(try key.key.sign(Array(input.utf8)))
    }

    /// A payload whose signature is right, with the header it was signed under.
    public struct Verified: Sendable {
        /// What was signed.
        public let payload: [UInt8]
        /// Whose signature it is.
        public let keyID: String
        package let header: JSONValue

        /// `typ`, which says what kind of thing was signed (RFC 8725 §3.11).
        public var type: String? { header["typ"]?.string }
    }

    /// Checks the signature. The key decides the algorithm; what the header says about keys (`jwk`, `jku`, `x5u`,
    /// `x5c`) is not looked at.
    ///
    /// For tokens use `TokenVerifier`: this alone says nothing about kind, issuer, audience and time.
    public static func verify(_ compact: String, with keys: KeySet) throws(TokenError) -> Verified {
        guard compact.utf8.count <= maximumSize else { throw .tooLarge }
        let octets = Array(compact.utf8)
        let parts = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed }
        guard let headerBytes = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2]), let header = try? JSONValue(parsing: headerBytes),
            header.object != nil, let algorithm = header["alg"]?.string
        else { throw .malformed }
        // We understand no extension, so whatever is marked critical is refused; also an empty list, which RFC 7515
        // forbids. `b64` must be marked (RFC 7797 §6), so that a token that has it without is wrong, whichever way it
        // was meant.
        guard header["crit"] == nil, header["b64"] == nil else { throw .critical }
        if let keyID = header["kid"], keyID.string == nil { throw .malformed }
        guard let key = keys.key(header["kid"]?.string) else { throw .unknownKey }
        guard isSameText(algorithm, key.algorithm.rawValue) else { throw .wrongAlgorithm }
        // RFC 7515 §5.2: the signature is over the two parts as they came, not over what they mean.
        guard key.key.isValid(signature, for: Array(octets[..<parts[1].endIndex])) else { throw .badSignature }
        return Verified(payload: payload, keyID: key.keyID, header: header)
    }
}
