/// Which scenarios check which promise of a document.
package struct PromiseCoverage: Sendable {
    /// In the order of the document.
    package let promises: [Promise]
    /// Sources that name a promise which the document does not have.
    package let unknownSources: [PromiseSource]

    package struct Promise: Sendable, Equatable {
        package let id: String
        package let text: String
        package let position: SourcePosition
        /// Ids, ordered.
        package let scenarios: [String]
        /// The name of the test that holds the promise, where the document says `held by test: "…"`: some promises
        /// (a crash, a clock, a certificate) cannot be seen from outside.
        package let test: String?
    }

    /// - Parameters:
    ///   - document: its promises are list lines that begin with a bold identifier: `- **O-12** text`.
    ///   - name: the path of the document; sources name its last part.
    package init(document: String, name: String, scenarios: [Scenario]) {
        let fileName = name.split(separator: "/").last.map(String.init) ?? name
        var scenariosByPromise: [String: [String]] = [:]
        var sources: [PromiseSource] = []
        for scenario in scenarios {
            for source in scenario.sources {
                guard let numbered = source.numbered, numbered.document == fileName else { continue }
                scenariosByPromise[numbered.promise, default: []].append(scenario.id)
                sources.append(source)
            }
        }
        promises = document.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
            index, line in
            guard let (id, text) = Self.promise(in: line) else { return nil }
            return Promise(
                id: id, text: text, position: SourcePosition(file: name, line: index + 1, column: 1),
                scenarios: (scenariosByPromise[id] ?? []).sorted(), test: Self.test(in: text))
        }
        let known = Set(promises.map(\.id))
        unknownSources = sources.filter { source in source.numbered.map { !known.contains($0.promise) } ?? false }
    }

    /// The promises that neither a scenario nor a named test holds.
    package var uncovered: [Promise] { promises.filter { $0.scenarios.isEmpty && $0.test == nil } }

    /// Identifiers that the document gives twice.
    package var repeatedIDs: [String] {
        Dictionary(grouping: promises, by: \.id).filter { $0.value.count > 1 }.keys.sorted()
    }

    /// The identifier and the text of a line that makes a promise.
    private static func promise(in line: Substring) -> (id: String, text: String)? {
        let trimmed = line.trimmingSpaces()
        guard let bullet = trimmed.first, bullet == "-" || bullet == "*" else { return nil }
        let content = trimmed.dropFirst().trimmingSpaces()
        guard content.hasPrefix("**"), let end = content.dropFirst(2).firstRange(of: "**") else { return nil }
        let id = String(content[content.index(content.startIndex, offsetBy: 2)..<end.lowerBound])
        let words = id.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 2, words.allSatisfy(VariableName.isWord), words.last?.first?.isNumber == true else {
            return nil
        }
        return (id, content[end.upperBound...].trimmingSpaces())
    }

    private static func test(in text: String) -> String? {
        guard let start = text.firstRange(of: "held by test: \"")?.upperBound,
            let end = text[start...].firstIndex(of: "\"")
        else { return nil }
        return String(text[start..<end])
    }
}
