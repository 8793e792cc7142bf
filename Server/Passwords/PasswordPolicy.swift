import Foundation

/// What a new password must be, and the one form in which passwords are hashed.
package struct PasswordPolicy: Sendable, Equatable {
    /// Characters (Unicode scalars of the normalised text).
    package var minimumLength: Int

    /// Octets of UTF-8. NIST SP 800-63B-4 §3.1.1.2 asks for 64 characters at least to be allowed; this is far beyond 1 024 of any script.
    package static let maximumSize = 8192

    private static let productName = "gatehouse"

    /// 8 characters, so that clients of the original programs keep working.
    package static let `default` = PasswordPolicy(minimumLength: 8)
    /// 15 characters, as NIST SP 800-63B-4 §3.1.1.2 asks of a password that is the only factor.
    package static let nist = PasswordPolicy(minimumLength: 15)

    private static let named: [(name: String, policy: PasswordPolicy)] = [
        ("default", .default), ("nist-800-63b-4", .nist),
    ]

    package static var names: [String] { named.map(\.name) }

    package init(minimumLength: Int) { self.minimumLength = minimumLength }

    #if DEBUG
    /// Octets that count, as with bcrypt; for a fault.
    package var cut: Int?
    #endif

    package init?(named name: String) {
        guard let policy = Self.named.first(where: { $0.name == name })?.policy else { return nil }
        self = policy
    }

    /// Checks a password that somebody wants to have.
    ///
    /// - Parameter contextWords: what everyone knows about the account: its names, its domain.
    package func check(_ text: String, contextWords: [String]) throws(PasswordPolicyError) -> NewPassword {
        let normal = try usable(text)
        guard normal.unicodeScalars.count >= minimumLength else { throw .tooShort(minimum: minimumLength) }
        let folded = normal.lowercased()
        guard !CommonPasswords.contain(folded) else { throw .common }
        let words = (contextWords + [Self.productName]).map { normalize($0).lowercased() }
        guard !words.contains(folded) else { throw .contextWord }
        return NewPassword(text: normal)
    }

    /// The form that is hashed: Unicode NFC, so that one password typed on two systems is one.
    ///
    /// - Throws: `.tooLong`, `.controlCharacter` for what no account can have.
    package func usable(_ text: String) throws(PasswordPolicyError) -> String {
        // Before normalising, which takes time and can make the text longer.
        guard text.utf8.count <= Self.maximumSize else { throw .tooLong }
        guard !text.utf8.contains(0) else { throw .containsNUL }
        return normalize(text)
    }

    package func normalize(_ text: String) -> String {
        let normal = text.precomposedStringWithCanonicalMapping
        #if DEBUG
        if let cut { return String(decoding: normal.utf8.prefix(cut), as: UTF8.self) }
        #endif
        return normal
    }
}

/// A password that passed the policy, normalised.
package struct NewPassword: Sendable, CustomStringConvertible, CustomReflectable {
    package let text: String
    fileprivate init(text: String) { self.text = text }
    package var description: String { "[password]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a password cannot be had, in a sentence for the person who wants it.
package enum PasswordPolicyError: Error, Equatable, CustomStringConvertible {
    case tooShort(minimum: Int)
    case tooLong
    case containsNUL
    case common
    case contextWord

    /// No policy would take it; the others depend on the policy and the account.
    package var isUnusable: Bool { self == .tooLong || self == .containsNUL }

    package var description: String {
        switch self {
        case .tooShort(let minimum): "The password must have at least \(minimum) characters."
        case .tooLong: "The password is longer than \(PasswordPolicy.maximumSize) octets."
        case .containsNUL: "The password must not contain the character NUL."
        case .common: "The password is one of those that are guessed first; choose another."
        case .contextWord: "The password must not be the user name, the domain or the name of the product."
        }
    }
}
