import CGatehouseSQLite
import GatehouseStorage

/// Which constraint it was. SQLite computes these codes in macros, which Swift does not see.
enum Constraint {
    static let foreignKey = SQLITE_CONSTRAINT | 3 << 8
    static let notNull = SQLITE_CONSTRAINT | 5 << 8
    static let primaryKey = SQLITE_CONSTRAINT | 6 << 8
    /// `ON DELETE RESTRICT` answers with this one; we have no triggers of our own.
    static let trigger = SQLITE_CONSTRAINT | 7 << 8
    static let unique = SQLITE_CONSTRAINT | 8 << 8
    static let rowID = SQLITE_CONSTRAINT | 10 << 8
}

extension StorageError {
    /// - Parameters:
    ///   - code: SQLite's extended result code (<https://www.sqlite.org/rescode.html>).
    ///   - message: SQLite's own sentence. It names tables and columns, never bound values.
    init(sqlite code: Int32, message: String) {
        let kind: Kind =
            switch code {
            case Constraint.unique, Constraint.primaryKey, Constraint.rowID: .uniqueViolation
            case Constraint.foreignKey, Constraint.trigger: .foreignKeyViolation
            case Constraint.notNull: .notNullViolation
            default: Kind(primary: code & 0xFF)
            }
        var constraint: String?
        if code & 0xFF == SQLITE_CONSTRAINT, let colon = message.firstIndex(of: ":") {
            constraint = String(message[colon...].dropFirst(2))
        }
        self.init(kind, message: message, rawCode: Int(code), constraint: constraint)
    }

    /// After these the connection is not trusted any more: it is closed and a new one opened.
    var spoilsConnection: Bool {
        switch kind {
        case .inputOutput, .corrupt, .notADatabase, .cannotOpen, .replaced, .readOnly: true
        default: false
        }
    }
}

extension StorageError.Kind {
    fileprivate init(primary code: Int32) {
        self =
            switch code {
            case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: .busy
            case SQLITE_FULL: .full
            case SQLITE_READONLY, SQLITE_PERM: .readOnly
            case SQLITE_CANTOPEN: .cannotOpen
            case SQLITE_IOERR, SQLITE_NOLFS: .inputOutput
            case SQLITE_NOMEM: .outOfMemory
            case SQLITE_CORRUPT: .corrupt
            case SQLITE_NOTADB: .notADatabase
            case SQLITE_CONSTRAINT: .checkViolation
            case SQLITE_ERROR, SQLITE_MISUSE, SQLITE_RANGE, SQLITE_AUTH: .invalidStatement
            case SQLITE_TOOBIG, SQLITE_MISMATCH: .invalidValue
            default: .other
            }
    }
}
