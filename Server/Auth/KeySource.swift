import GatehouseJSON
public import WebTokens

/// The keys of an issuer as they are at one moment. An object, so that one can see whether they are still the same.
public final class IssuerKeys: Sendable {
    let keys: KeySet

    /// Two that are made of the same keys count as different: what a verifier remembers of tokens is lost.
    public init(_ keys: KeySet) { self.keys = keys }
}

/// Where the keys come from that tokens are checked with. `GatehouseAuthRemote` has one that fetches them.
public struct KeySource: Sendable {
    let keys: @Sendable (_ insufficient: IssuerKeys?) async throws -> IssuerKeys

    /// A source of one's own.
    ///
    /// - Parameter keys: gives the keys that count now, the same object as long as they are the same. Called for each
    ///   request with nil; and with what it gave, when that lacks the key of a token: then it may look for newer ones,
    ///   and gives the same object when there are none. Bound how often you look, since strangers can make up keys.
    ///   When it throws, the request is refused with 503; `KeysUnavailable` says for how long.
    public init(_ keys: @escaping @Sendable (_ insufficient: IssuerKeys?) async throws -> IssuerKeys) {
        self.keys = keys
    }

    /// Keys that do not change while the program runs.
    ///
    /// - Parameter jwkSet: a JWK set (RFC 7517 §5), UTF-8, with one key at least. It may hold secrets, such as the one of an
    ///   issuer that signs with HS256. Of a private key the public half is used.
    /// - Throws: `JWKError` for a key that is broken, short, guessable, published or not supported, and for two keys
    ///   of one `kid`.
    public static func fixed(jwkSet: [UInt8]) throws(JWKError) -> KeySource {
        let value: JSONValue
        do { value = try JSONValue(parsing: jwkSet) } catch { throw .malformed(error.description) }
        guard let entries = value["keys"]?.array, !entries.isEmpty else {
            throw .malformed("A JWK set has an array named keys, with one key at least.")
        }
        var keys: [VerificationKey] = []
        for entry in entries {
            let jwk = try JWK(entry)
            // As a key to sign with, because that is what looks whether everybody knows the secret.
            let key = jwk.isPrivate ? try SigningKey(jwk).verificationKey : try VerificationKey(jwk)
            guard !keys.contains(where: { $0.keyID.utf8.elementsEqual(key.keyID.utf8) }) else {
                throw .malformed("Two keys have the same kid.")
            }
            keys.append(key)
        }
        let issuerKeys = IssuerKeys(KeySet(keys))
        return KeySource { _ in issuerKeys }
    }
}

/// There are no keys to check tokens with, for now.
public struct KeysUnavailable: Error, Equatable {
    /// When it makes sense to ask again; what `Retry-After` says.
    public let retryAfter: Duration

    /// - Parameter retryAfter: rounded up to whole seconds, and one at least, in the answer.
    public init(retryAfter: Duration) { self.retryAfter = retryAfter }
}
