import CGatehouseSQLite

/// Tells without a system call whether somebody committed, in this process or another: by memory that SQLite shares
/// with all who have the store open.
///
/// `PRAGMA data_version` says the same, but takes and releases a lock of the file to learn it. Good as long as the
/// connection that gave it is there.
@safe struct LogIndex {
    private let start: UnsafePointer<UInt32>

    /// - Parameter connection: has read from a file with a write-ahead log.
    init?(of connection: OpaquePointer) {
        guard let start = unsafe gatehouse_sqlite3_log_index(connection) else { return nil }
        unsafe self.start = unsafe start
    }

    /// Nil while a commit is being made known.
    var state: State? {
        var state = gatehouse_sqlite3_log_state()
        return unsafe gatehouse_sqlite3_log_state_read(start, &state) != 0 ? State(state) : nil
    }

    /// Another one after each commit.
    struct State: Equatable {
        private var words: gatehouse_sqlite3_log_state

        fileprivate init(_ words: gatehouse_sqlite3_log_state) { self.words = words }

        static func == (a: State, b: State) -> Bool {
            var (a, b) = (a.words, b.words)
            return unsafe gatehouse_sqlite3_log_state_equals(&a, &b) != 0
        }
    }
}
