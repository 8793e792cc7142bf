/// Why a signature was not made, or not believed.
///
/// What it says is for whoever runs the server or writes the client. A peer learns `code` at most (RFC 9421 §8).
public struct SignatureRefusal: Error, Sendable {
    /// What was wrong.
    public enum Reason: Sendable, Equatable {
        /// There is no signature.
        case missing
        /// A field that carries signatures, or a parameter of one, is not what its grammar says.
        case malformed(String)
        /// Two credentials, and nothing says which one counts.
        case ambiguous(String)
        /// A parameter is given twice.
        case duplicateParameter(String)
        /// A component is covered twice, which only hides what else is covered.
        case duplicateComponent(String)
        /// A component that nobody knows.
        case unknownComponent(String)
        /// A covered component is not in the message.
        case absent(String)
        /// A covered component cannot be taken from this message, and why.
        case unsuitable(String, String)
        /// A field has an octet that no field may have.
        case forbiddenOctet(String)
        /// There is no such key, or it is no longer valid.
        case unknownKey
        /// The message names an algorithm that the key is not for.
        case wrongAlgorithm(named: String, key: String)
        /// The key did not make this signature over this base.
        case badSignature
        /// Components that have to be covered are not.
        case notCovered([String])
        /// A time that has to be there, or be readable, is not.
        case noTime(String)
        /// Made too long ago, or not yet: seconds from its time to ours.
        case outsideWindow(String, seconds: Int64)
        /// `expires` has passed.
        case expired
        /// The body is not the one that the digest was made of.
        case digestMismatch(String)
        /// No digest of the body with an algorithm that is still good.
        case noDigest
        /// The same was accepted before.
        case replayed
    }

    /// What was wrong.
    public let reason: Reason
    /// What the signature was checked against, as far as it could be computed.
    public internal(set) var base: [UInt8]?

    package init(_ reason: Reason, base: [UInt8]? = nil) {
        self.reason = reason
        self.base = base
    }

    /// What a peer may know: `signature_missing`, `signature_stale`, else `signature_invalid`. An honest client can do
    /// something about the first two.
    public var code: String {
        switch reason {
        case .missing: "signature_missing"
        case .outsideWindow, .expired: "signature_stale"
        default: "signature_invalid"
        }
    }
}

extension SignatureRefusal: CustomStringConvertible {
    /// A sentence for whoever runs the server.
    public var description: String {
        switch reason {
        case .missing: "The message carries no signature."
        case .malformed(let what): "Not readable: \(what)."
        case .ambiguous(let what): "More than one credential: \(what)."
        case .duplicateParameter(let name): "The parameter \(name) is given twice."
        case .duplicateComponent(let name): "The component \(name) is covered twice."
        case .unknownComponent(let name): "The component \(name) is not known."
        case .absent(let name): "The message has no \(name), which the signature covers."
        case .unsuitable(let name, let why): "The component \(name) cannot be taken from this message: \(why)."
        case .forbiddenOctet(let name): "The field \(name) has an octet that cannot be signed."
        case .unknownKey: "There is no such key, or it is no longer valid."
        case .wrongAlgorithm(let named, let key): "The message says \(named), but the key is for \(key)."
        case .badSignature: "The key did not make this signature over this base."
        case .notCovered(let names): "Not covered: \(names.joined(separator: ", "))."
        case .noTime(let name): "There is no time in \(name)."
        case .outsideWindow(let name, let seconds):
            seconds < 0 ? "\(name) is \(-seconds) seconds ahead." : "\(name) is \(seconds) seconds old."
        case .expired: "The signature has expired."
        case .digestMismatch(let name): "The body is not the one that \(name) was made of."
        case .noDigest: "The message has no digest of its body by SHA-256 or SHA-512."
        case .replayed: "The same was accepted before."
        }
    }
}
