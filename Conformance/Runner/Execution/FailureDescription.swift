/// Makes a failure that people can read, without secrets.
struct FailureDescription {
    let secrets: Secrets
    let caFile: String?

    func failure(_ problem: StepProblem, label: String, before: [String]) -> Failure {
        let exchange = problem.attempt?.exchange
        let times = problem.attempt?.times ?? 1
        return Failure(
            step: secrets.masking(label), note: problem.step.note,
            mismatches: problem.mismatches.map { mismatch in
                Failure.Mismatch(
                    subject: mismatch.subject, expected: shown(mismatch.expected), actual: shown(mismatch.actual),
                    position: mismatch.position)
            },
            exchange: exchange.map(text),
            command: exchange.map { exchange in
                let command = ShellCommand(secrets: secrets, caFile: caFile).text(for: exchange.request)
                return times > 1 ? "# \(times) of these at the same moment\n\(command)" : command
            },
            before: before.map(secrets.masking))
    }

    private func shown(_ text: String) -> String { ReadableBytes.abbreviated(secrets.masking(text)) }

    /// The exchange as `curl -v` shows one: `>` for what was sent, `<` for what came.
    private func text(_ exchange: Exchange) -> String {
        var lines: [String] = []
        switch exchange.request {
        case .http(let method, let url, let headers, let body):
            lines.append("> \(method) \(url)")
            lines += headers.map { "> \($0.name): \($0.value)" }
            if let body { lines += [">"] + prefixed(body, with: "> ") }
        case .raw(let bytes, _, _):
            lines += prefixed(bytes, with: "> ")
        }
        for base in exchange.signed { lines += ["* signed:"] + prefixed(Array(base.utf8), with: "*   ") }
        if let answer = exchange.answer {
            lines.append("< \(answer.status)")
            lines += answer.headers.map { "< \($0.name): \($0.value)" }
            if !answer.body.isEmpty { lines += ["<"] + prefixed(answer.body, with: "< ") }
        }
        if let remark = exchange.remark { lines.append("* \(shown(remark))") }
        return lines.map(secrets.masking).joined(separator: "\n")
    }

    /// The bytes as lines; masked before they are cut, so that no part of a secret stays.
    private func prefixed(_ bytes: [UInt8], with prefix: String) -> [String] {
        let text = String(validating: bytes, as: UTF8.self) ?? ReadableBytes.text(bytes)
        let normalised = text.unicodeScalars.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" }
        ).map(String.init).joined(separator: "\n")
        return shown(normalised).unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
            .map { prefix + ReadableBytes.escapedKeepingBackslashes(String($0)) }
    }
}
