/// One SQL statement with its bound values.
///
/// Written as a string literal: `"SELECT id FROM users WHERE email = \(email)"`. What is interpolated becomes a bound
/// value and never text, so a `Query` cannot be injected into. Each driver writes its own placeholders.
package struct Query: Sendable, Equatable {
    /// The statement with one NUL where each value stands. NUL cannot occur in SQL, so it cannot be mistaken for
    /// anything else. Two queries with the same text are the same prepared statement.
    package let text: String
    package let values: [StorageValue]

    /// For drivers: a statement of a migration. It is text of the program, known when it was built.
    package init(migrationStatement text: String) {
        self.text = text
        self.values = []
    }

    /// The statement as an engine reads it.
    ///
    /// - Parameter placeholder: what stands for value number n, counted from 1 (`?1` or `$1`).
    /// - Returns: `nil` when the text itself contained a NUL.
    package func text(placeholder: (Int) -> String) -> String? {
        var result = ""
        result.reserveCapacity(text.utf8.count + values.count * 2)
        var number = 0
        for scalar in text.unicodeScalars {
            if scalar == "\0" {
                number += 1
                result += placeholder(number)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return number == values.count ? result : nil
    }
}

extension Query: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) {
        self.text = text
        self.values = []
    }

    package init(stringInterpolation parts: StringInterpolation) {
        self.text = parts.text
        self.values = parts.values
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text: String
        fileprivate var values: [StorageValue]

        package init(literalCapacity: Int, interpolationCount: Int) {
            text = ""
            text.reserveCapacity(literalCapacity + interpolationCount)
            values = []
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        package mutating func appendInterpolation(_ value: StorageValue) {
            text += "\0"
            values.append(value)
        }

        package mutating func appendInterpolation(_ value: String?) {
            appendInterpolation(value.map(StorageValue.text) ?? .null)
        }

        package mutating func appendInterpolation(_ value: Int64?) {
            appendInterpolation(value.map(StorageValue.integer) ?? .null)
        }

        package mutating func appendInterpolation(_ value: Int?) {
            appendInterpolation(value.map { StorageValue.integer(Int64($0)) } ?? .null)
        }

        package mutating func appendInterpolation(_ value: [UInt8]?) {
            appendInterpolation(value.map(StorageValue.bytes) ?? .null)
        }

        /// Stored as 1 or 0, since SQLite has no type for it.
        package mutating func appendInterpolation(_ value: Bool?) {
            appendInterpolation(value.map { StorageValue.integer($0 ? 1 : 0) } ?? .null)
        }

        /// Puts another query in this place, with its values.
        package mutating func appendInterpolation(_ query: Query) {
            text += query.text
            values += query.values
        }

        /// Puts text of the program in this place, such as a column to order by. `StaticString` can only be a literal,
        /// so nothing that a stranger sent can get here.
        package mutating func appendInterpolation(verbatim text: StaticString) {
            self.text += text.description
        }
    }
}

/// Shows the statement without its values, which may be secrets.
extension Query: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { text.replacingNULs }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["text": description]) }
}

extension String {
    fileprivate var replacingNULs: String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars { result.append(scalar == "\0" ? "?" : scalar) }
        return String(result)
    }
}
