import Foundation

/// Runs the benchmarks and prints a table of ratios, each against a reference measured in the same run.
///
/// `gatehouse-benchmarks [--seconds N]`: how long each loop runs, 5 by default.
@main
enum Main {
    typealias Row = (name: String, ratio: Double, note: String)

    static func main() async throws {
        let seconds = CommandLine.arguments.dropFirst().last.flatMap(Double.init) ?? 5
        var rows: [Row] = []
        rows += try await storageBenchmarks(seconds: seconds)
        rows += passwordBenchmarks(seconds: seconds)
        rows += try await serverBenchmarks(seconds: seconds)
        let width = rows.map(\.name.count).max() ?? 0
        for row in rows {
            let name = row.name.padding(toLength: width, withPad: " ", startingAt: 0)
            print("\(name)  \(String(format: "%8.2f", row.ratio))  \(row.note)")
        }
    }
}

extension [Double] {
    /// The middle one; 0 of none.
    var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}
