/// Just enough of HTTP/1.1 (RFC 9112) to read one answer from bytes.
enum RawAnswer {
    /// The first answer that is no 1xx; nil when there is none.
    static func parse(_ bytes: [UInt8]) -> Answer? {
        var rest = bytes[...]
        while let (head, body) = split(rest) {
            guard let (status, headers) = parseHead(head) else { return nil }
            if (100...199).contains(status), status != 101 {
                rest = body
                continue
            }
            return Answer(status: status, headers: headers, body: content(body, headers: headers))
        }
        return nil
    }

    /// Whether the answer is all there, judged by its own framing (RFC 9112 §6.3).
    static func isComplete(_ bytes: [UInt8], afterClose: Bool) -> Bool {
        var rest = bytes[...]
        while let (head, body) = split(rest) {
            guard let (status, headers) = parseHead(head) else { return true }
            if (100...199).contains(status), status != 101 {
                rest = body
                continue
            }
            if status == 204 || status == 304 { return true }
            if isChunked(headers) { return dechunked(body) != nil }
            if let length = length(headers) { return body.count >= length }
            return afterClose
        }
        return false
    }

    private static func split(_ bytes: ArraySlice<UInt8>) -> (head: ArraySlice<UInt8>, body: ArraySlice<UInt8>)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        return (bytes[..<end.lowerBound], bytes[end.upperBound...])
    }

    private static func parseHead(_ head: ArraySlice<UInt8>) -> (status: Int, headers: [HeaderLine])? {
        let lines = String(decoding: head, as: UTF8.self).components("\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
        let headers = lines.dropFirst().compactMap { line -> HeaderLine? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return HeaderLine(
                name: String(line[..<colon]), value: line[line.index(after: colon)...].trimmingSpaces())
        }
        return (status, headers)
    }

    private static func content(_ body: ArraySlice<UInt8>, headers: [HeaderLine]) -> [UInt8] {
        if isChunked(headers) { return dechunked(body) ?? Array(body) }
        return Array(body.prefix(length(headers) ?? body.count))
    }

    private static func length(_ headers: [HeaderLine]) -> Int? {
        headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) }.flatMap {
            $0 < 0 ? nil : $0
        }
    }

    private static func isChunked(_ headers: [HeaderLine]) -> Bool {
        headers.contains { $0.name.lowercased() == "transfer-encoding" && $0.value.lowercased().contains("chunked") }
    }

    /// RFC 9112 §7.1; nil while chunks are missing.
    private static func dechunked(_ body: ArraySlice<UInt8>) -> [UInt8]? {
        var rest = body
        var content: [UInt8] = []
        while let end = rest.firstRange(of: Array("\r\n".utf8)) {
            let line = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            guard let size = Int(line.prefix { $0 != ";" }.trimmingSpaces(), radix: 16), size >= 0 else { return nil }
            rest = rest[end.upperBound...]
            if size == 0 { return content }
            guard rest.count - 2 >= size else { return nil }
            content += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return nil
    }
}

extension String {
    /// The parts between separators, empty ones included. Works on code points, so that "\r\n" can be found.
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = [""]
        var rest = unicodeScalars[...]
        let separator = Array(separator.unicodeScalars)
        while !rest.isEmpty {
            if rest.starts(with: separator) {
                parts.append("")
                rest = rest.dropFirst(separator.count)
            } else {
                parts[parts.count - 1].unicodeScalars.append(rest.removeFirst())
            }
        }
        return parts
    }
}
