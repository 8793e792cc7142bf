/// What a signature can cover of one HTTP message: the start line and the fields, octet by octet as they are on the wire.
public struct SignableMessage: Sendable {
    /// One field line (RFC 9110 §5.2).
    public struct Field: Sendable, Equatable {
        /// In lower case.
        public let name: [UInt8]
        /// As it came; white space around it and folded lines (RFC 9112 §5.2) count for nothing when it is signed.
        public let value: [UInt8]

        /// - Parameters:
        ///   - name: in any case.
        ///   - value: its UTF-8 is what stands on the wire.
        public init(_ name: String, _ value: String) { self.init(name, octets: Array(value.utf8)) }

        /// - Parameter name: in lower case.
        package init(lowercased name: String, _ value: String) {
            self.name = Array(name.utf8)
            self.value = Array(value.utf8)
        }

        /// - Parameter name: in any case.
        public init(_ name: String, octets value: [UInt8]) {
            self.name = name.utf8.map(\.lowercased)
            self.value = value
        }
    }

    indirect enum Start: Sendable {
        case request(method: [UInt8], target: RequestTarget, scheme: [UInt8], authority: [UInt8]?)
        case response(status: Int, request: SignableMessage?)
    }

    let start: Start
    /// In the order of the message.
    public let fields: [Field]
    /// In the order of the message.
    public let trailers: [Field]

    /// A request.
    ///
    /// - Parameters:
    ///   - method: as on the request line; its case counts.
    ///   - target: as on the request line: origin, absolute, authority or asterisk form (RFC 9112 §3.2).
    ///   - scheme: `https` or `http`, as the client has it: behind a proxy that ends TLS it is still `https`.
    ///   - authority: what the client asked for, where neither an absolute target nor `Host` says so.
    public static func request(
        method: String, target: String, scheme: String, authority: String? = nil, fields: [Field],
        trailers: [Field] = []
    ) -> SignableMessage {
        SignableMessage(
            start: .request(
                method: Array(method.utf8), target: RequestTarget(Array(target.utf8)),
                scheme: scheme.utf8.map(\.lowercased), authority: authority.map { Array($0.utf8) }),
            fields: fields, trailers: trailers)
    }

    /// A response.
    ///
    /// - Parameter request: what it answers; components with `req` are taken from it (RFC 9421 §2.4).
    public static func response(
        status: Int, fields: [Field], trailers: [Field] = [], to request: SignableMessage? = nil
    ) -> SignableMessage {
        SignableMessage(start: .response(status: status, request: request), fields: fields, trailers: trailers)
    }

    private init(start: Start, fields: [Field], trailers: [Field]) {
        self.start = start
        self.fields = fields
        self.trailers = trailers
    }

    /// Whether it is a request.
    public var isRequest: Bool {
        if case .request = start { true } else { false }
    }

    /// As on the request line; empty for a response.
    var method: String {
        if case .request(let method, _, _, _) = start { text(method) } else { "" }
    }

    /// The lines of one field, as they came.
    ///
    /// - Parameter name: in lower case.
    func lines(_ name: [UInt8]) -> [[UInt8]] { fields.compactMap { $0.name == name ? $0.value : nil } }

    /// The lines of one field, made fit to be signed; empty when there are none.
    func values(_ name: [UInt8], ofTrailers: Bool = false) throws(SignatureRefusal) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for field in ofTrailers ? trailers : fields where field.name == name {
            found.append(try FieldValue.canonical(field.value, of: name))
        }
        return found
    }
}

