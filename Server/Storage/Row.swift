/// The names of a result's columns, shared by its rows.
package final class Columns: Sendable {
    package let names: [String]

    package init(_ names: [String]) {
        self.names = names
    }
}

/// One row of a result.
///
/// Asking for a column that is not there, or for another type than the one stored, is an error and never an empty
/// value. Hot paths read by position, which skips looking the name up.
package struct Row: Sendable {
    private let columns: Columns
    private let values: [StorageValue]

    /// For drivers.
    package init(columns: Columns, values: [StorageValue]) {
        self.columns = columns
        self.values = values
    }

    package var count: Int { values.count }

    private func index(of column: String) throws(StorageError) -> Int {
        guard let index = columns.names.firstIndex(of: column) else {
            throw StorageError(.missingColumn, message: "the result has no column \(column)")
        }
        return index
    }

    private func mismatch(_ value: StorageValue, at index: Int, _ wanted: String) -> StorageError {
        StorageError(.wrongType, message: "column \(columns.names[index]) is \(value.typeName), not \(wanted)")
    }
}

// MARK: By name

extension Row {
    package func value(_ column: String) throws(StorageError) -> StorageValue { try value(at: index(of: column)) }

    package func text(_ column: String) throws(StorageError) -> String { try text(at: index(of: column)) }
    package func integer(_ column: String) throws(StorageError) -> Int64 { try integer(at: index(of: column)) }
    package func bytes(_ column: String) throws(StorageError) -> [UInt8] { try bytes(at: index(of: column)) }

    package func optionalText(_ column: String) throws(StorageError) -> String? {
        try optionalText(at: index(of: column))
    }

    package func optionalInteger(_ column: String) throws(StorageError) -> Int64? {
        try optionalInteger(at: index(of: column))
    }

    package func optionalBytes(_ column: String) throws(StorageError) -> [UInt8]? {
        try optionalBytes(at: index(of: column))
    }
}

// MARK: By position, counted from 0

extension Row {
    package func value(at index: Int) throws(StorageError) -> StorageValue {
        guard values.indices.contains(index) else {
            throw StorageError(.missingColumn, message: "the result has \(values.count) columns, none at \(index)")
        }
        return values[index]
    }

    package func text(at index: Int) throws(StorageError) -> String {
        switch try value(at: index) {
        case .text(let text): return text
        case let other: throw mismatch(other, at: index, "text")
        }
    }

    package func integer(at index: Int) throws(StorageError) -> Int64 {
        switch try value(at: index) {
        case .integer(let integer): return integer
        case let other: throw mismatch(other, at: index, "an integer")
        }
    }

    package func bytes(at index: Int) throws(StorageError) -> [UInt8] {
        switch try value(at: index) {
        case .bytes(let bytes): return bytes
        case let other: throw mismatch(other, at: index, "bytes")
        }
    }

    package func optionalText(at index: Int) throws(StorageError) -> String? {
        if case .null = try value(at: index) { return nil }
        return try text(at: index)
    }

    package func optionalInteger(at index: Int) throws(StorageError) -> Int64? {
        if case .null = try value(at: index) { return nil }
        return try integer(at: index)
    }

    package func optionalBytes(at index: Int) throws(StorageError) -> [UInt8]? {
        if case .null = try value(at: index) { return nil }
        return try bytes(at: index)
    }
}
