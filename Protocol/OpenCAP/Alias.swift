/// A name that people pay to, `username$domain`, in its canonical form: lower case, without white space around it and
/// without a dot at the end of the domain. Two aliases are the same exactly when they are equal.
package struct Alias: Hashable, Sendable {
    /// 1 to 25 characters out of `a`–`z`, `0`–`9`, `.`, `_`, `-`.
    package let username: String
    /// See `DomainName`.
    package let domain: String

    /// The alias as it is written: `username$domain`.
    package var text: String { "\(username)$\(domain)" }

    /// Reads `username$domain`. Upper case is folded; white space around the whole is taken off.
    package init(_ text: String) throws(AliasError) {
        guard text.utf8.count <= NameText.maximumLength else { throw AliasError(.tooLong) }
        let parts = try NameText.canonical(text).split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
        guard parts.count > 1 else { throw AliasError(parts[0].isEmpty ? .empty : .noSeparator) }
        guard parts.count == 2 else { throw AliasError(.severalSeparators) }
        self.username = try Self.checkedUsername(parts[0])
        self.domain = try DomainName(canonical: parts[1]).text
    }

    /// Both parts by themselves, each with white space around it taken off.
    package init(username: String, domain: String) throws(AliasError) {
        try self.init(username: username, domain: DomainName(domain))
    }

    package init(username: String, domain: DomainName) throws(AliasError) {
        guard username.utf8.count <= NameText.maximumLength else { throw AliasError(.usernameTooLong) }
        self.username = try Self.checkedUsername(NameText.canonical(username)[...])
        self.domain = domain.text
    }

    private static func checkedUsername(_ characters: ArraySlice<UInt8>) throws(AliasError) -> String {
        guard !characters.isEmpty else { throw AliasError(.usernameEmpty) }
        guard characters.allSatisfy({ isLetterOrDigit($0) || "._-".utf8.contains($0) }) else {
            throw AliasError(.usernameCharacters)
        }
        guard characters.count <= 25 else { throw AliasError(.usernameTooLong) }
        return String(decoding: characters, as: UTF8.self)
    }
}

extension Alias: CustomStringConvertible {
    package var description: String { text }
}
