import Testing

@testable import GatehouseRunner

@Suite("Promises and scenarios")
struct PromiseCoverageTests {
    @Test("promises are matched with the scenarios whose source names them")
    func coverage() throws {
        func scenario(_ source: String) -> String {
            "title: t\nsource: \(source)\nlevel: must\nprofile: p\nsteps: [{ send: GET / }]\n"
        }
        let suite = try TestSuites.suite([
            "a/1.yaml": scenario("API.md#O-1"), "a/2.yaml": scenario("[API.md#O-1, RFC 6750 §3]"),
            "a/3.yaml": scenario("API.md#O-9"), "a/4.yaml": scenario("OTHER.md#O-2"),
        ])
        let document = """
            # API
            - **O-1** is kept.
              - **O-2**: is not checked.
            * **H-10a** is one
            - **Bold** text
            * **H-10** is another
            - **O-1** again
            - **O-3** survives (held by test: "every write survives")
            """
        let coverage = PromiseCoverage(document: document, name: "Docs/API.md", scenarios: suite.scenarios)
        #expect(coverage.promises.map(\.id) == ["O-1", "O-2", "H-10a", "H-10", "O-1", "O-3"])
        #expect(coverage.promises.map(\.test) == [nil, nil, nil, nil, nil, "every write survives"])
        #expect(coverage.promises[0].scenarios == ["suite/a/1", "suite/a/2"])
        #expect(coverage.promises[0].text == "is kept.")
        #expect(
            coverage.uncovered.map(\.position.description) == ["Docs/API.md:3:1", "Docs/API.md:4:1", "Docs/API.md:6:1"])
        #expect(coverage.unknownSources.map(\.text) == ["API.md#O-9"])
        #expect(coverage.unknownSources[0].position.description == "suite/a/3.yaml:2:9")
        #expect(coverage.repeatedIDs == ["O-1"])
    }
}
