extension StepContext {
    /// The same request several times at once, each on a connection of its own.
    func sendInParallel(_ step: ParallelStep, scope: Scope) async throws -> Attempt {
        let target = target
        let now = now()
        func request(_ index: Int) throws(MissingVariable) -> PreparedRequest {
            switch step.request {
            case .kept(let original): return try scope.message(original)
            case .message(let message):
                var own = scope
                own.set("index", to: String(index))
                return try PreparedRequest(message, target: target, now: now, scope: own)
            }
        }
        let requests = try (1...step.times).map(request)
        let exchanges = try await withThrowingTaskGroup(of: (Int, Exchange).self) { group in
            for (index, request) in requests.enumerated() {
                group.addTask { (index, try await exchange(request)) }
            }
            var all: [(Int, Exchange)] = []
            for try await exchange in group { all.append(exchange) }
            return all.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let outcomes = exchanges.map(Outcome.init)
        let counted = Self.text(of: outcomes)
        guard Self.fits(outcomes, step.counts) else {
            let expected = step.counts.map { count in
                "\(count.expected) × \(count.status)" + (count.code.map { " \($0)" } ?? "")
            }
            let unexpected = zip(exchanges, outcomes).first { _, outcome in
                !step.counts.contains { outcome.fits($0) }
            }
            return Attempt(
                exchange: unexpected?.0 ?? exchanges.first,
                mismatches: [
                    Mismatch(
                        subject: "expect-counts", expected: expected.joined(separator: ", "), actual: counted,
                        position: step.position)
                ], outcome: counted, times: step.times)
        }
        return Attempt(exchange: exchanges.first, outcome: counted, times: step.times)
    }

    /// What one of the requests came to.
    private struct Outcome: Hashable {
        let status: Int?
        let code: String?

        init(_ exchange: Exchange) {
            status = exchange.answer?.status
            code = exchange.answer?.values(of: "Error-Code").first
        }

        func fits(_ count: ParallelStep.Count) -> Bool {
            status == count.status && (count.code == nil || count.code == code ?? ParallelStep.Count.noCode)
        }

        var text: String {
            guard let status else { return "no answer" }
            return "\(status)" + (code.map { " \($0)" } ?? "")
        }
    }

    private static func fits(_ outcomes: [Outcome], _ counts: [ParallelStep.Count]) -> Bool {
        // The counts add up to the number of requests and none overlaps another, so nothing else can have come.
        counts.allSatisfy { count in outcomes.count { $0.fits(count) } == count.expected }
    }

    /// `15 × 409 alias_taken, 1 × 200`, ordered by status.
    private static func text(of outcomes: [Outcome]) -> String {
        Dictionary(grouping: outcomes, by: \.text).map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
            .map { "\($0.1) × \($0.0)" }.joined(separator: ", ")
    }
}
