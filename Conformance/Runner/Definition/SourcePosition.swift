/// A place in a file; lines and columns count from 1.
package struct SourcePosition: Sendable, Hashable, CustomStringConvertible {
    package let file: String
    package let line: Int
    package let column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`, as compilers print it, so that editors can jump there.
    package var description: String { "\(file):\(line):\(column)" }

    /// `file:line`, for reports.
    package var fileAndLine: String { "\(file):\(line)" }
}

/// Something wrong in a file that people write: a scenario, a fixture, a list of known failures.
package struct FileMistake: Error, Sendable, Hashable, CustomStringConvertible {
    package let position: SourcePosition
    package let text: String

    package init(_ text: String, at position: SourcePosition) {
        self.position = position
        self.text = text
    }

    package var description: String { "\(position): \(text)" }
}

/// All mistakes of a set of files, found in one go.
package struct FileMistakes: Error, Sendable, CustomStringConvertible {
    package let mistakes: [FileMistake]

    package init(_ mistakes: [FileMistake]) {
        self.mistakes = mistakes.sorted {
            ($0.position.file, $0.position.line, $0.position.column)
                < ($1.position.file, $1.position.line, $1.position.column)
        }
    }

    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}
