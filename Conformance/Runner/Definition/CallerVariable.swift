/// A value that only the person who points the runner at a server knows.
package struct CallerVariable: Sendable, Hashable {
    package let name: String
    package let about: String

    /// The variables that the bundled suites know. Others are declared in a suite's own `variables.yaml`.
    package static let all: [CallerVariable] = [
        CallerVariable(name: "domain", about: "a domain that the target serves"),
        CallerVariable(name: "domain_secret", about: "the secret of `domain`"),
        CallerVariable(name: "other_domain", about: "another domain that the target serves"),
        CallerVariable(name: "other_domain_secret", about: "the secret of `other_domain`"),
        CallerVariable(name: "admin", about: "e-mail address of an administrator"),
        CallerVariable(name: "admin_password", about: "the password of `admin`"),
        CallerVariable(name: "owner", about: "e-mail address of the owner of `domain`"),
        CallerVariable(name: "owner_password", about: "the password of `owner`"),
        CallerVariable(name: "signing_key", about: "the private JWK with which the target signs tokens"),
        CallerVariable(name: "public_url", about: "the target's public URL, without a slash at its end"),
    ]

    /// The variables that every scenario has.
    package static let builtIn: Set<String> = ["unique", "host", "target", "braces"]

    /// `{{letters.N}}`: N times the letter a, for what must be long.
    package static func letterCount(_ name: String) -> Int? {
        guard name.hasPrefix("letters."), let count = Int(name.dropFirst(8)), (1...2_000_000).contains(count) else {
            return nil
        }
        return count
    }
}
