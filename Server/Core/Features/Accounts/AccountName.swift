import Foundation
package import GatehouseOpenCAP

/// What an account signs in by: an e-mail address or an alias, in the one form that is stored and compared.
package enum AccountName: Hashable, Sendable, CustomStringConvertible {
    case email(EmailAddress)
    case alias(Alias)

    /// - Throws: `InvalidName` saying what is wrong. A name with `$` is an alias, any other an e-mail address.
    package init(_ text: String) throws(InvalidName) {
        if text.contains("$") {
            do { self = .alias(try Alias(text)) } catch { throw InvalidName(description: "\(error)") }
        } else {
            self = .email(try EmailAddress(text))
        }
    }

    package var description: String {
        switch self {
        case .email(let email): email.text
        case .alias(let alias): alias.text
        }
    }

    /// Words that a password of this account must not be.
    var contextWords: [String] {
        switch self {
        case .email(let email): email.text.split(separator: "@").map(String.init) + [email.text]
        case .alias(let alias): [alias.username, alias.domain, alias.text]
        }
    }
}

/// Why a text is no name of an account, in a sentence.
package struct InvalidName: Error, CustomStringConvertible, Equatable {
    package let description: String
}

/// An e-mail address in canonical form: trimmed, Unicode NFC, lower case.
package struct EmailAddress: Hashable, Sendable {
    package let text: String

    /// Takes what a mail server can be expected to deliver to: a local part without spaces and quoting, a domain of two or more labels.
    package init(_ text: String) throws(InvalidName) {
        // Not even put into its canonical form when too long: a pile of combining marks takes seconds to sort.
        guard text.utf8.count <= CanonicalText.maximumLength else {
            throw InvalidName(description: "The name is too long: an e-mail address has 254 octets.")
        }
        let canonical = CanonicalText.of(text)
        let parts = canonical.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 64, canonical.utf8.count <= 254 else {
            throw InvalidName(description: "\"\(text)\" is neither an e-mail address nor an alias.")
        }
        let isPlain = parts[0].unicodeScalars.allSatisfy {
            // Control and format characters, such as those that turn the direction of a text, would show as something else.
            !$0.properties.isWhitespace && ![.control, .format].contains($0.properties.generalCategory)
                && !"\"(),:;<>[\\]$".unicodeScalars.contains($0)
        }
        guard isPlain, !parts[0].hasPrefix("."), !parts[0].hasSuffix("."), !parts[0].contains("..") else {
            throw InvalidName(description: "The part of \"\(text)\" before the @ has characters that it cannot have.")
        }
        do { _ = try DomainName(String(parts[1])) } catch { throw InvalidName(description: "\(error)") }
        self.text = canonical
    }
}

enum CanonicalText {
    /// Octets of a name before it is put into its canonical form: more than any name has, with room for white space
    /// around it and for decomposed letters.
    static let maximumLength = 1024

    /// Trimmed, Unicode NFC, lower case: the one form in which names are stored and compared.
    static func of(_ text: String) -> String { untrimmed(text.trimmingCharacters(in: .whitespacesAndNewlines)) }

    /// The same for a part of a name, whose white space counts.
    static func untrimmed(_ text: String) -> String {
        text.precomposedStringWithCanonicalMapping.lowercased().precomposedStringWithCanonicalMapping
    }
}
