internal import GatehouseJSON
internal import GatehouseTransfer
internal import HTTPTypes

extension StepContext {
    /// One request and its answer.
    func send(_ step: SendStep, scope: Scope) async throws -> Attempt {
        let exchange = try await exchange(step.message, scope: scope, at: step.expectation.position)
        guard let answer = exchange.answer else {
            return Attempt(
                exchange: exchange, mismatches: [exchange.missingAnswer(at: step.expectation.position)],
                outcome: "no answer")
        }
        var judgement = Judgement(of: answer, scope: scope)
        try judgement.judge(step.expectation)
        return Attempt(exchange: exchange, mismatches: judgement.mismatches, outcome: "\(answer.status)")
    }

    /// - Throws: `CancellationError` when the run was stopped. A failed transfer is an exchange without an answer.
    func exchange(_ message: Message, scope: Scope, at position: SourcePosition) async throws -> Exchange {
        let request = try PreparedRequest(message, target: target, scope: scope)
        var exchange = Exchange(
            request: .http(
                method: message.method, url: request.shownURL, headers: request.headers, body: request.body))
        guard let method = HTTPRequest.Method(message.method) else {
            exchange.remark = "\(message.method) is no method"
            return exchange
        }
        var transfer = TransferRequest(method: method, url: request.url)
        transfer.headers = request.headers.map { (name: $0.name, value: $0.value) }
        transfer.body = request.body
        transfer.rawTarget = request.rawTarget
        transfer.caFile = caFile
        transfer.timeout = requestTimeout
        do {
            let response = try await transport.send(transfer)
            exchange.answer = Answer(
                status: response.status, headers: response.headers.map { HeaderLine(name: $0.name, value: $0.value) },
                body: response.body)
        } catch {
            try Task.checkCancellation()
            exchange.remark = error.message
        }
        return exchange
    }
}

extension Exchange {
    func missingAnswer(at position: SourcePosition) -> Mismatch {
        Mismatch(subject: "answer", expected: "an answer", actual: remark ?? "none", position: position)
    }
}

/// A message with every variable replaced.
struct PreparedRequest: Sendable {
    let url: String
    /// The target to put in the request line when the URL alone would not lead to it.
    let rawTarget: String?
    let headers: [HeaderLine]
    let body: [UInt8]?
    /// The URL for reports and commands.
    let shownURL: String

    init(_ message: Message, target: Target, scope: Scope) throws(MissingVariable) {
        let path = try Self.path(message.target, scope: scope)
        if path.hasPrefix("/"), Self.isPlain(path) {
            url = target.url + path
            rawTarget = nil
            shownURL = url
        } else {
            url = target.url + "/"
            rawTarget = path.hasPrefix("/") ? target.basePath + path : path
            shownURL = path.hasPrefix("/") ? target.url + path : path
        }
        var headers: [HeaderLine] = []
        if let bearer = message.bearer {
            headers.append(HeaderLine(name: "Authorization", value: "Bearer " + (try bearer.resolved(in: scope))))
        }
        for header in message.headers {
            headers.append(HeaderLine(name: header.name, value: try header.value.resolved(in: scope)))
        }
        switch message.body {
        case .none: body = nil
        case .text(let text): body = Array(try text.resolved(in: scope).utf8)
        case .bytes(let bytes): body = bytes
        case .json(let json):
            body = try json.resolved(in: scope).bytes()
            if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
                headers.append(HeaderLine(name: "Content-Type", value: "application/json"))
            }
        }
        self.headers = headers
    }

    /// Values in a target are percent-encoded, except one at its very beginning: that is a target of its own, taken
    /// from an answer.
    private static func path(_ template: Template, scope: Scope) throws(MissingVariable) -> String {
        guard case .variable(let name) = template.parts.first else {
            return try template.resolved(in: scope, encode: PercentEncoding.encode)
        }
        let start = try scope.require(name)
        let whole = try template.resolved(in: scope, encode: PercentEncoding.encode)
        return start + whole.dropFirst(PercentEncoding.encode(start).count)
    }

    /// Whether a URL can hold the path as it is: libcurl refuses controls and spaces, and takes a fragment away.
    private static func isPlain(_ path: String) -> Bool {
        path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
    }
}
