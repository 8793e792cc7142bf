package import Foundation

/// Files of the repository that tests read.
package enum TestFiles {
    /// The top of the repository.
    package static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The folder of published test vectors; its `README.md` says where each comes from.
    package static let vectors = repository.appending(path: "Tests/Vectors")

    /// A file of `Tests/Vectors`.
    package static func vector(_ name: String) throws -> Data {
        try Data(contentsOf: vectors.appending(path: name))
    }
}
