import Testing

@testable import GatehouseRunner

@Suite("Known failures")
struct KnownFailuresTests {
    private let yaml = """
        - id: s/a/b
          owner: ann
          reason: the proxy strips it
          expires: 2026-12-31
        """

    private func result(_ outcome: ScenarioResult.Outcome) -> ScenarioResult {
        ScenarioResult(
            id: "s/a/b", title: "t", sources: [], level: .must, profile: "p", area: "s/a", file: "f",
            duration: .zero, outcome: outcome, warnings: [])
    }

    private var failure: Failure {
        Failure(
            step: "step 1",
            mismatches: [
                .init(subject: "status", expected: "200", actual: "500", position: .init(file: "f", line: 1, column: 1))
            ])
    }

    private func known() throws -> KnownFailures { try KnownFailures(yaml: yaml, name: "known.yaml", ids: ["s/a/b"]) }

    @Test("a failure that is known does not fail the run until its last day has passed")
    func known_failure() throws {
        let judged = try known().judge(result(.failed(failure)), today: "2026-12-31")
        #expect(
            judged.outcome == .skipped(reason: "known failure (ann, until 2026-12-31): the proxy strips it"))
        let expired = try known().judge(result(.failed(failure)), today: "2027-01-01")
        #expect(
            expired.mismatches == [
                "status: expected 200, actual 500",
                "known failure of ann: expected an entry that has not expired, "
                    + "actual it expired on 2026-12-31: the proxy strips it",
            ])
    }

    @Test("an unexpected pass fails and names the entry's place")
    func unexpectedPass() throws {
        let judged = try known().judge(result(.passed), today: "2026-01-01")
        #expect(
            judged.mismatches == [
                "known failure of ann: expected the known failure: the proxy strips it, "
                    + "actual it passed; take the entry away"
            ])
        #expect(judged.failure?.mismatches[0].position.fileAndLine == "known.yaml:1")
    }

    @Test("an expired entry fails also when its scenario was skipped or not selected")
    func expired() throws {
        let known = try known()
        #expect(known.judge(result(.skipped(reason: "r")), today: "2026-06-01").outcome == .skipped(reason: "r"))
        #expect(known.judge(result(.skipped(reason: "r")), today: "2027-06-01").failure != nil)
        #expect(known.expired(today: "2027-06-01", notIn: []).map(\.id) == ["known-failures/s/a/b"])
        #expect(known.expired(today: "2027-06-01", notIn: [result(.passed)]).isEmpty)
        #expect(known.expired(today: "2026-06-01", notIn: []).isEmpty)
    }

    @Test("entries need owner, reason and day, and a scenario that exists")
    func mistakes() {
        let text = """
            - { id: s/a/x, owner: ann, reason: r, expires: 2026-12-31 }
            - { id: s/a/b, owner: ann, expires: soon, until: now }
            - { id: s/a/b, owner: "", reason: r, expires: 2026-13-01 }
            """
        let error = #expect(throws: FileMistakes.self) {
            try KnownFailures(yaml: text, name: "k.yaml", ids: ["s/a/b"])
        }
        #expect(
            error?.mistakes.map(\.description) == [
                "k.yaml:1:3: there is no scenario `s/a/x`",
                "k.yaml:2:3: a known failure needs `reason`",
                "k.yaml:2:43: unknown key `until` in a known failure; known are `id`, `owner`, `reason`, `expires`",
                "k.yaml:3:3: `expires` must be a day: 2026-12-31",
                "k.yaml:3:23: `owner` is empty",
            ])
    }

    @Test("an empty file is an empty list")
    func empty() throws { #expect(try KnownFailures(yaml: "# none\n", name: "k", ids: []).entries.isEmpty) }
}
