/// Why a token was refused. For the operator; a stranger learns no more than that it was.
public enum TokenError: Error, Equatable, Sendable {
    /// More than 8 KiB.
    case tooLarge
    /// Not three parts of base64url, or a part is not the strict JSON object that it should be.
    case malformed
    /// `crit` or `b64` asks for something that we do not know (RFC 7515 §4.1.11, RFC 7797 §7).
    case critical
    /// No key of that `kid` is trusted.
    case unknownKey
    /// `alg` is not the one of the key; also `none`.
    case wrongAlgorithm
    /// The signature is not the key's.
    case badSignature
    /// `typ` says that it is a token of another kind (RFC 8725 §3.11).
    case wrongType
    /// `iss` is another.
    case wrongIssuer
    /// `aud` does not hold the verifier (RFC 8725 §3.9).
    case wrongAudience
    /// `nbf` or `iat` lies in the future.
    case notYetValid
    /// `exp` has passed; everything else was right.
    case expired
    /// A claim that must be there is not, or has the wrong type.
    case badClaim(String)
}
