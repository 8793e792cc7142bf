import Foundation
import GatehouseTestSupport
import Testing

/// The repository as text: its targets, sources and documents.
enum Repository {
    /// A target of `Package.swift`.
    struct Target: Sendable, CustomTestStringConvertible {
        let name: String
        /// Its folder, from the top of the repository.
        let path: String
        let isTest: Bool

        var testDescription: String { name }
        /// `Server`, `Client`, …
        var part: String { String(path.prefix { $0 != "/" }) }
    }

    struct Source: Sendable {
        /// From the top of the repository.
        let path: String
        let text: String

        /// The modules that it imports.
        var imports: Set<String> {
            let pattern =
                #/^\s*(?:#if.*\n)?\s*(?:@\w+(?:\(\w+\))?\s+)*(?:\w+\s+)?import\s+(?:(?:struct|class|enum|func|protocol|var|let|typealias)\s+)?(\w+)/#
                .anchorsMatchLineEndings()
            return Set(code.matches(of: pattern).map { String($0.1) })
        }

        /// The text without comments on lines of their own.
        var code: String {
            text.split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !$0.drop(while: \.isWhitespace).hasPrefix("//") }.joined(separator: "\n")
        }
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: TestFiles.repository.appending(path: path)), as: UTF8.self)
    }

    /// All files below a folder that end so, in the order of their paths.
    static func files(in folder: String, endingIn suffix: String = ".swift") throws -> [Source] {
        let top = TestFiles.repository.appending(path: folder)
        guard let walk = FileManager.default.enumerator(atPath: top.path) else { return [] }
        return try walk.compactMap { $0 as? String }.filter { $0.hasSuffix(suffix) }.sorted().map {
            Source(path: "\(folder)/\($0)", text: try text("\(folder)/\($0)"))
        }
    }

    static func manifest() throws -> String { try text("Package.swift") }

    /// The targets, C libraries included.
    static func targets() throws -> [Target] {
        let manifest = try manifest()
        let ours = #/\b(library|command|tests|cLibrary)\(\s*"(\w+)",\s*"([\w/]+)"/#
        let plain = #/\.(?:executableTarget|target)\(\s*name: "(\w+)",[^@]*?path: "([\w/]+)"/#
        let found = manifest.matches(of: ours).map {
            Target(name: String($0.2), path: String($0.3), isTest: $0.1 == "tests")
        }
        return found
            + manifest.matches(of: plain).map { Target(name: String($0.1), path: String($0.2), isTest: false) }
    }

    /// What the manifest lets a target of ours depend on, targets of ours only.
    static func declaredDependencies(of target: Target) throws -> Set<String> {
        let manifest = try manifest()
        guard
            let start = manifest.range(of: "\"\(target.name)\", \"\(target.path)\"")?.upperBound
                ?? manifest.range(of: "\"\(target.name)\",\n")?.upperBound
        else { return [] }
        let end = manifest[start...].firstMatch(of: #/\n {8}(?:\/\/|library|command|tests|cLibrary|\.)/#)?.range
            .lowerBound
        let names = Set(try targets().map(\.name))
        let entry = manifest[start..<(end ?? manifest.endIndex)]
        return Set(entry.matches(of: #/"(\w+)"/#).map { String($0.1) }).intersection(names)
    }

    /// The sources of a target.
    static func sources(of target: Target) throws -> [Source] { try files(in: target.path) }
}
