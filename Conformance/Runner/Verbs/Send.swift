internal import GatehouseJSON
internal import GatehouseTransfer
internal import HTTPSignatures
internal import HTTPTypes

extension StepContext {
    /// One request and its answer.
    func send(_ step: SendStep, scope: Scope) async throws -> Attempt {
        let request = try PreparedRequest(step.message, target: target, now: now(), scope: scope)
        return try await send(request, expecting: step.expectation, scope: scope)
    }

    /// Sends a request, and judges what comes back.
    func send(_ request: PreparedRequest, expecting expectation: Expectation, scope: Scope) async throws -> Attempt {
        let exchange = try await exchange(request)
        guard let answer = exchange.answer else {
            return Attempt(
                exchange: exchange, request: request,
                mismatches: [exchange.missingAnswer(at: expectation.position)], outcome: "no answer")
        }
        var judgement = Judgement(of: answer, scope: scope)
        try judgement.judge(expectation)
        return Attempt(
            exchange: exchange, request: request, mismatches: judgement.mismatches, outcome: "\(answer.status)")
    }

    /// - Throws: `CancellationError` when the run was stopped. A failed transfer is an exchange without an answer.
    func exchange(_ request: PreparedRequest) async throws -> Exchange {
        var exchange = Exchange(
            request: .http(
                method: request.method, url: request.shownURL(target), headers: request.headers, body: request.body))
        exchange.signed = request.signed
        guard let method = HTTPRequest.Method(request.method) else {
            exchange.remark = "\(request.method) is no method"
            return exchange
        }
        var transfer = TransferRequest(method: method, url: target.url + "/")
        transfer.headers = request.headers.map { (name: $0.name, value: $0.value) }
        transfer.body = request.body
        // A URL that libcurl takes apart and puts together again need not stay as it was written.
        transfer.rawTarget = request.target
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

/// A request with every variable replaced.
struct PreparedRequest: Sendable, Equatable {
    var method: String
    /// As it stands on the request line.
    var target: String
    var headers: [HeaderLine]
    var body: [UInt8]?
    /// What its signatures were made over, for people.
    var signed: [String] = []

    /// - Parameter now: Unix seconds.
    init(_ message: Message, target: Target, now: Int64, scope: Scope) throws(MissingVariable) {
        method = message.method
        self.target = try Self.target(message.target, of: target, scope: scope)
        body = try message.body.resolved(in: scope)
        headers = []
        if let bearer = message.bearer {
            headers.append(HeaderLine(name: "Authorization", value: "Bearer " + (try bearer.resolved(in: scope))))
        }
        headers += try lines(message.headers, now: now, scope: scope)
        if case .json = message.body, !has("content-type"), !message.names("content-type") {
            headers.append(HeaderLine(name: "Content-Type", value: "application/json"))
        }
    }

    /// The lines that a scenario writes, for this body.
    func lines(_ headers: [Message.Header], now: Int64, scope: Scope) throws(MissingVariable) -> [HeaderLine] {
        var lines: [HeaderLine] = []
        for header in headers {
            switch header.value {
            case .text(let text): lines.append(HeaderLine(name: header.name, value: try text.resolved(in: scope)))
            case .secondsFromNow(let seconds):
                lines.append(HeaderLine(name: header.name, value: HTTPDate.text(now + seconds)))
            case .digest(let algorithm):
                // The reader has checked both names.
                guard let field = BodyDigest(rawValue: header.name.lowercased()),
                    let algorithm = BodyDigest.Algorithm(rawValue: algorithm)
                else { continue }
                lines.append(HeaderLine(name: header.name, value: field.value(of: body ?? [], algorithm)))
            case .absent: continue
            }
        }
        return lines
    }

    /// - Parameter name: in lower case.
    func has(_ name: String) -> Bool { headers.contains { $0.name.lowercased() == name } }

    /// The URL for reports and commands.
    func shownURL(_ server: Target) -> String {
        target.hasPrefix("/") ? server.url + target.dropFirst(server.basePath.count) : target
    }

    /// Values in a target are percent-encoded, except one at its very beginning: that is a target of its own, taken
    /// from an answer.
    static func target(_ template: Template, of server: Target, scope: Scope) throws(MissingVariable) -> String {
        var path = try template.resolved(in: scope, encode: PercentEncoding.encode)
        if case .variable(let name) = template.parts.first {
            let start = try scope.require(name)
            path = start + path.dropFirst(PercentEncoding.encode(start).count)
        }
        return path.hasPrefix("/") ? server.basePath + path : path
    }
}

extension Message {
    /// Whether the scenario says something about a header, be it that there is none.
    ///
    /// - Parameter name: in lower case.
    func names(_ name: String) -> Bool { headers.contains { $0.name.lowercased() == name } }
}

extension Message.Body {
    /// nil for none.
    func resolved(in scope: Scope) throws(MissingVariable) -> [UInt8]? {
        switch self {
        case .none: nil
        case .text(let text): Array(try text.resolved(in: scope).utf8)
        case .bytes(let bytes): bytes
        case .json(let json): try json.resolved(in: scope).bytes()
        }
    }
}
