internal import GatehouseCryptography
internal import _StringProcessing

extension StepContext {
    /// A kept request with something changed, and its signatures as they were.
    func tamper(_ step: TamperStep, scope: Scope) async throws -> Attempt {
        let original = try scope.message(step.original)
        var request = original
        do {
            try request.change(by: step, target: target, now: now(), scope: scope)
            guard request != original else { throw TamperProblem(text: "the request is as it was") }
        } catch let problem as TamperProblem {
            let mismatch = Mismatch(
                subject: "tamper", expected: "something to change", actual: problem.text, position: step.position)
            return Attempt(mismatches: [mismatch], outcome: "failed")
        }
        return try await send(request, expecting: step.expectation, scope: scope)
    }
}

private struct TamperProblem: Error {
    let text: String
}

extension PreparedRequest {
    fileprivate mutating func change(by step: TamperStep, target server: Target, now: Int64, scope: Scope) throws {
        if let method = step.method { self.method = method }
        if let target = step.target { self.target = try Self.target(target, of: server, scope: scope) }
        if let body = try step.body.resolved(in: scope) { self.body = body }
        for flip in step.flips {
            switch flip.part {
            case .body: body = try Self.flipped(body ?? [], flip)
            case .signature: try flipSignature(flip)
            }
        }
        // It frames the message; one that does not fit would be another test.
        if let index = headers.firstIndex(where: { $0.name.lowercased() == "content-length" }) {
            headers[index] = HeaderLine(name: headers[index].name, value: String(body?.count ?? 0))
        }
        for header in step.headers {
            let lines = try lines([header], now: now, scope: scope)
            let index = headers.firstIndex { $0.name.lowercased() == header.name.lowercased() } ?? headers.endIndex
            headers.removeAll { $0.name.lowercased() == header.name.lowercased() }
            headers.insert(contentsOf: lines, at: index)
        }
        headers += try lines(step.added, now: now, scope: scope)
        for edit in step.edits { try self.edit(edit, scope: scope) }
    }

    private mutating func edit(_ edit: TamperStep.Edit, scope: Scope) throws {
        for (index, line) in headers.enumerated() where line.name.lowercased() == edit.header.lowercased() {
            guard let range = try TextPattern.firstRange(of: edit.find, in: line.value, scope: scope) else { continue }
            var value = line.value
            value.replaceSubrange(range, with: try edit.put.resolved(in: scope))
            headers[index] = HeaderLine(name: line.name, value: value)
            return
        }
        throw TamperProblem(text: "no \(edit.header) has \(try edit.find.resolved(in: scope))")
    }

    /// Finds the signature where either family has it: `signature="…"`, `sig1=:…:`.
    private mutating func flipSignature(_ flip: TamperStep.Flip) throws {
        for (index, line) in headers.enumerated()
        where ["authorization", "signature"].contains(line.name.lowercased()) {
            for (start, end) in [("signature=\"", "\""), ("=:", ":")] {
                guard let opening = line.value.firstRange(of: start),
                    let closing = line.value[opening.upperBound...].firstRange(of: end),
                    let octets = Base64.decode(String(line.value[opening.upperBound..<closing.lowerBound]))
                else { continue }
                let value =
                    line.value[..<opening.upperBound] + Base64.encode(try Self.flipped(octets, flip))
                    + line.value[closing.lowerBound...]
                headers[index] = HeaderLine(name: line.name, value: String(value))
                return
            }
        }
        throw TamperProblem(text: "the request has no signature")
    }

    private static func flipped(_ octets: [UInt8], _ flip: TamperStep.Flip) throws(TamperProblem) -> [UInt8] {
        guard octets.indices.contains(flip.octet) else {
            throw TamperProblem(text: "the \(flip.part.rawValue) has \(octets.count) octets")
        }
        var octets = octets
        octets[flip.octet] ^= 1
        return octets
    }
}
