internal import GatehouseCryptography
internal import HTTPSignatures
internal import HTTPTypes
internal import WebTokens
internal import Yams

/// Reads lists of steps.
struct StepReader {
    let file: YAMLFile

    func steps(_ node: Node, _ what: String) -> [Step] {
        guard let nodes = file.list(node, what) else { return [] }
        if nodes.isEmpty { file.mistake("\(what) is empty", at: node) }
        return nodes.compactMap(step)
    }

    private static let verbs = [
        "send", "sign", "tamper", "replay", "parallel", "forge", "make-key", "raw", "wait", "wait-mail",
    ]

    private func step(_ node: Node) -> Step? {
        guard let reader = MappingReader(node, in: file, what: "a step") else { return nil }
        let names = Self.verbs.filter(reader.has)
        guard names.count == 1 else {
            let problem = names.isEmpty ? "names no verb" : "names more than one verb"
            file.mistake("the step \(problem); verbs are \(Self.verbs.joined(separator: ", "))", at: node)
            return nil
        }
        let note = reader.optional("note").flatMap { file.scalar($0, "`note`") }
        let verb: Verb? =
            switch names[0] {
            case "send": send(reader).map { .send($0) }
            case "sign": sign(reader).map { .sign($0) }
            case "tamper": tamper(reader).map { .tamper($0) }
            case "replay": replay(reader).map { .replay($0) }
            case "parallel": parallel(reader).map { .parallel($0) }
            case "forge": forge(reader).map { .forge($0) }
            case "make-key": makeKey(reader).map { .makeKey($0) }
            case "raw": raw(reader).map { .raw($0) }
            case "wait-mail": waitMail(reader).map { .waitMail($0) }
            default: wait(reader).map { .wait($0) }
            }
        let captures = captures(reader, verb: names[0])
        reader.finish()
        guard let verb else { return nil }
        return Step(position: file.position(of: node), note: note, verb: verb, captures: captures)
    }

    // MARK: Verbs

    private func send(_ reader: MappingReader) -> SendStep? {
        guard let message = message(reader, verb: "send") else { return nil }
        let expectation = ExpectationReader(file: file).expectation(reader.optional("expect"), of: reader.node)
        return SendStep(message: message, expectation: expectation)
    }

    private func parallel(_ step: MappingReader) -> ParallelStep? {
        guard let node = step.required("parallel"),
            let reader = MappingReader(node, in: file, what: "`parallel`")
        else { return nil }
        let times = reader.required("times").flatMap { file.integer($0, "`times`", in: 2...256) }
        let request: ParallelStep.Request? =
            if reader.has("replay") {
                reader.required("replay").flatMap { keptMessage($0, "`replay`") }.map { .kept($0) }
            } else {
                message(reader, verb: "send").map { .message($0) }
            }
        let counts = reader.required("expect-counts").map { self.counts($0, times: times) } ?? []
        reader.finish()
        guard let times, let request else { return nil }
        return ParallelStep(times: times, request: request, counts: counts, position: file.position(of: node))
    }

    private func counts(_ node: Node, times: Int?) -> [ParallelStep.Count] {
        let counts = (file.pairs(node, "`expect-counts`") ?? []).compactMap { pair -> ParallelStep.Count? in
            let words = pair.key.split(separator: " ")
            guard (1...2).contains(words.count), let status = Int(words[0]), (100...599).contains(status) else {
                file.mistake("`\(pair.key)` must be a status, or a status and an error code", at: pair.keyNode)
                return nil
            }
            guard let expected = file.integer(pair.value, "a count", in: 0...256) else { return nil }
            return ParallelStep.Count(
                status: status, code: words.count == 2 ? String(words[1]) : nil, expected: expected)
        }
        // `409` counts the answers of `409 alias_taken` too, so both together would count some twice.
        let whole = Set(counts.filter { $0.code == nil }.map(\.status))
        if counts.contains(where: { $0.code != nil && whole.contains($0.status) }) {
            file.mistake("a status stands both with and without an error code", at: node)
        }
        if let times, counts.map(\.expected).reduce(0, +) != times {
            file.mistake("the counts do not add up to `times`, \(times)", at: node)
        }
        return counts
    }

    private func forge(_ step: MappingReader) -> ForgeStep? {
        guard let node = step.required("forge"), let reader = MappingReader(node, in: file, what: "`forge`") else {
            return nil
        }
        let token = reader.required("token").flatMap { file.template($0, "`token`") }
        let claims = reader.optional("claims").map { self.changes($0, "`claims`") } ?? []
        let header = reader.optional("header").map { self.changes($0, "`header`") } ?? []
        let signature = reader.required("sign-with").flatMap(self.signature)
        let key =
            signature == .thisKey
            ? reader.required("key").flatMap { file.template($0, "`key`") } : nil
        reader.finish()
        guard let token, let signature else { return nil }
        return ForgeStep(
            token: token, claims: claims, header: header, key: key, signature: signature,
            position: file.position(of: node))
    }

