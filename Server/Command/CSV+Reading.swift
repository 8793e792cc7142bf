/// One record of a file with comma-separated values.
struct CSVRecord: Sendable {
    /// From 1 on; of its beginning, since a quoted cell may hold line breaks.
    let line: Int
    let cells: [String]
}

/// What is wrong with such a file, and where.
struct InvalidCSV: Error {
    let line: Int
    let reason: String
}

extension CSV {
    /// Reads RFC 4180, with line breaks of either kind and with or without a byte order mark. Blank lines are none.
    static func records(_ text: String) throws(InvalidCSV) -> [CSVRecord] {
        var records: [CSVRecord] = []
        var cells: [String] = []
        var cell = String.UnicodeScalarView()
        var (line, start) = (1, 1)
        // Whether the cell is quoted, and whether its quotes have been closed.
        var (isQuoted, isClosed) = (false, false)
        var scalars = Array(text.unicodeScalars)
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        func endOfRecord() {
            cells.append(String(cell))
            if cells.count > 1 || !cell.isEmpty || isQuoted { records.append(CSVRecord(line: start, cells: cells)) }
            cells = []
            cell = String.UnicodeScalarView()
            (isQuoted, isClosed) = (false, false)
        }
        for (index, scalar) in scalars.enumerated() {
            if scalar == "\n" { line += 1 }
            switch scalar {
            case "\"" where isQuoted && !isClosed: isClosed = true
            case "\"" where isClosed:
                // A quotation mark that is written twice.
                guard scalars[index - 1] == "\"" else { throw InvalidCSV(line: line, reason: Self.behindQuote) }
                cell.append("\"")
                isClosed = false
            case _ where isQuoted && !isClosed: cell.append(scalar)
            case ",":
                cells.append(String(cell))
                cell = String.UnicodeScalarView()
                (isQuoted, isClosed) = (false, false)
            case "\n":
                endOfRecord()
                start = line
            case "\r" where index + 1 == scalars.count || scalars[index + 1] == "\n": break
            case "\"" where cell.isEmpty: isQuoted = true
            case "\"": throw InvalidCSV(line: line, reason: "a quotation mark stands in the middle of a cell")
            case _ where isClosed: throw InvalidCSV(line: line, reason: Self.behindQuote)
            default: cell.append(scalar)
            }
        }
        guard !isQuoted || isClosed else {
            throw InvalidCSV(line: start, reason: "a quotation mark is not closed")
        }
        endOfRecord()
        return records
    }

    private static let behindQuote = "something stands behind a closing quotation mark"
}
