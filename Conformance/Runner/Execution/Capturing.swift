internal import GatehouseCryptography
internal import GatehouseJSON

extension Capture.Source {
    /// The captured text; nil when the answer has no such part.
    func text(from answer: Answer) -> String? {
        switch self {
        case .status: String(answer.status)
        case .body: String(validating: answer.body, as: UTF8.self)
        case .header(let name): answer.values(of: name).first
        case .json(let path): (try? JSONValue(parsing: answer.body))?.at(path[...])?.plainText
        case .claim(let path): Self.claims(in: answer)?.at(path[...])?.plainText
        case .forgedToken, .madeKey, .mail: nil
        }
    }

    /// The payload of the token that the body carries as `jwt` or `token`, not verified.
    private static func claims(in answer: Answer) -> JSONValue? {
        let body = try? JSONValue(parsing: answer.body)
        guard let token = (body?["jwt"] ?? body?["token"])?.string else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Base64URL.decode(parts[1]) else { return nil }
        return try? JSONValue(parsing: payload)
    }

    var description: String {
        switch self {
        case .status: "status"
        case .body: "body"
        case .header(let name): "header.\(name)"
        case .json(let path): (["json"] + path).joined(separator: ".")
        case .claim(let path): (["jwt"] + path).joined(separator: ".")
        case .forgedToken: "token"
        case .madeKey: "jwk"
        case .mail(let part, let expression): "\(expression.source) in the mail's \(part.name)"
        }
    }
}

extension JSONValue {
    /// The value at a path of member names and places in arrays.
    func at(_ path: ArraySlice<String>) -> JSONValue? {
        guard let first = path.first else { return self }
        let inner = if array != nil { Int(first).flatMap { self[$0] } } else { self[first] }
        return inner?.at(path.dropFirst())
    }

    /// A string's own text, everything else as JSON.
    var plainText: String { string ?? text }
}
