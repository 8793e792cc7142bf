package import Foundation

extension Process {
    /// Begins the program and closes the files it was given, which it has as its own by then.
    ///
    /// Foundation on Linux keeps them open after the program has ended, three for each. With more than 1350 files open, its
    /// `run()` reads past the end of its list of them (`/proc/self/fd`), and the tests crash now and then.
    package func begin() throws {
        try run()
        let shared: [FileHandle] = [.nullDevice, .standardInput, .standardOutput, .standardError]
        for given in [standardInput, standardOutput, standardError] {
            guard let file = given as? FileHandle, !shared.contains(where: { $0 === file }) else { continue }
            try? file.close()
        }
    }
}
