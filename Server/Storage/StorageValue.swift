/// One value of a column or of a bound parameter.
///
/// Real numbers are left out on purpose: nothing here is a measurement, and they do not compare alike on every engine.
package enum StorageValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])

    /// What a mismatch is called in an error; never the value itself, which may be a secret.
    var typeName: String {
        switch self {
        case .null: "NULL"
        case .integer: "an integer"
        case .text: "text"
        case .bytes: "bytes"
        }
    }
}
