/// What a client signs in with.
public enum Credential: Sendable {
    /// An alias or an e-mail address with its password.
    case password(name: String, password: String)
}

extension Credential: CustomStringConvertible, CustomReflectable {
    /// Names the account, never the password.
    public var description: String {
        switch self {
        case .password(let name, _): "Credential(\(name))"
        }
    }

    /// Nothing, so that `dump` shows no password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