/// How the value of a field line is written when it is signed.
enum FieldValue {
    /// Without white space around it, and folded lines as one (RFC 9421 §2.1, draft-cavage-http-signatures-12 §2.3).
    ///
    /// - Throws: `.forbiddenOctet` for what cannot stand in a field line, and would let two messages have one base.
    static func canonical(_ value: [UInt8], of name: [UInt8]) throws(SignatureRefusal) -> [UInt8] {
        var octets = value[...]
        while let last = octets.last, last.isBlank { octets.removeLast() }
        while let first = octets.first, first.isBlank { octets.removeFirst() }
        guard octets.contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0 }) else { return Array(octets) }
        var result: [UInt8] = []
        var rest = octets
        while let octet = rest.popFirst() {
            guard octet == 0x0A || octet == 0x0D || octet == 0 else {
                result.append(octet)
                continue
            }
            // A folded line: CRLF or LF, and then a blank.
            if octet == 0x0D, rest.popFirst() != 0x0A { throw SignatureRefusal(.forbiddenOctet(text(name))) }
            guard octet != 0, let next = rest.first, next.isBlank else {
                throw SignatureRefusal(.forbiddenOctet(text(name)))
            }
            while let last = result.last, last.isBlank { result.removeLast() }
            while let next = rest.first, next.isBlank { rest.removeFirst() }
            result.append(0x20)
        }
        return result
    }

    static func joined(_ values: [[UInt8]]) -> [UInt8] {
        values.count == 1 ? values[0] : Array(values.joined(separator: [UInt8(ascii: ","), 0x20]))
    }
}

/// The second word of a request line, in parts (RFC 9112 §3.2).
struct RequestTarget: Sendable {
    /// As it came.
    let octets: [UInt8]
    /// Of the absolute form, and the whole of the authority form.
    let authority: [UInt8]?
    /// Of the absolute form, in lower case.
    let scheme: [UInt8]?
    /// As it came; empty where there is none.
    let path: [UInt8]
    /// Without its `?`; nil where there is none.
    let query: [UInt8]?

    init(_ octets: [UInt8]) {
        self.octets = octets
        var rest = octets[...]
        if rest.first == UInt8(ascii: "/") || rest.elementsEqual([UInt8(ascii: "*")]) {
            authority = nil
            scheme = nil
            if rest.first == UInt8(ascii: "*") { rest = [] }
        } else if let colon = Self.schemeEnd(rest) {
            scheme = rest[..<colon].map(\.lowercased)
            rest = rest[(colon + 3)...]
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
            authority = Array(rest[..<end])
            rest = rest[end...]
        } else {
            authority = octets
            scheme = nil
            rest = []
        }
        // A target has no fragment; one that came all the same is not ours to drop.
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        path = Array(rest[..<(mark ?? rest.endIndex)])
        query = mark.map { Array(rest[($0 + 1)...]) }
    }

    /// The path and the query, as HTTP/2 has them in `:path` (RFC 9113 §8.3.1).
    var pathAndQuery: [UInt8] {
        if octets.first == UInt8(ascii: "/") || octets == [UInt8(ascii: "*")] { return octets }
        return (path.isEmpty ? [UInt8(ascii: "/")] : path) + (query.map { [UInt8(ascii: "?")] + $0 } ?? [])
    }

    /// Where `://` begins.
    private static func schemeEnd(_ octets: ArraySlice<UInt8>) -> Int? {
        guard let colon = octets.firstIndex(of: UInt8(ascii: ":")), colon > octets.startIndex,
            octets[colon...].starts(with: Array("://".utf8)), octets[..<colon].allSatisfy(\.isSchemeOctet)
        else { return nil }
        return colon
    }
}

extension UInt8 {
    /// In lower case, when it is an ASCII letter.
    var lowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
    /// Space or tab.
    var isBlank: Bool { self == 0x20 || self == 0x09 }
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }

    /// RFC 3986 §3.1.
    fileprivate var isSchemeOctet: Bool {
        isLetter || isDigit || self == UInt8(ascii: "+") || self == UInt8(ascii: "-") || self == UInt8(ascii: ".")
    }

    /// `tchar` of RFC 9110 §5.6.2.
    var isTokenOctet: Bool {
        if isLetter || isDigit { return true }
        return switch self {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

/// For people: octets that are no text show as replacement characters.
func text(_ octets: some Collection<UInt8>) -> String { String(decoding: octets, as: UTF8.self) }
