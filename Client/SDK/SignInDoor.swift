import GatehouseJSON

/// Where a client signs in, and so how its token is renewed.
public enum SignInDoor: Sendable, Equatable {
    /// `POST /v1/auth`, which every OpenCAP server has. A token is renewed by signing in again, so the password must be at hand.
    case openCAP
    /// `POST /auth` of the IDM, whose tokens live longest. Renewed as those of `openCAP`.
    case idm
    /// `POST /auth` of CAP, for a server that is reached by the host of one's domain; the name is the username alone. Tokens live
    /// for minutes and are renewed as those of `openCAP`.
    case cap
    /// `POST {prefix}/login`, with a refresh token: the password is needed once.
    ///
    /// - Parameters:
    ///   - prefix: as the server is configured.
    ///   - audience: for calls to another server than the one that signs in, which refuses such tokens; nil for its own.
    case ampho(prefix: String = "/api/security", audience: String? = nil)
}

extension SignInDoor {
    /// For a credential that is kept.
    var json: JSONValue {
        switch self {
        case .openCAP: return ["kind": "opencap"]
        case .idm: return ["kind": "idm"]
        case .cap: return ["kind": "cap"]
        case .ampho(let prefix, let audience):
            var members: [JSONValue.Member] = [
                .init(name: "kind", value: "ampho"), .init(name: "prefix", value: .string(prefix)),
            ]
            if let audience { members.append(.init(name: "audience", value: .string(audience))) }
            return .object(members)
        }
    }

    /// Nil for a door that this version does not know.
    init?(json: JSONValue?) {
        switch json?["kind"]?.string {
        case "opencap": self = .openCAP
        case "idm": self = .idm
        case "cap": self = .cap
        case "ampho":
            guard let prefix = json?["prefix"]?.string else { return nil }
            self = .ampho(prefix: prefix, audience: json?["audience"]?.string)
        default: return nil
        }
    }
}
