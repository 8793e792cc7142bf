/// Why the store could not do what was asked.
///
/// Callers ask the questions below, never the text. The text is for the log: it names tables, columns and files, never
/// a bound value.
package struct StorageError: Error, Sendable, Equatable {
    /// What happened, in words that every engine shares.
    package enum Kind: String, Sendable, Equatable {
        // The data did not allow it.
        case uniqueViolation, foreignKeyViolation, notNullViolation, checkViolation
        // The store cannot do it now.
        case busy, overloaded, full, readOnly, cannotOpen, inputOutput, outOfMemory, closed, replaced
        // The store is damaged or another one.
        case corrupt, notADatabase, newerSchema, changedMigration
        // The program asked for something that cannot be.
        case invalidStatement, invalidValue, writeInRead, wrongType, missingColumn, transactionFailed, invalidMigrations
        case other
    }

    package let kind: Kind
    /// For the log. Never shown to a stranger.
    package let message: String
    /// SQLite's extended result code.
    package let rawCode: Int?
    /// PostgreSQL's SQLSTATE.
    package let sqlState: String?
    /// What a violated constraint is about, in the engine's own words: SQLite names columns (`users.email`),
    /// PostgreSQL the constraint.
    package let constraint: String?

    package init(
        _ kind: Kind, message: String, rawCode: Int? = nil, sqlState: String? = nil, constraint: String? = nil
    ) {
        self.kind = kind
        self.message = message
        self.rawCode = rawCode
        self.sqlState = sqlState
        self.constraint = constraint
    }
}

extension StorageError {
    /// A row with this value exists already (primary keys included).
    package var isUniqueViolation: Bool { kind == .uniqueViolation }
    package var isForeignKeyViolation: Bool { kind == .foreignKeyViolation }

    /// The data did not fit a rule of the schema.
    package var isConstraintViolation: Bool {
        switch kind {
        case .uniqueViolation, .foreignKeyViolation, .notNullViolation, .checkViolation: true
        default: false
        }
    }

    /// Someone else held the store for longer than we wait, or too many were waiting already. Trying again helps.
    package var isBusy: Bool { kind == .busy || kind == .overloaded }
    package var isFull: Bool { kind == .full }
    package var isReadOnly: Bool { kind == .readOnly }
    /// The file is damaged or is no store at all.
    package var isCorrupt: Bool { kind == .corrupt || kind == .notADatabase }
    /// A newer version of the program has been here.
    package var isNewerSchema: Bool { kind == .newerSchema }
    /// A value that no engine stores, such as text with a NUL.
    package var isInvalidValue: Bool { kind == .invalidValue }

    /// The store cannot serve now, through no fault of the request: the answer is 503 with `Retry-After`.
    package var isUnavailable: Bool {
        switch kind {
        case .busy, .overloaded, .full, .readOnly, .cannotOpen, .inputOutput, .outOfMemory, .closed, .replaced,
            .corrupt, .notADatabase, .newerSchema, .changedMigration:
            true
        default: false
        }
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        let code = rawCode.map { " (SQLite \($0))" } ?? sqlState.map { " (SQLSTATE \($0))" } ?? ""
        return "storage: \(kind.rawValue)\(code): \(message)"
    }
}