    private func makeKey(_ step: MappingReader) -> MakeKeyStep? {
        guard let node = step.required("make-key"), let reader = MappingReader(node, in: file, what: "`make-key`")
        else { return nil }
        let typeNode = reader.required("type")
        reader.finish()
        return typeNode.flatMap { file.choice($0, "`type`", from: JWK.Kind.self) }
            .map { MakeKeyStep(type: $0.rawValue) }
    }

    private func signature(_ node: Node) -> ForgeStep.Signature? {
        file.choice(node, "`sign-with`", from: ForgeStep.Signature.self)
    }

    /// `exp: { now: -120 }` is a time, `sub: null` takes the member away, everything else is its new value.
    func changes(_ node: Node, _ what: String) -> [MemberChange] {
        (file.pairs(node, what) ?? []).compactMap { pair in
            if pair.value.isNull { return MemberChange(name: pair.key, value: .remove) }
            if let seconds = only("now", of: pair.value) {
                return file.integer(seconds, "`now`", in: -10_000_000_000...10_000_000_000)
                    .map { MemberChange(name: pair.key, value: .secondsFromNow(Int64($0))) }
            }
            return file.json(pair.value, what).map { MemberChange(name: pair.key, value: .json($0)) }
        }
    }

    /// The value of a mapping's only key, when that is it.
    private func only(_ key: String, of node: Node) -> Node? {
        guard case .mapping(let mapping) = node, mapping.count == 1, let only = mapping.first,
            case .scalar(let found) = only.key, found.string == key
        else { return nil }
        return only.value
    }

    private func raw(_ step: MappingReader) -> RawStep? {
        guard let node = step.required("raw"), let reader = MappingReader(node, in: file, what: "`raw`") else {
            return nil
        }
        let text = reader.optional("text").flatMap { file.template($0, "`text`") }
        let bytes = reader.optional("base64").flatMap(self.bytes)
        let interval = reader.optional("byte-interval-ms").flatMap {
            file.integer($0, "`byte-interval-ms`", in: 0...60_000)
        }
        let timeout = reader.optional("timeout-s").flatMap { file.seconds($0, "`timeout-s`", upTo: 600) }
        reader.finish()
        let expectNode = step.optional("expect")
        let (expectation, closesWithin) = ExpectationReader(file: file).rawExpectation(expectNode, of: node)
        let content: RawStep.Bytes
        switch (text, bytes) {
        case (let text?, nil): content = .text(text)
        case (nil, let bytes?): content = .bytes(bytes)
        default:
            file.mistake("`raw` needs either `text` or `base64`", at: node)
            return nil
        }
        return RawStep(
            bytes: content, byteInterval: .milliseconds(interval ?? 0), timeout: timeout ?? .seconds(15),
            expectation: expectation, closesWithin: closesWithin, position: file.position(of: node))
    }

    private func wait(_ step: MappingReader) -> WaitStep? {
        guard let node = step.required("wait"), let reader = MappingReader(node, in: file, what: "`wait`") else {
            return nil
        }
        let duration = reader.required("seconds").flatMap { file.seconds($0, "`seconds`", upTo: 600) }
        reader.finish()
        return duration.map { WaitStep(duration: $0) }
    }

    // MARK: Parts

    /// The request that `send`, `sign` and `parallel` share.
    func message(_ reader: MappingReader, verb: String) -> Message? {
        let start = reader.required(verb).flatMap { startLine($0, verb: verb) }
        let bearer = reader.optional("bearer").flatMap { file.template($0, "`bearer`") }
        let headers = reader.optional("headers").map { self.headers($0, "`headers`") } ?? []
        let body = body(reader)
        guard let start else { return nil }
        return Message(method: start.method, target: start.target, bearer: bearer, headers: headers, body: body)
    }

    private func startLine(_ node: Node, verb: String) -> (method: String, target: Template)? {
        guard let text = file.scalar(node, "`\(verb)`") else { return nil }
        guard let space = text.firstIndex(of: " "), HTTPRequest.Method(String(text[..<space])) != nil else {
            file.mistake("`\(verb)` must be a method and a target: GET /v1/addresses", at: node)
            return nil
        }
        let target = String(text[text.index(after: space)...]).trimmingSpaces()
        do {
            return (String(text[..<space]), try Template(target, at: file.position(of: node)))
        } catch {
            file.mistake(error.text, at: error.position)
            return nil
        }
    }

