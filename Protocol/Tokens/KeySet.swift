import GatehouseJSON

/// The keys that a verifier trusts, by `kid`.
public struct KeySet: Sendable {
    /// By the octets of `kid`: Swift's `String` takes some different spellings for equal.
    private let keys: [[UInt8]: VerificationKey]

    /// - Parameter keys: with different `kid`s; of two with the same, the later counts.
    public init(_ keys: [VerificationKey]) {
        self.keys = Dictionary(keys.map { (Array($0.keyID.utf8), $0) }, uniquingKeysWith: { $1 })
    }

    /// Reads the public keys that somebody shows (RFC 7517 §5). What cannot be used is left out, so that it does not take
    /// the others along: keys of kinds that we do not have, for something else than signatures, short or broken ones.
    /// So are secrets and private keys, which everybody who saw the set could sign with.
    ///
    /// - Throws: `JWKError.malformed` when it is no JWK set, or one `kid` is there twice.
    public init(parsingPublicKeys json: [UInt8]) throws(JWKError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: json) } catch { throw .malformed(error.description) }
        guard let entries = value["keys"]?.array else { throw .malformed("A JWK set has an array named keys.") }
        let found = entries.compactMap { entry -> VerificationKey? in
            guard let jwk = try? JWK(entry), !jwk.isPrivate else { return nil }
            return try? VerificationKey(jwk)
        }
        self.init(found)
        guard keys.count == found.count else { throw .malformed("Two keys have the same kid.") }
    }

    /// The key that a header names. A token without `kid` is taken for the only key there is.
    func key(_ keyID: String?) -> VerificationKey? {
        guard let keyID else { return keys.count == 1 ? keys.values.first : nil }
        return keys[Array(keyID.utf8)]
    }
}
