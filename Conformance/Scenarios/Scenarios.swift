package import Foundation

/// The suites that come with the program.
package enum BundledScenarios {
    /// The names of the suites.
    package static let suites = ["ampho", "api", "cap", "cavage", "idm", "opencap", "rfc9421"]

    /// The folder of a suite's files; nil when there is no suite of that name.
    package static func folder(of suite: String) -> URL? {
        guard suites.contains(suite) else { return nil }
        return Bundle.module.url(forResource: suite, withExtension: nil)
    }
}
