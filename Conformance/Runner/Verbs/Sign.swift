internal import GatehouseCryptography
internal import GatehouseJSON
internal import HTTPSignatures

extension StepContext {
    /// A request with the signatures that the step says, good or not.
    func sign(_ step: SignStep, scope: Scope) async throws -> Attempt {
        let request: PreparedRequest
        do {
            request = try PreparedRequest(signing: step, target: target, now: now(), scope: scope)
        } catch let problem as SigningProblem {
            let mismatch = Mismatch(
                subject: "sign", expected: "a request and a key to sign it", actual: problem.text,
                position: problem.position)
            return Attempt(mismatches: [mismatch], outcome: "failed")
        }
        guard step.isSent else { return Attempt(request: request, outcome: "made") }
        return try await send(request, expecting: step.expectation, scope: scope)
    }

    /// A kept request once more.
    func replay(_ step: ReplayStep, scope: Scope) async throws -> Attempt {
        try await send(try scope.message(step.original), expecting: step.expectation, scope: scope)
    }
}

/// Why a request cannot be signed as the scenario says. Never shows a key.
struct SigningProblem: Error {
    let text: String
    let position: SourcePosition
}

extension PreparedRequest {
    /// Headers that are covered and that nobody wrote get their right values first; then each signature is made over
    /// the request with those before it.
    fileprivate init(signing step: SignStep, target: Target, now: Int64, scope: Scope) throws {
        try self.init(step.message, target: target, now: now, scope: scope)
        // Written down, so that what is sent is what is signed.
        addUnwritten("host", step.message, target.authority)
        let signings = try step.signatures.map { signing in
            try ResolvedSigning(signing, default: defaultCoverage(signing.family), now: now, scope: scope)
        }
        for name in signings.flatMap(\.coveredFields) {
            switch name {
            case "date": addUnwritten(name, step.message, HTTPDate.text(now))
            case "content-length": addUnwritten(name, step.message, String(body?.count ?? 0))
            default:
                if let digest = BodyDigest(rawValue: name) {
                    addUnwritten(name, step.message, digest.value(of: body ?? []))
                }
            }
        }
        for signing in signings {
            let (lines, base) = try signing.sign(self, scheme: target.isSecure ? "https" : "http")
            headers += lines
            signed.append(base)
        }
    }

    private mutating func addUnwritten(_ name: String, _ message: Message, _ value: String) {
        guard !has(name), !message.names(name) else { return }
        let words = name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }
        headers.append(HeaderLine(name: words.joined(separator: "-"), value: value))
    }

    /// What servers want that do as Flask-Cavage 0.4 and RFC 9421 §7.2.1 say.
    private func defaultCoverage(_ family: Signing.Family) -> [String] {
        let readsBody = body != nil && method != "GET" && method != "HEAD"
        return switch family {
        case .cavage: SignaturePolicy().requiredHeaders(method: method, readsBody: readsBody)
        case .rfc9421: SignaturePolicy().requiredComponents(hasContent: readsBody && body != [])
        }
    }
}

/// How a signature is made, with every variable replaced.
///
/// The library makes right signatures only. Here the parameters, their order and what is covered are the scenario's,
/// and so is the text that is signed; of RFC 9421 the library says what each component's line is.
private struct ResolvedSigning {
    let family: Signing.Family
    let label: String
    let signer: OctetSigner
    let covered: [String]
    /// In their order, without the signature itself.
    let parameters: [(name: String, value: JSONValue)]
    let position: SourcePosition

    init(_ signing: Signing, default: [String], now: Int64, scope: Scope) throws {
        family = signing.family
        position = signing.position
        signer = try OctetSigner(signing, scope: scope)
        covered =
            try signing.covered?.map { template throws(MissingVariable) in try template.resolved(in: scope) }
            ?? `default`
        let key = JSONValue.string(try signing.key.resolved(in: scope))
        var parameters: [(name: String, value: JSONValue)]
        switch signing.family {
        case .cavage:
            label = ""
            let names = covered.map { $0.lowercased() }
            let isNew = names.contains("(created)") || names.contains("(expires)")
            parameters = [("keyId", key), ("algorithm", .string(isNew ? "hs2019" : signer.cavageLabel))]
            if names.contains("(created)") { parameters.append(("created", .number(JSONNumber(now)))) }
            parameters.append(("headers", .string(covered.joined(separator: " "))))
        case .rfc9421(let template):
            label = try template.resolved(in: scope)
            parameters = [("created", .number(JSONNumber(now))), ("keyid", key)]
        }
        for change in signing.parameters {
            let value: JSONValue
            switch change.value {
            case .remove:
                parameters.removeAll { $0.name == change.name }
                continue
            case .secondsFromNow(let seconds): value = .number(JSONNumber(now + seconds))
            case .json(let template): value = try template.resolved(in: scope)
            }
            if let index = parameters.firstIndex(where: { $0.name == change.name }) {
                parameters[index].value = value
            } else {
                parameters.append((change.name, value))
            }
        }
        self.parameters = parameters
    }

