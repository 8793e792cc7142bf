internal import HTTPSignatures
internal import HTTPTypes
internal import Yams

extension StepReader {
    // MARK: sign

    func sign(_ reader: MappingReader) -> SignStep? {
        let message = message(reader, verb: "sign")
        let signatures = reader.required("with").map(self.signatures) ?? []
        let name = keptAs(reader)
        let isSent = reader.optional("unsent").flatMap { file.flag($0, "`unsent`") } != true
        if !isSent {
            if name == nil { file.mistake("what is not sent needs a name to be of use: `as`", at: reader.node) }
            for key in ["expect", "capture"] where reader.has(key) {
                file.mistake("what is not sent has no answer for `\(key)`", at: reader.keyPosition(key))
            }
        }
        let expectation = ExpectationReader(file: file).expectation(reader.optional("expect"), of: reader.node)
        guard let message else { return nil }
        return SignStep(
            message: message, signatures: signatures, name: name, isSent: isSent, expectation: expectation,
            position: file.position(of: reader.node))
    }

    /// One signature, or a list of them.
    private func signatures(_ node: Node) -> [Signing] {
        let nodes = if case .sequence(let list) = node { Array(list) } else { [node] }
        if nodes.isEmpty { file.mistake("`with` is empty", at: node) }
        return nodes.compactMap(signature)
    }

    private enum FamilyName: String, CaseIterable { case cavage, rfc9421 }

    private func signature(_ node: Node) -> Signing? {
        guard let reader = MappingReader(node, in: file, what: "`with`") else { return nil }
        let family = reader.required("family").flatMap { file.choice($0, "`family`", from: FamilyName.self) }
            .flatMap { self.family($0, reader) }
        let key = reader.required("key").flatMap { file.template($0, "`key`") }
        let material = material(reader)
        let algorithm = reader.optional("algorithm").flatMap(self.algorithm)
        if case .privateKey = material, algorithm == nil {
            file.mistake("a private key needs `algorithm`", at: node)
        }
        let covered = reader.optional("covers").flatMap { file.list($0, "`covers`") }?.compactMap {
            file.template($0, "an element of `covers`")
        }
        let parameters = reader.optional("parameters").map { changes($0, "`parameters`") } ?? []
        reader.finish()
        guard let family, let key, let material else { return nil }
        return Signing(
            family: family, key: key, material: material, algorithm: algorithm, covered: covered,
            parameters: parameters, position: file.position(of: node))
    }

    private func family(_ name: FamilyName, _ reader: MappingReader) -> Signing.Family? {
        switch name {
        case .cavage:
            guard let node = reader.optional("form") else { return .cavage(.authorization) }
            return file.choice(node, "`form`", from: Signing.Form.self).map { .cavage($0) }
        case .rfc9421:
            if let node = reader.optional("label") {
                return file.template(node, "`label`").map { .rfc9421(label: $0) }
            }
            return (try? Template("sig1", at: file.position(of: reader.node))).map { .rfc9421(label: $0) }
        }
    }

    private func material(_ reader: MappingReader) -> Signing.Material? {
        let secret = reader.optional("secret").flatMap { file.template($0, "`secret`") }
        let encoded = reader.optional("secret-base64").flatMap { file.template($0, "`secret-base64`") }
        let pem = reader.optional("private-key").flatMap { file.template($0, "`private-key`") }
        switch (secret, encoded, pem) {
        case (let secret?, nil, nil): return .secret(secret)
        case (nil, let encoded?, nil): return .secretInBase64(encoded)
        case (nil, nil, let pem?): return .privateKey(pem)
        default:
            file.mistake("`with` needs one of `secret`, `secret-base64` and `private-key`", at: reader.node)
            return nil
        }
    }

    private func algorithm(_ node: Node) -> Template? {
        guard let template = file.template(node, "`algorithm`") else { return nil }
        // What a caller gives is looked at when it is there.
        if template.variables.isEmpty { _ = file.choice(node, "`algorithm`", from: SignatureAlgorithm.self) }
        return template
    }

    // MARK: tamper

    func tamper(_ step: MappingReader) -> TamperStep? {
        guard let node = step.required("tamper"), let reader = MappingReader(node, in: file, what: "`tamper`") else {
            return nil
        }
        let original = reader.required("message").flatMap { keptMessage($0, "`message`") }
        let method = reader.optional("method").flatMap(self.method)
        let target = reader.optional("target").flatMap { file.template($0, "`target`") }
        let headers = reader.optional("headers").map { self.headers($0, "`headers`") } ?? []
        let added = reader.optional("add").map { self.headers($0, "`add`") } ?? []
        let edits = reader.optional("edit").map(self.edits) ?? []
        let body = body(reader)
        let flips = reader.optional("flip").map(self.flips) ?? []
        reader.finish()
        let name = keptAs(step)
        let expectation = ExpectationReader(file: file).expectation(step.optional("expect"), of: step.node)
        guard let original else { return nil }
        return TamperStep(
            original: original, method: method, target: target, headers: headers, added: added, edits: edits,
            body: body, flips: flips, name: name, expectation: expectation, position: file.position(of: node))
    }

    private func method(_ node: Node) -> String? {
        guard let text = file.scalar(node, "`method`") else { return nil }
        guard HTTPRequest.Method(text) != nil else {
            file.mistake("`\(text)` is not a method", at: node)
            return nil
        }
        return text
    }

    /// `Authorization: [find, put]`
    private func edits(_ node: Node) -> [TamperStep.Edit] {
        (file.pairs(node, "`edit`") ?? []).compactMap { pair in
            guard case .sequence(let list) = pair.value, list.count == 2,
                let find = file.template(list[0], "what to find"), let put = file.template(list[1], "what to put")
            else {
                file.mistake("an element of `edit` must be a header and [what to find, what to put]", at: pair.value)
                return nil
            }
            if find.isPattern, let problem = TextPattern.problem(in: find) { file.mistake(problem, at: list[0]) }
            return TamperStep.Edit(header: pair.key, find: find, put: put)
        }
    }

    /// `body: 0`
    private func flips(_ node: Node) -> [TamperStep.Flip] {
        (file.pairs(node, "`flip`") ?? []).compactMap { pair in
            guard let part = file.choice(pair.keyNode, "what to flip", from: TamperStep.Flip.Part.self),
                let octet = file.integer(pair.value, "an octet to flip", in: 0...1_000_000)
            else { return nil }
            return TamperStep.Flip(part: part, octet: octet)
        }
    }

    // MARK: Kept requests

    func replay(_ reader: MappingReader) -> ReplayStep? {
        let original = reader.required("replay").flatMap { keptMessage($0, "`replay`") }
        let expectation = ExpectationReader(file: file).expectation(reader.optional("expect"), of: reader.node)
        return original.map { ReplayStep(original: $0, expectation: expectation) }
    }

    func keptMessage(_ node: Node, _ what: String) -> KeptMessage? {
        guard let name = messageName(node, what) else { return nil }
        return KeptMessage(name: name, position: file.position(of: node))
    }

    private func keptAs(_ reader: MappingReader) -> String? {
        reader.optional("as").flatMap { messageName($0, "`as`") }
    }

    private func messageName(_ node: Node, _ what: String) -> String? {
        guard let name = file.scalar(node, what) else { return nil }
        guard VariableName.isWord(name) else {
            file.mistake("\(what) must be one word of letters, digits, `-` and `_`", at: node)
            return nil
        }
        return name
    }
}
