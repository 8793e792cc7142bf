/// Passwords that are tried first by everyone who guesses.
enum CommonPasswords {
    private static let all = Set("\(list)".split(whereSeparator: \.isWhitespace))

    /// - Parameter folded: in lower case.
    static func contain(_ folded: String) -> Bool { all.contains(Substring(folded)) }
}