    /// The covered fields, in lower case.
    var coveredFields: [String] {
        covered.map { name in
            // `"content-digest";sf`
            guard name.hasPrefix("\"") else { return name.lowercased() }
            return String(name.dropFirst().prefix { $0 != "\"" })
        }
    }

    /// - Returns: the header lines that carry the signature, and what it was made over.
    func sign(_ request: PreparedRequest, scheme: String) throws -> (lines: [HeaderLine], base: String) {
        switch family {
        case .cavage(let form):
            let base = try cavageString(of: request)
            let signature = JSONValue.string(Base64.encode(try signer.sign(Array(base.utf8), inDER: true)))
            let value = try (parameters + [("signature", signature)]).map { "\($0.name)=\(try cavageText($0.value))" }
                .joined(separator: ",")
            let line =
                switch form {
                case .authorization: HeaderLine(name: "Authorization", value: "Signature \(value)")
                case .signature: HeaderLine(name: "Signature", value: value)
                }
            return ([line], base)
        case .rfc9421:
            let identifiers = covered.map { $0.hasPrefix("\"") ? $0 : "\"\($0)\"" }
            let input =
                "(\(identifiers.joined(separator: " ")))"
                + (try parameters.map { ";\($0.name)\(try structuredText($0.value))" }.joined())
            let message = SignableMessage.request(
                method: request.method, target: request.target, scheme: scheme,
                fields: request.headers.map { SignableMessage.Field($0.name, $0.value) })
            let lines = try identifiers.map { try line($0, of: message) } + ["\"@signature-params\": \(input)"]
            let base = lines.joined(separator: "\n")
            let signature = Base64.encode(try signer.sign(Array(base.utf8), inDER: false))
            return (
                [
                    HeaderLine(name: "Signature-Input", value: "\(label)=\(input)"),
                    HeaderLine(name: "Signature", value: "\(label)=:\(signature):"),
                ], base
            )
        }
    }

    private func problem(_ text: String) -> SigningProblem { SigningProblem(text: text, position: position) }

    // MARK: draft-cavage

    /// draft-cavage-http-signatures-12 §2.3
    private func cavageString(of request: PreparedRequest) throws -> String {
        try covered.map { name in
            let name = name.lowercased()
            switch name {
            case "(request-target)":
                return "\(name): \(request.method.lowercased()) \(request.pathAndQuery)"
            case "(created)", "(expires)":
                guard let value = parameters.first(where: { $0.name == name.dropFirst().dropLast() })?.value else {
                    throw problem("\(name) is covered, and there is no such parameter")
                }
                return "\(name): \(value.string ?? value.text)"
            default:
                let values = request.headers.filter { $0.name.lowercased() == name }.map { $0.value.trimmingSpaces() }
                guard !values.isEmpty else { throw problem("\(name) is covered, and the request has no such header") }
                return "\(name): \(values.joined(separator: ", "))"
            }
        }.joined(separator: "\n")
    }

    /// A text in quotes, all else as it is (draft-cavage-http-signatures-12 §2.1, RFC 9110 §5.6.4).
    private func cavageText(_ value: JSONValue) throws -> String { value.string.map(quoted) ?? value.text }

    // MARK: RFC 9421

    /// The line of one component in a signature base (RFC 9421 §2.5).
    private func line(_ identifier: String, of message: SignableMessage) throws -> String {
        let carrier = SignableMessage.request(
            method: "GET", target: "/", scheme: "http",
            fields: [
                SignableMessage.Field("signature-input", "x=(\(identifier))"),
                SignableMessage.Field("signature", "x=:AA==:"),
            ])
        do {
            let base = try MessageSignature.all(of: carrier).first?.base(of: message) ?? []
            // The line of the parameters comes last.
            return String(decoding: base[..<(base.lastIndex(of: 0x0A) ?? base.startIndex)], as: UTF8.self)
        } catch {
            throw problem("\(identifier) cannot be covered: \(error)")
        }
    }

    /// The value of a parameter with its `=` (RFC 9651 §4.1.1.2): a text is a String, a number an Integer or a Decimal.
    private func structuredText(_ value: JSONValue) throws -> String {
        switch value {
        case .bool(true): return ""
        case .bool(false): return "=?0"
        case .number: return "=\(value.text)"
        case .string(let text): return "=\(quoted(text))"
        default: throw problem("a parameter of a signature must be a text, a number, true or false")
        }
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

extension PreparedRequest {
    /// As HTTP/2 has them in `:path` (RFC 9113 §8.3.1), which is what `(request-target)` means.
    fileprivate var pathAndQuery: String {
        guard !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") else { return target }
        let rest = target[scheme.upperBound...]
        guard let start = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) else { return "/" }
        return (rest[start] == "?" ? "/" : "") + rest[start...]
    }
}
