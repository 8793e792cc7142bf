import GatehouseMessages

/// What a key that signs requests may be used for. None of them implies another.
package enum KeyScope: Hashable, Sendable {
    /// All that the role lets its account do, except what `manage` is for.
    case role(Role)
    /// Of that, what GET and HEAD do: `staff:read`.
    case reading(Role)
    /// To ask whether tokens are good.
    case introspect
    /// Keys, sessions, passwords and roles: whoever may do that can become the account.
    case manage

    package static let all: [KeyScope] =
        Role.allCases.flatMap { [KeyScope.role($0), .reading($0)] } + [.introspect, .manage]

    package var text: String {
        switch self {
        case .role(let role): role.rawValue
        case .reading(let role): "\(role.rawValue):read"
        case .introspect: "introspect"
        case .manage: "manage"
        }
    }

    package init?(_ text: String) {
        guard let scope = Self.all.first(where: { $0.text.utf8.elementsEqual(text.utf8) }) else { return nil }
        self = scope
    }
}

extension Set<KeyScope> {
    /// Separated by spaces, in a fixed order (RFC 8693 §4.2).
    package var text: String { words.joined(separator: " ") }
    package var words: [String] { KeyScope.all.filter(contains).map(\.text) }

    /// What the store holds.
    init(stored text: String) { self = Set(text.split(separator: " ").compactMap { KeyScope(String($0)) }) }

    /// Those that its account, with these roles, lets them have.
    func held(with roles: Set<Role>) -> Set<KeyScope> {
        filter { scope in
            switch scope {
            case .role(let role), .reading(let role): roles.contains(role)
            case .introspect, .manage: true
            }
        }
    }

    /// - Parameter isSafe: only reading is asked for (RFC 9110 §9.2.1).
    func contains(_ scope: KeyScope, isSafe: Bool) -> Bool {
        switch scope {
        case .role(let role): contains(scope) || isSafe && contains(.reading(role))
        case .reading(let role): contains(scope) || contains(.role(role))
        case .introspect, .manage: contains(scope)
        }
    }
}
