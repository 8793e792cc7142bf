import RawStructuredFieldValues

/// The identifier of one thing that a signature covers (RFC 9421 §2).
public struct MessageComponent: Sendable {
    enum Parameter: Hashable, Sendable {
        /// The value re-serialised as a structured field (§2.1.1).
        case sf
        /// One member of a dictionary (§2.1.2).
        case key(String)
        /// Each line as a byte sequence (§2.1.3).
        case bs
        /// From the trailers (§2.1.4).
        case tr
        /// From the request that a response answers (§2.4).
        case req
        /// Of `@query-param` (§2.2.8).
        case name(String)
    }

    /// The name of a field in lower case, or `@` and the name of something derived.
    public let name: String
    /// In their order, which is part of what is signed but not of what is meant.
    let parameters: [Parameter]

    var isDerived: Bool { name.utf8.first == UInt8(ascii: "@") }
    var isOfRequest: Bool { parameters.contains(.req) }

    init(_ name: String, _ parameters: [Parameter] = []) {
        self.name = name
        self.parameters = parameters
    }

    /// - Parameter text: a name, as `@method` or `content-digest`, or the identifier as it stands in a signature base,
    ///   as `"@query-param";name="id"`.
    /// - Throws: `SignatureRefusal`.
    public init(_ text: String) throws(SignatureRefusal) {
        guard text.utf8.first == UInt8(ascii: "\"") else {
            try self.init(checking: text, [])
            return
        }
        var parser = StructuredFieldValueParser(Array(text.utf8))
        guard let item = try? parser.parseItemFieldValue() else {
            throw SignatureRefusal(.malformed("\(text) is no component identifier"))
        }
        try self.init(item)
    }

    /// - Throws: `.malformed`, `.unknownComponent`.
    init(_ item: Item) throws(SignatureRefusal) {
        guard case .string(let name) = item.rfc9651BareItem else {
            throw SignatureRefusal(.malformed("a component identifier that is no string"))
        }
        var parameters: [Parameter] = []
        for (key, value) in item.rfc9651Parameters { parameters.append(try Self.parameter(key, value, of: name)) }
        try self.init(checking: name, parameters)
    }

    private init(checking name: String, _ parameters: [Parameter]) throws(SignatureRefusal) {
        let isDerived = name.utf8.first == UInt8(ascii: "@")
        guard isDerived ? DerivedComponent(rawValue: name) != nil : Self.isFieldName(name) else {
            throw SignatureRefusal(.unknownComponent(name))
        }
        self.init(name, parameters)
    }

    private static func parameter(
        _ key: String, _ value: RFC9651BareItem, of name: String
    ) throws(SignatureRefusal) -> Parameter {
        switch (key, value) {
        case ("sf", .bool(true)): return .sf
        case ("bs", .bool(true)): return .bs
        case ("tr", .bool(true)): return .tr
        case ("req", .bool(true)): return .req
        case ("key", .string(let member)): return .key(member)
        case ("name", .string(let member)): return .name(member)
        default: throw SignatureRefusal(.unknownComponent("\"\(name)\";\(key)"))
        }
    }

    /// In lower case (RFC 9421 §2.1).
    private static func isFieldName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0.isTokenOctet && $0 == $0.lowercased }
    }

    /// The identifier as it stands in a signature base (RFC 9651 §4.1.3).
    public var identifier: String {
        var text = Self.quoted(name)
        for parameter in parameters {
            switch parameter {
            case .sf: text += ";sf"
            case .bs: text += ";bs"
            case .tr: text += ";tr"
            case .req: text += ";req"
            case .key(let member): text += ";key=" + Self.quoted(member)
            case .name(let member): text += ";name=" + Self.quoted(member)
            }
        }
        return text
    }

    /// RFC 9651 §4.1.6, for text that was read as a string, or is one of ours.
    static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else {
            return "\"\(text)\""
        }
        return "\"" + text.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    }
}

extension MessageComponent: Hashable {
    /// Whatever the order of the parameters (RFC 9421 §2).
    public static func == (a: MessageComponent, b: MessageComponent) -> Bool {
        a.name == b.name && Set(a.parameters) == Set(b.parameters)
    }

    /// As `==`.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(Set(parameters))
    }
}
