/// Why text is not an alias, a user name or a domain.
package struct AliasError: Error, Equatable, Sendable {
    package let reason: Reason

    package init(_ reason: Reason) { self.reason = reason }

    package enum Reason: Equatable, Sendable, CaseIterable {
        case empty
        case tooLong
        case notASCII
        case noSeparator
        case severalSeparators
        case usernameEmpty
        case usernameTooLong
        case usernameCharacters
        case domainEmpty
        case domainTooLong
        case domainNotASCII
        case domainCharacters
        /// A label is empty, longer than 63 characters, or has a hyphen at an end.
        case domainLabel
        case domainSingleLabel
        case domainIsAddress
    }
}

extension AliasError: CustomStringConvertible {
    /// A sentence for the person who typed the alias. It does not repeat the alias.
    package var description: String {
        switch reason {
        case .empty: "The alias is empty. An alias looks like alice$example.com."
        case .tooLong: "The alias is too long."
        case .notASCII: "An alias has only the letters a to z. Write a domain with other letters in its xn-- form."
        case .noSeparator: "The alias has no $. An alias looks like alice$example.com."
        case .severalSeparators: "The alias has more than one $. An alias looks like alice$example.com."
        case .usernameEmpty: "The user name is empty."
        case .usernameTooLong: "The user name is too long: it may have 25 characters."
        case .usernameCharacters: "The user name may have letters a to z, digits, dots, underscores and hyphens only."
        case .domainEmpty: "The domain is empty."
        case .domainTooLong: "The domain is too long: it may have 253 characters."
        case .domainNotASCII:
            "The domain may have the letters a to z only. Write one with other letters in its xn-- form."
        case .domainCharacters: "The domain may have letters a to z, digits, dots and hyphens only."
        case .domainLabel: "Each part of the domain has 1 to 63 characters and no hyphen at its beginning or end."
        case .domainSingleLabel: "The domain needs at least two parts, as in example.com."
        case .domainIsAddress: "The domain must be a name, not an IP address."
        }
    }
}