    /// A mapping, or a list of `[name, value]` for names that repeat.
    func headers(_ node: Node, _ what: String) -> [Message.Header] {
        var fields: [(name: String, node: Node, value: Node)] = []
        if case .sequence(let list) = node {
            for element in list {
                guard case .sequence(let pair) = element, pair.count == 2, let name = file.scalar(pair[0], "a name")
                else {
                    file.mistake("an element of a list of headers must be [name, value]", at: element)
                    continue
                }
                fields.append((name, pair[0], pair[1]))
            }
        } else {
            fields = (file.pairs(node, what) ?? []).map { ($0.key, $0.keyNode, $0.value) }
        }
        return fields.compactMap { field in
            guard HTTPField.Name(field.name) != nil else {
                file.mistake("`\(field.name)` is not the name of a header", at: field.node)
                return nil
            }
            return headerValue(field.value, of: field.name).map { Message.Header(name: field.name, value: $0) }
        }
    }

    /// A text, `{ now: -301 }` for a date, `{ digest: sha-256 }` for a digest of the body, `null` for no such header.
    private func headerValue(_ node: Node, of name: String) -> Message.Header.Value? {
        if node.isNull { return .absent }
        if let seconds = only("now", of: node) {
            // Within the years that an HTTP date can name.
            return file.integer(seconds, "`now`", in: -1_500_000_000...10_000_000_000)
                .map { .secondsFromNow(Int64($0)) }
        }
        if let algorithm = only("digest", of: node) {
            guard BodyDigest(rawValue: name.lowercased()) != nil else {
                file.mistake("`\(name)` is not the name of a header with a digest", at: node)
                return nil
            }
            return file.choice(algorithm, "`digest`", from: BodyDigest.Algorithm.self).map { .digest($0.rawValue) }
        }
        return file.template(node, "the header `\(name)`").map { .text($0) }
    }

    func body(_ reader: MappingReader) -> Message.Body {
        let json = reader.optional("json").flatMap { file.json($0, "`json`") }
        let text = reader.optional("body").flatMap { file.template($0, "`body`") }
        let bytes = reader.optional("base64").flatMap(self.bytes)
        switch (json, text, bytes) {
        case (nil, nil, nil): return .none
        case (let json?, nil, nil): return .json(json)
        case (nil, let text?, nil): return .text(text)
        case (nil, nil, let bytes?): return .bytes(bytes)
        default:
            file.mistake("only one of `json`, `body` and `base64` can be sent", at: reader.node)
            return .none
        }
    }

    private func bytes(_ node: Node) -> [UInt8]? {
        guard let text = file.scalar(node, "`base64`") else { return nil }
        guard let bytes = Base64.decode(text) else {
            file.mistake("`base64` is not valid base64", at: node)
            return nil
        }
        return bytes
    }

    private func captures(_ reader: MappingReader, verb: String) -> [Capture] {
        guard let node = reader.optional("capture") else { return [] }
        return (file.pairs(node, "`capture`") ?? []).compactMap { pair in
            guard VariableName.isWord(pair.key), !CallerVariable.builtIn.contains(pair.key) else {
                file.mistake("`\(pair.key)` cannot be the name of a capture", at: pair.keyNode)
                return nil
            }
            if verb == "wait-mail" {
                return mailCapture(pair.value).map {
                    Capture(name: pair.key, source: $0, position: file.position(of: pair.keyNode))
                }
            }
            guard let text = file.scalar(pair.value, "a capture") else { return nil }
            guard let source = Capture.Source(text, verb: verb) else {
                file.mistake("`\(text)` is nothing that \(verb) can capture", at: pair.value)
                return nil
            }
            return Capture(name: pair.key, source: source, position: file.position(of: pair.keyNode))
        }
    }
}

extension Capture.Source {
    /// - Returns: nil for what the verb's answer does not have.
    init?(_ text: String, verb: String) {
        switch verb {
        case "forge":
            guard text == "token" else { return nil }
            self = .forgedToken
            return
        case "make-key":
            guard text == "jwk" else { return nil }
            self = .madeKey
            return
        case "send", "sign", "tamper", "replay", "raw": break
        default: return nil
        }
        let words = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        switch words.first {
        case "status" where words.count == 1: self = .status
        case "body" where words.count == 1: self = .body
        case "header" where words.count == 2 && HTTPField.Name(words[1]) != nil: self = .header(words[1])
        case "json" where !words.dropFirst().contains(""): self = .json(Array(words.dropFirst()))
        case "jwt" where words.count > 1 && !words.contains(""): self = .claim(Array(words.dropFirst()))
        default: return nil
        }
    }
}
