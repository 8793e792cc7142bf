public import HTTPSignatures

/// How a client signs its requests, so that a server knows who sends them and that nobody changed them.
///
/// What has to be covered always is: of draft-cavage `(request-target)`, `host` and `date`, and for POST, PUT and PATCH
/// `content-length`, `content-type` and `digest`; of RFC 9421 `@method`, `@authority`, `@path`, `@query` and `created`, and
/// `content-digest` where there is content. Each signature is one of a kind, by a nonce (RFC 9421) or by the covered field
/// `Signature-Nonce` (draft-cavage), so that a server that takes each signature once takes two equal requests in one second.
///
/// ```swift
/// let key = try SignatureKey(id: "access_key_1", secret: secret)
/// let gatehouse = try Gatehouse(server: "https://id.example.org", credential: .signature(.cavage(key)))
/// let answer = try await gatehouse.send("GET", "/hello_world_private")
/// ```
public struct SigningPolicy: Sendable {
    /// What `(request-target)` is made of.
    public enum PathHandling: Sendable {
        /// Path and query as they are sent, as every draft says.
        case asSent
        /// As Flask-Cavage 0.4 checks it: the path decoded, and the query only for GET, HEAD and DELETE. Of other methods
        /// anybody on the way can then change the query.
        case flaskCavage
    }

    enum Family: Sendable {
        case cavage(CavageSignature.Form, PathHandling)
        case rfc9421(tag: String?)
    }

    /// What signs, and what the server knows it by.
    public let key: SignatureKey
    /// What is covered besides, where a request has it.
    public let covering: [String]
    /// What the server's answers have to be signed with; nil when they need not be.
    public let answers: AnswerPolicy?
    let family: Family

    /// Signatures of draft-cavage-http-signatures, which every version of Flask-Cavage and most servers of the Fediverse
    /// understand.
    ///
    /// - Parameters:
    ///   - key: a shared secret or a private key.
    ///   - form: the field that carries the signature.
    ///   - covering: names of fields to cover besides, where a request has them; `(created)` and `(expires)` too.
    ///   - pathHandling: for servers that leave parts of the target out.
    ///   - answers: refuses answers that are not signed as this says.
    public static func cavage(
        _ key: SignatureKey, form: CavageSignature.Form = .authorization, covering: [String] = [],
        pathHandling: PathHandling = .asSent, answers: AnswerPolicy? = nil
    ) -> SigningPolicy {
        SigningPolicy(key: key, covering: covering, answers: answers, family: .cavage(form, pathHandling))
    }

    /// Signatures of RFC 9421.
    ///
    /// - Parameters:
    ///   - key: a shared secret or a private key.
    ///   - covering: components to cover besides, as `content-type` or `"@query-param";name="id"`; fields where a request has
    ///     them.
    ///   - tag: which application the signatures are for (RFC 9421 §7.2.7).
    ///   - answers: refuses answers that are not signed as this says.
    public static func rfc9421(
        _ key: SignatureKey, covering: [String] = [], tag: String? = nil, answers: AnswerPolicy? = nil
    ) -> SigningPolicy {
        SigningPolicy(key: key, covering: covering, answers: answers, family: .rfc9421(tag: tag))
    }
}

extension SignatureKey {
    /// A secret that both ends hold, as a text, of which the octets count and not what they may encode.
    ///
    /// - Parameters:
    ///   - id: what the server knows the key by.
    ///   - secret: as the server showed it.
    ///   - allowsWeak: takes one of fewer than 256 bits, as secrets chosen by people are.
    /// - Throws: `SignatureKeyError`.
    public init(
        id: String, secret: String, algorithm: SignatureAlgorithm = .hmacSHA256, allowsWeak: Bool = false
    ) throws(SignatureKeyError) {
        try self.init(id: id, secret: Array(secret.utf8), algorithm: algorithm, allowsWeak: allowsWeak)
    }
}

extension SigningPolicy: CustomStringConvertible, CustomReflectable {
    /// Names the key, never what it is made of.
    public var description: String {
        switch family {
        case .cavage: "SigningPolicy(draft-cavage, \(key.id))"
        case .rfc9421: "SigningPolicy(RFC 9421, \(key.id))"
        }
    }

    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
