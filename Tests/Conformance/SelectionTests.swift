import Testing

@testable import GatehouseRunner

@Suite("Selecting scenarios")
struct SelectionTests {
    @Test(
        "a pattern matches whole ids, ids without the suite, and folders",
        arguments: [
            ("opencap/addresses/read", true), ("addresses/read", true), ("addresses", true), ("opencap", true),
            ("addresses/*", true), ("*/read", true), ("addresses/r*d", true), ("**", true), ("a*/r??d", true),
            ("read", false), ("address", false), ("op*d", false), ("op**d", true), ("other/*", false),
        ])
    func globs(pattern: String, matches: Bool) {
        #expect(Glob(pattern).matches("opencap/addresses/read") == matches)
    }

    @Test("tags, levels and profiles narrow the choice")
    func narrows() throws {
        func file(_ level: String, _ tags: String, _ profile: String = "opencap") -> String {
            """
            title: a
            source: API.md#O-1
            level: \(level)
            profile: \(profile)
            tags: [\(tags)]
            steps: [{ send: GET / }]
            """
        }
        let suite = try TestSuites.suite([
            "a/must.yaml": file("must", ""), "a/should.yaml": file("should", "slow"),
            "a/may.yaml": file("may", "slow, limits"), "a/cap.yaml": file("must", "", "cap"),
        ])
        func selected(_ change: (inout Selection) -> Void) -> [String] {
            var selection = Selection()
            change(&selection)
            return suite.scenarios.filter(selection.selects).map { String($0.id.dropFirst("suite/a/".count)) }
        }
        #expect(selected { _ in } == ["cap", "may", "must", "should"])
        #expect(selected { $0.level = .must } == ["cap", "must"])
        #expect(selected { $0.level = .should } == ["cap", "must", "should"])
        #expect(selected { $0.profile = "opencap" } == ["may", "must", "should"])
        #expect(selected { $0.tags = ["slow"] } == ["may", "should"])
        #expect(selected { $0.skippedTags = ["limits"] } == ["cap", "must", "should"])
        #expect(selected { $0.only = ["a/m*"] } == ["may", "must"])
    }
}
