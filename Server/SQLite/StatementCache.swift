import GatehouseStorage

/// The prepared statements of one connection, by the text of their query. The least recently used one goes first.
struct StatementCache {
    private var statements: [Key: Statement] = [:]
    private var uses = 0
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// - Parameter prepare: makes the statement when it is not there.
    mutating func statement(
        _ text: String, prepare: () throws(StorageError) -> Statement
    ) throws(StorageError) -> Statement {
        uses += 1
        if let statement = statements[Key(text: text)] {
            statement.lastUse = uses
            return statement
        }
        let statement = try prepare()
        statement.lastUse = uses
        if statements.count >= capacity, let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            statements[oldest.key] = nil
        }
        statements[Key(text: text)] = statement
        return statement
    }

    mutating func removeAll() { statements = [:] }

    /// Compares bytes, where `String` compares characters: two spellings of one character are two statements.
    private struct Key: Hashable {
        let text: String

        static func == (a: Key, b: Key) -> Bool {
            unsafe b.withBytes { b in unsafe a.text.hasBytes(b) }
        }

        func hash(into hasher: inout Hasher) {
            unsafe withBytes { bytes in unsafe hasher.combine(bytes: bytes) }
        }

        private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
            var text = text
            return text.withUTF8 { bytes in unsafe body(UnsafeRawBufferPointer(bytes)) }
        }
    }
}
