/// The path below which the Ampho door lies, such as `/api/security`. It collides with no path of another door.
package struct AmphoPrefix: Sendable, Equatable {
    package let path: String

    package static let `default` = AmphoPrefix(checked: "/api/security")

    /// First segments of the other doors (§1 of Docs/API.md), also of those to come, so that a prefix that is good today stays so.
    private static let taken: Set<Substring> = [
        "v1", "ccap", "address", "private", "auth", "status", "init", "user", "iforgot", "reset", "subject", "link",
        "establish", "hello_world", "hello_world_private", "hello_someone", "verify", ".well-known", "health",
        "metrics",
        "openapi.json", "pages",
    ]
    /// Second segments below `/api`.
    private static let takenBelowAPI: Set<Substring> = [
        "accounts", "domains", "keys", "signing-keys", "sessions", "audits", "introspect", "revoke", "password",
    ]

    private init(checked path: String) { self.path = path }

    /// - Throws: `InvalidSetting`.
    init(_ text: String) throws {
        let path = text.hasSuffix("/") ? String(text.dropLast()) : text
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isPlain = segments.allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { octet in
                    switch octet {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "-._~".utf8.contains(octet)
                    }
                }
        }
        guard path.hasPrefix("/"), isPlain, path.utf8.count <= 200, let first = segments.first else {
            throw InvalidSetting("must be a path such as /api/security, of letters, digits and - . _ ~")
        }
        let belowAPI = segments.dropFirst().first
        guard !Self.taken.contains(first), first != "api" || belowAPI.map(Self.takenBelowAPI.contains) == false else {
            throw InvalidSetting("must not be a path that the server has already, such as /v1, /api or /api/accounts")
        }
        self.path = path
    }
}
