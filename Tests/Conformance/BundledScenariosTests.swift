import Foundation
import GatehouseScenarios
import Testing

@testable import GatehouseRunner

@Suite("The bundled scenarios")
struct BundledScenariosTests {
    private func suite(_ name: String) throws -> Suite {
        try Suite(folder: try #require(BundledScenarios.folder(of: name)), displayedAs: name)
    }

    @Test("have no mistakes", arguments: BundledScenarios.suites)
    func noMistakes(name: String) throws {
        #expect(throws: Never.self) { try suite(name) }
    }

    @Test("check every promise of the documentation that no test holds, and promise nothing else")
    func everyPromise() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Docs/API.md")
        let document = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        let scenarios = try BundledScenarios.suites.flatMap { try suite($0).scenarios }
        let coverage = PromiseCoverage(document: document, name: "Docs/API.md", scenarios: scenarios)
        #expect(!coverage.promises.isEmpty)
        #expect(coverage.uncovered.map(\.id) == [])
        #expect(coverage.unknownSources.map(\.text) == [])
        #expect(coverage.repeatedIDs == [])
    }
}
