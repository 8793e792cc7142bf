/// What was sent and what came back.
struct Exchange: Sendable {
    let request: Request
    /// nil when none came.
    var answer: Answer?
    /// Why there is no answer, or what happened besides.
    var remark: String?
    /// What the signatures of the request were made over.
    var signed: [String] = []

    enum Request: Sendable {
        case http(method: String, url: String, headers: [HeaderLine], body: [UInt8]?)
        case raw(bytes: [UInt8], host: String, port: UInt16)
    }
}

struct HeaderLine: Sendable, Equatable {
    let name: String
    let value: String
}

/// An HTTP answer, however it was fetched.
struct Answer: Sendable {
    let status: Int
    let headers: [HeaderLine]
    let body: [UInt8]

    /// The values of all lines of that name, in order; names are compared without case (RFC 9110 §5.1).
    func values(of name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }
}
