import GatehouseCryptography

/// Takes an export of `mongoexport` apart into its documents: a line each, or one array. No more than one document is in memory.
struct DocumentReader {
    /// Octets of a document. What the IDM takes over has a hundredth of it at most.
    static let longest = 1 << 20
    private static let block = 1 << 18

    /// A part of the file that should be a document.
    struct Piece: Sendable {
        enum Content: Sendable {
            case octets([UInt8])
            /// Why there is none, in words that go on after "line 7: ".
            case broken(String)
        }

        /// From 1 on; of its beginning.
        let line: Int
        /// Octets from the beginning of the file.
        let offset: Int64
        let length: Int
        let content: Content
    }

    private enum Form { case lines, array }

    private let source: ImportSource
    private let digest = RunningDigest()
    private var form: Form?
    private var buffer: [UInt8] = []
    private var position = 0
    /// Of the first octet behind the buffer.
    private var end: Int64 = 0
    private var line = 1
    private var isOver = false
    private var isFirst = true

    init(_ source: ImportSource) { self.source = source }

    /// How much has been read, in octets.
    var offset: Int64 { end - Int64(buffer.count - position) }

    /// SHA-256 of the whole file; reads what is left of it.
    mutating func finish() throws(UnreadableFile) -> [UInt8] {
        while try fill() { position = buffer.count }
        return digest.finish()
    }

    /// - Returns: nil at the end.
    mutating func next() throws(UnreadableFile) -> Piece? {
        guard !isOver else { return nil }
        if form == nil {
            try skipByteOrderMark()
            try skipWhiteSpace()
            form = try peek() == UInt8(ascii: "[") ? .array : .lines
            if form == .array { position += 1 }
        }
        return form == .array ? try nextElement() : try nextLine()
    }

    // MARK: A line each

    private mutating func nextLine() throws(UnreadableFile) -> Piece? {
        while try fill() {
            let (line, start) = (line, offset)
            var octets: [UInt8] = []
            var length = 0
            while try fill() {
                let newline = buffer[position...].firstIndex(of: UInt8(ascii: "\n"))
                let part = buffer[position..<(newline ?? buffer.count)]
                length += part.count
                if length <= Self.longest { octets += part }
                position = part.endIndex
                guard newline != nil else { continue }
                position += 1
                self.line += 1
                break
            }
            guard length <= Self.longest else { return broken(line, start, length, Self.tooLong) }
            let leading = octets.prefix(while: Self.isWhiteSpace).count
            octets.removeFirst(leading)
            while octets.last.map(Self.isWhiteSpace) ?? false { octets.removeLast() }
            if octets.isEmpty { continue }
            if octets == [UInt8(ascii: "{")] {
                isOver = true
                return broken(
                    line, start, length,
                    "a document goes on over several lines here, as `mongoexport --pretty` writes them; nothing from here on "
                        + "is read. Export without --pretty, or with --jsonArray")
            }
            return Piece(
                line: line, offset: start + Int64(leading), length: octets.count, content: .octets(octets))
        }
        return nil
    }

    // MARK: One array

    private mutating func nextElement() throws(UnreadableFile) -> Piece? {
        try skipWhiteSpace()
        var octet = try peek()
        if !isFirst, octet == UInt8(ascii: ",") {
            position += 1
            try skipWhiteSpace()
            octet = try peek()
        } else if octet == UInt8(ascii: "]") {
            position += 1
            try skipWhiteSpace()
            isOver = true
            guard try peek() != nil else { return nil }
            return broken(line, offset, 0, "something follows the end of the array")
        } else if !isFirst, octet != nil {
            isOver = true
            return broken(line, offset, 0, "the array is broken here; nothing from here on is read")
        }
        isFirst = false
        let (line, start) = (line, offset)
        guard octet != nil else {
            isOver = true
            return broken(line, start, 0, "the file ends before the array does")
        }
        return try element(line, start)
    }

    /// Reads up to the bracket that closes the first one. Whether what is between them is JSON, its reader says.
    private mutating func element(_ line: Int, _ start: Int64) throws(UnreadableFile) -> Piece {
        var octets: [UInt8] = []
        var (length, depth, isInString, isEscaped) = (0, 0, false, false)
        reading: while let octet = try peek() {
            switch octet {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\") where isInString: isEscaped = true
            case UInt8(ascii: "\""): isInString.toggle()
            case _ where isInString: break
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]") where depth == 0, UInt8(ascii: ",") where depth == 0: break reading
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            if octet == UInt8(ascii: "\n") { self.line += 1 }
            position += 1
            length += 1
            if length <= Self.longest { octets.append(octet) }
            if depth <= 0, octet == UInt8(ascii: "}") || octet == UInt8(ascii: "]"), !isInString { break }
        }
        if depth > 0 || isInString {
            isOver = true
            return broken(line, start, length, "the file ends in the middle of a document")
        }
        guard length <= Self.longest else { return broken(line, start, length, Self.tooLong) }
        return Piece(line: line, offset: start, length: length, content: .octets(octets))
    }

    // MARK: Octets

    private static let tooLong = "it has more than 1 MiB, and nothing that could come along has"

    private func broken(_ line: Int, _ start: Int64, _ length: Int, _ reason: String) -> Piece {
        Piece(line: line, offset: start, length: length, content: .broken(reason))
    }

    /// - Returns: false at the end of the file.
    private mutating func fill() throws(UnreadableFile) -> Bool {
        guard position == buffer.count else { return true }
        buffer = try source.read(at: end, count: Self.block)
        digest.add(buffer)
        end += Int64(buffer.count)
        position = 0
        return !buffer.isEmpty
    }

    private mutating func peek() throws(UnreadableFile) -> UInt8? { try fill() ? buffer[position] : nil }

    private mutating func skipByteOrderMark() throws(UnreadableFile) {
        if try fill(), buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    private mutating func skipWhiteSpace() throws(UnreadableFile) {
        while let octet = try peek(), Self.isWhiteSpace(octet) {
            if octet == UInt8(ascii: "\n") { line += 1 }
            position += 1
        }
    }

    private static func isWhiteSpace(_ octet: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(octet) }
}
