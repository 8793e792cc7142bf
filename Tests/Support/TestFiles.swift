package import Foundation

/// Files of the repository that tests read.
package enum TestFiles {
    /// The top of the repository.
    package static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A file of `Tests/Vectors`.
    package static func vector(_ name: String) throws -> Data {
        try Data(contentsOf: repository.appending(path: "Tests/Vectors/\(name)"))
    }
}
