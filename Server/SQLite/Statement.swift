import CGatehouseSQLite
import GatehouseStorage

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One prepared statement, finalized once. Used by the thread that has the connection.
@safe final class Statement {
    private let handle: OpaquePointer
    let isReadOnly: Bool
    /// When it was last taken from the cache, in uses of the cache.
    var lastUse = 0
    private var columns = Columns([])
    /// SQLite prepares again by itself when the schema changed; the columns may be others then.
    private var preparations: Int32 = -1

    /// - Parameter text: one statement; what follows it may only be blank.
    init(_ text: String, on connection: OpaquePointer) throws(StorageError) {
        var handle: OpaquePointer?
        var isAlone = true
        var text = text
        let code = text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                var tail: UnsafePointer<CChar>?
                let code = unsafe sqlite3_prepare_v3(
                    connection, bytes.baseAddress, Int32(bytes.count), UInt32(SQLITE_PREPARE_PERSISTENT), &handle,
                    &tail)
                if let start = bytes.baseAddress, let tail = unsafe tail {
                    isAlone = unsafe bytes[(tail - start)...].allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x3B }
                }
                return code
            }
        }
        guard code == SQLITE_OK else { throw unsafe StorageError(on: connection, code: code) }
        guard let handle = unsafe handle else {
            throw StorageError(.invalidStatement, message: "the statement is empty")
        }
        guard isAlone else {
            unsafe sqlite3_finalize(handle)
            throw StorageError(.invalidStatement, message: "more than one statement in a query")
        }
        unsafe self.handle = handle
        self.isReadOnly = unsafe sqlite3_stmt_readonly(handle) != 0
    }

    deinit {
        // Its code repeats the error of the last step, which was reported then.
        unsafe sqlite3_finalize(handle)
    }

    /// Runs the statement to its end. It is reset in any case, which lets go of the snapshot it read from.
    func run(_ values: [StorageValue]) throws(StorageError) -> [Row] {
        defer {
            unsafe sqlite3_reset(handle)
            if !values.isEmpty { unsafe sqlite3_clear_bindings(handle) }
        }
        try bind(values)
        var rows: [Row] = []
        while try step() { rows.append(try row()) }
        return rows
    }

    /// Runs a statement of which only the first column of the first row matters, an integer.
    func integer() throws(StorageError) -> Int64? {
        defer { unsafe sqlite3_reset(handle) }
        guard try step() else { return nil }
        return unsafe sqlite3_column_int64(handle, 0)
    }

    private func step() throws(StorageError) -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw unsafe StorageError(on: sqlite3_db_handle(handle), code: code)
        }
    }
}

// MARK: Values in

extension Statement {
    private func bind(_ values: [StorageValue]) throws(StorageError) {
        guard unsafe Int(sqlite3_bind_parameter_count(handle)) == values.count else {
            throw StorageError(.invalidStatement, message: "the statement has placeholders of its own")
        }
        var index: Int32 = 0
        for value in values {
            index += 1
            let code: Int32
            switch value {
            case .null: code = unsafe sqlite3_bind_null(handle, index)
            case .integer(let integer): code = unsafe sqlite3_bind_int64(handle, index, integer)
            case .text(let text): code = bind(text, at: index)
            case .bytes(let bytes):
                code = unsafe bytes.withUnsafeBytes { bytes in
                    unsafe gatehouse_sqlite3_bind_blob(handle, index, bytes.baseAddress, UInt64(bytes.count))
                }
            }
            guard code == SQLITE_OK else {
                if code == Self.textHasNUL {
                    throw StorageError(.invalidValue, message: "text number \(index) has a NUL")
                }
                throw unsafe StorageError(on: sqlite3_db_handle(handle), code: code)
            }
        }
    }

    /// Not one of SQLite's codes. PostgreSQL cannot store a NUL in text, so nobody may.
    private static let textHasNUL: Int32 = -1

    private func bind(_ text: String, at index: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            guard unsafe !bytes.contains(0) else { return Self.textHasNUL }
            return unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                unsafe gatehouse_sqlite3_bind_text(handle, index, bytes.baseAddress, UInt64(bytes.count))
            }
        }
    }
}

// MARK: Values out

extension Statement {
    private func row() throws(StorageError) -> Row {
        let preparations = unsafe sqlite3_stmt_status(handle, SQLITE_STMTSTATUS_REPREPARE, 0)
        if preparations != self.preparations {
            columns = Columns(columnNames())
            self.preparations = preparations
        }
        let count = columns.names.count
        var values: [StorageValue] = []
        values.reserveCapacity(count)
        for index in 0..<Int32(count) { values.append(try value(at: index)) }
        return Row(columns: columns, values: values)
    }

    private func columnNames() -> [String] {
        let count = unsafe sqlite3_column_count(handle)
        return (0..<count).map { index in
            unsafe sqlite3_column_name(handle, index).map { unsafe String(cString: $0) } ?? ""
        }
    }

    private func value(at index: Int32) throws(StorageError) -> StorageValue {
        switch unsafe sqlite3_column_type(handle, index) {
        case SQLITE_INTEGER: return .integer(unsafe sqlite3_column_int64(handle, index))
        case SQLITE_TEXT:
            // The pointer first, then the count: the manual's order, since the first may convert.
            let start = unsafe sqlite3_column_text(handle, index)
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index)))
            // Several times faster than `String(validating:)`. Decoding repairs what is not UTF-8, which shows.
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            guard unsafe text.hasBytes(bytes) else {
                throw StorageError(.wrongType, message: "column \(columns.names[Int(index)]) is not valid UTF-8")
            }
            return .text(text)
        case SQLITE_BLOB:
            let start = unsafe sqlite3_column_blob(handle, index)
            return .bytes(
                unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index)))))
        case SQLITE_NULL: return .null
        default:
            throw StorageError(.wrongType, message: "column \(columns.names[Int(index)]) is a real number")
        }
    }
}

extension String {
    func hasBytes(_ other: UnsafeRawBufferPointer) -> Bool {
        var text = self
        return text.withUTF8 { bytes in
            unsafe bytes.count == other.count
                && (bytes.isEmpty || memcmp(bytes.baseAddress!, other.baseAddress!, bytes.count) == 0)
        }
    }
}

extension StorageError {
    /// The last error of a connection, with the reason of the operating system when there is one.
    init(on connection: OpaquePointer?, code: Int32) {
        guard let connection = unsafe connection else {
            self.init(sqlite: code, message: unsafe String(cString: sqlite3_errstr(code)))
            return
        }
        let extended = unsafe sqlite3_extended_errcode(connection)
        self.init(
            sqlite: extended & 0xFF == code & 0xFF ? extended : code,
            message: unsafe String(cString: sqlite3_errmsg(connection)))
    }
}
