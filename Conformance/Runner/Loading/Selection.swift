/// Which scenarios of a suite are wanted.
package struct Selection: Sendable {
    /// Ids, or globs: `*` stands for anything within one part of an id, `**` across parts. Empty takes all.
    package var only: [String] = []
    /// At least one of these tags; empty takes all.
    package var tags: Set<String> = []
    package var skippedTags: Set<String> = []
    /// The least binding level that is taken.
    package var level: Level = .may
    /// nil takes every profile.
    package var profile: String?

    package init() {}

    package func selects(_ scenario: Scenario) -> Bool {
        (only.isEmpty || only.contains { Glob($0).matches(scenario.id) })
            && (tags.isEmpty || !tags.isDisjoint(with: scenario.tags))
            && skippedTags.isDisjoint(with: scenario.tags)
            && scenario.level <= level
            && (profile == nil || profile == scenario.profile)
    }
}

/// A pattern for ids. It matches the whole id, or the id without the suite's name, or a folder above it.
struct Glob {
    private let pattern: [Character]

    init(_ pattern: String) { self.pattern = Array(pattern) }

    func matches(_ id: String) -> Bool {
        let parts = id.split(separator: "/")
        return (0..<min(2, parts.count)).contains { start in
            ((start + 1)...parts.count).contains { end in
                Self.matches(pattern[...], Array(parts[start..<end].joined(separator: "/"))[...])
            }
        }
    }

    private static func matches(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        guard first == "*" else {
            guard let character = text.first, first == "?" ? character != "/" : first == character else { return false }
            return matches(pattern.dropFirst(), text.dropFirst())
        }
        let rest = pattern.drop { $0 == "*" }
        let crossesParts = pattern.count - rest.count > 1
        var remainder = text
        while true {
            if matches(rest, remainder) { return true }
            guard let character = remainder.first, crossesParts || character != "/" else { return false }
            remainder = remainder.dropFirst()
        }
    }
}
