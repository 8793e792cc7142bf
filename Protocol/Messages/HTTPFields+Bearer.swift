package import HTTPTypes

extension HTTPFields {
    /// The value of `Authorization: Bearer …` (RFC 6750 §2.1); nil when there is no `Authorization`.
    ///
    /// - Throws: `Problem.invalidToken` for two `Authorization` lines or anything but one word after the scheme,
    ///   `.authenticationRequired` for another scheme, which is no credential here.
    package func bearerToken() throws(Problem) -> String? {
        let lines = self[values: .authorization]
        guard let line = lines.first else { return nil }
        guard lines.count == 1 else { throw .invalidToken }
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        guard words.first?.lowercased() == "bearer" else { throw .authenticationRequired }
        guard words.count == 2 else { throw .invalidToken }
        return String(words[1])
    }
}
