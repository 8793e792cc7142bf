import Foundation

/// A figure with what it was measured against. A ratio means the same on every machine, a time or a size nearly so.
struct Row {
    let name: String
    let value: Double
    /// What the value should be, such as `0.17 or more`; empty for one that only informs.
    var target = ""
    /// The absolute figures behind it.
    let note: String
}

/// Runs the benchmarks and prints a table, each figure against a reference that was measured in the same run.
///
/// `gatehouse-benchmarks [--seconds N]`: how long each loop runs, 5 by default. The study has 200 000 subjects for each second,
/// a million by default. `gatehouse-benchmarks --study N`: nothing but a study of so many subjects;
/// `gatehouse-benchmarks --aliases N`: nothing but a store of so many aliases beside one of a thousand.
@main
enum Main {
    static func main() async throws {
        let seconds = CommandLine.arguments.dropFirst().last.flatMap(Double.init) ?? 5
        var rows: [Row] = []
        if CommandLine.arguments.contains("--study") {
            return show(try await studyBenchmarks(subjects: Int(seconds)))
        }
        if CommandLine.arguments.contains("--aliases") {
            return show(try await aliasBenchmarks(aliases: Int(seconds)))
        }
        rows += try await storageBenchmarks(seconds: seconds)
        rows += try tokenBenchmarks(seconds: seconds)
        rows += try await signatureBenchmarks(seconds: seconds)
        rows += passwordBenchmarks(seconds: seconds)
        rows += try await auditBenchmarks(seconds: seconds)
        rows += try await serverBenchmarks(seconds: seconds)
        rows += try await tokenEndpointBenchmarks(seconds: seconds)
        rows += try await programBenchmarks(seconds: seconds)
        rows += try await studyBenchmarks(subjects: Int(seconds * 200_000))
        rows += try await aliasBenchmarks(aliases: Int(seconds * 20_000), seconds: seconds * 4)
        show(rows)
    }

    private static func show(_ rows: [Row]) {
        let names = rows.map(\.name.count).max() ?? 0
        let targets = rows.map(\.target.count).max() ?? 0
        for row in rows {
            let name = row.name.padding(toLength: names, withPad: " ", startingAt: 0)
            let target = row.target.padding(toLength: targets, withPad: " ", startingAt: 0)
            print("\(name)  \(String(format: "%8.2f", row.value))  \(target)  \(row.note)")
        }
    }
}

extension [Double] {
    /// The middle one; 0 of none.
    var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}

/// How often a second.
func rate(_ perSecond: Double) -> String { String(format: perSecond < 100 ? "%.1f/s" : "%.0f/s", perSecond) }

/// A folder for the time of `body`.
func withTemporaryFolder<T>(_ body: (URL) async throws -> T) async throws -> T {
    let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}
