internal import Yams

/// Scenarios that are known to fail, each with somebody who cares and a day on which that ends.
///
/// ```yaml
/// - id: opencap/addresses/etag
///   owner: ann
///   reason: the cache of the proxy strips it
///   expires: 2026-12-31
/// ```
package struct KnownFailures: Sendable {
    package let entries: [Entry]

    package struct Entry: Sendable, Hashable {
        package let id: String
        package let owner: String
        package let reason: String
        /// The last day on which the entry counts, `YYYY-MM-DD`.
        package let expires: String
        package let position: SourcePosition
    }

    /// - Parameters:
    ///   - name: the file's name for mistakes.
    ///   - ids: the scenarios that exist.
    /// - Throws: `FileMistakes` with every mistake, unknown scenarios included.
    package init(yaml: String, name: String, ids: Set<String>) throws(FileMistakes) {
        let file = YAMLFile(name: name, text: yaml)
        var entries: [Entry] = []
        var seen: Set<String> = []
        // An empty file is an empty list.
        for node in file.root.flatMap({ $0.isNull ? [] : file.list($0, "the list of known failures") }) ?? [] {
            guard let entry = Self.entry(node, in: file) else { continue }
            if !ids.contains(entry.id) {
                file.mistake("there is no scenario `\(entry.id)`", at: node)
            } else if !seen.insert(entry.id).inserted {
                file.mistake("`\(entry.id)` stands here twice", at: node)
            }
            entries.append(entry)
        }
        guard file.mistakes.isEmpty else { throw FileMistakes(file.mistakes) }
        self.entries = entries
    }

    private static func entry(_ node: Node, in file: YAMLFile) -> Entry? {
        guard let reader = MappingReader(node, in: file, what: "a known failure") else { return nil }
        func text(_ key: String) -> String? {
            guard let node = reader.required(key), let text = file.scalar(node, "`\(key)`") else { return nil }
            if text.trimmingSpaces().isEmpty { file.mistake("`\(key)` is empty", at: node) }
            return text
        }
        let id = text("id")
        let owner = text("owner")
        let reason = text("reason")
        let expires = text("expires")
        reader.finish()
        guard let id, let owner, let reason, let expires else { return nil }
        guard isDay(expires) else {
            file.mistake("`expires` must be a day: 2026-12-31", at: node)
            return nil
        }
        return Entry(id: id, owner: owner, reason: reason, expires: expires, position: file.position(of: node))
    }

    private static func isDay(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let month = Int(parts[1]), let day = Int(parts[2])
        else { return false }
        return (1...12).contains(month) && (1...31).contains(day)
    }

    // MARK: Judging

    /// The result as it counts: a known failure is skipped, an unexpected pass and an expired entry fail.
    ///
    /// - Parameter today: `YYYY-MM-DD`; such days compare as texts.
    package func judge(_ result: ScenarioResult, today: String) -> ScenarioResult {
        guard let entry = entries.first(where: { $0.id == result.id }) else { return result }
        var judged = result
        switch result.outcome {
        case .passed: judged.outcome = .failed(entry.failure(expected: "the known failure", actual: "it passed"))
        case .failed(var failure):
            if entry.isExpired(today) {
                failure.mismatches.append(entry.expiry)
                judged.outcome = .failed(failure)
            } else {
                judged.outcome = .skipped(
                    reason: "known failure (\(entry.owner), until \(entry.expires)): \(entry.reason)")
            }
        case .skipped:
            if entry.isExpired(today) { judged.outcome = .failed(entry.expiredFailure) }
        }
        return judged
    }

    /// A failed result for each expired entry whose scenario did not run.
    package func expired(today: String, notIn results: [ScenarioResult]) -> [ScenarioResult] {
        let ran = Set(results.map(\.id))
        return entries.filter { $0.isExpired(today) && !ran.contains($0.id) }.map { entry in
            ScenarioResult(
                id: "known-failures/\(entry.id)", title: "the list of known failures is up to date", sources: [],
                level: .must, profile: "known-failures", area: "known-failures", file: entry.position.file,
                duration: .zero, outcome: .failed(entry.expiredFailure), warnings: [])
        }
    }
}

extension KnownFailures.Entry {
    fileprivate func isExpired(_ today: String) -> Bool { expires < today }

    fileprivate var expiry: Failure.Mismatch {
        Failure.Mismatch(
            subject: "known failure of \(owner)", expected: "an entry that has not expired",
            actual: "it expired on \(expires): \(reason)", position: position)
    }

    fileprivate var expiredFailure: Failure { Failure(step: "known failures", mismatches: [expiry]) }

    fileprivate func failure(expected: String, actual: String) -> Failure {
        Failure(
            step: "known failures",
            mismatches: [
                Failure.Mismatch(
                    subject: "known failure of \(owner)", expected: "\(expected): \(reason)",
                    actual: "\(actual); take the entry away", position: position)
            ])
    }
}
