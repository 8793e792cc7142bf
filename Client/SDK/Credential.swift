/// What a client shows who it is with.
public enum Credential: Sendable {
    /// An alias or an e-mail address with its password.
    case password(name: String, password: String)
    /// A key that signs every request. Nothing is signed in to, so there is no token to renew.
    case signature(SigningPolicy)
}

extension Credential: CustomStringConvertible, CustomReflectable {
    /// Names the account or the key, never what is secret.
    public var description: String {
        switch self {
        case .password(let name, _): "Credential(\(name))"
        case .signature(let policy): "Credential(\(policy))"
        }
    }

    /// Nothing, so that `dump` shows no password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
