/// Everything that came of a run.
package struct RunReport: Sendable {
    package let title: String
    /// The URL of the target.
    package let target: String
    package var results: [ScenarioResult]
    package var duration: Duration

    package init(title: String, target: String, results: [ScenarioResult], duration: Duration) {
        self.title = title
        self.target = target
        self.results = results
        self.duration = duration
    }

    package var counts: ResultCounts { ResultCounts(results) }

    /// The results of each area, areas in order.
    var areas: [(name: String, results: [ScenarioResult])] {
        Dictionary(grouping: results, by: \.area).map { (name: $0.key, results: $0.value) }
            .sorted { $0.name < $1.name }
    }
}

package struct ResultCounts: Sendable, Equatable {
    package private(set) var passed = 0
    package private(set) var failed = 0
    package private(set) var skipped = 0

    package init(_ results: [ScenarioResult]) {
        for result in results {
            switch result.outcome {
            case .passed: passed += 1
            case .failed: failed += 1
            case .skipped: skipped += 1
            }
        }
    }

    /// `12 passed, 1 failed, 0 skipped`
    package var line: String { "\(passed) passed, \(failed) failed, \(skipped) skipped" }
}
