extension StepContext {
    /// Bytes on a connection of their own; what comes back, and whether and when the server closes.
    func sendRaw(_ step: RawStep, scope: Scope) async throws -> Attempt {
        let bytes: [UInt8] =
            switch step.bytes {
            case .text(let template): Array(try template.resolved(in: scope).utf8)
            case .bytes(let bytes): bytes
            }
        let conversation = RawConversation(
            target: target, bytes: bytes, byteInterval: step.byteInterval, timeout: step.timeout,
            closesWithin: step.closesWithin)
        let flag = CancellationFlag()
        let result = try await withTaskCancellationHandler {
            try await onOwnThread { conversation.hold(until: flag) }
        } onCancel: {
            flag.set()
        }
        try Task.checkCancellation()

        var exchange = Exchange(request: .raw(bytes: bytes, host: target.host, port: target.port))
        exchange.answer = result.answer
        exchange.remark = result.remark
        var mismatches: [Mismatch] = []
        if let answer = result.answer {
            var judgement = Judgement(of: answer, scope: scope)
            try judgement.judge(step.expectation)
            mismatches = judgement.mismatches
        } else if step.expectation.wantsAnswer || step.closesWithin == nil {
            mismatches = [exchange.missingAnswer(at: step.expectation.position)]
        }
        if let limit = step.closesWithin, !(result.closedAfter.map { $0 <= limit } ?? false) {
            let actual = result.closedAfter.map { "closed after \($0.inSeconds)" } ?? result.remark ?? "still open"
            mismatches.append(
                Mismatch(
                    subject: "closes-within-s", expected: "closed within \(limit.inSeconds)", actual: actual,
                    position: step.expectation.position))
        }
        let outcome = result.answer.map { "\($0.status)" } ?? result.remark ?? "no answer"
        return Attempt(exchange: exchange, mismatches: mismatches, outcome: outcome)
    }
}

extension Expectation {
    /// Whether anything of an answer is named; without it, `closes-within-s` alone allows a silent close.
    fileprivate var wantsAnswer: Bool {
        status != nil || code != nil || !headers.isEmpty || json != nil || jsonIncludes != nil || jsonLength != nil
            || body != nil || bodyMatches != nil
    }
}

/// One connection from the first byte to the last.
private struct RawConversation: Sendable {
    let target: Target
    let bytes: [UInt8]
    let byteInterval: Duration
    let timeout: Duration
    let closesWithin: Duration?

    struct Result: Sendable {
        var answer: Answer?
        /// From the moment when the connection was there.
        var closedAfter: Duration?
        var remark: String?
    }

    /// Reading never waits longer than this, so that a stopped run ends soon.
    private static let slice: Duration = .milliseconds(100)

    func hold(until stopped: CancellationFlag) -> Result {
        let clock = ContinuousClock()
        var received: [UInt8] = []
        var result = Result()
        do {
            let connection = try PlainConnection(host: target.host, port: target.port, timeout: timeout)
            let start = clock.now
            // A close is looked for a little longer than allowed, to tell "late" from "not at all".
            let limit = max(timeout, closesWithin.map { $0 + .seconds(1) } ?? .zero)
            var unsent = bytes[...]
            var nextByte = start
            while !stopped.isSet, clock.now - start < limit {
                var patience = min(Self.slice, limit - (clock.now - start))
                if !unsent.isEmpty {
                    if clock.now >= nextByte {
                        let part = byteInterval > .zero ? unsent.prefix(1) : unsent
                        if let sent = try connection.send(part, timeout: Self.slice) {
                            unsent = unsent.dropFirst(sent)
                            nextByte = clock.now + byteInterval
                        } else {
                            // Closed for writing; what the server had to say may still be read.
                            unsent = []
                        }
                    }
                    patience = unsent.isEmpty ? patience : min(patience, max(nextByte - clock.now, .zero))
                }
                switch try connection.receive(timeout: patience) {
                case .bytes(let new): received += new
                case .closed:
                    result.closedAfter = clock.now - start
                    return finish(result, received)
                case .nothing: break
                }
                if closesWithin == nil, RawAnswer.isComplete(received, afterClose: false) {
                    return finish(result, received)
                }
                if received.count > 1 << 20 {
                    result.remark = "the answer is longer than 1 MiB"
                    return result
                }
            }
            result.remark = "the connection was still open after \((clock.now - start).inSeconds)"
            return finish(result, received)
        } catch {
            result.remark = "\(error)"
            return result
        }
    }

    private func finish(_ result: Result, _ received: [UInt8]) -> Result {
        var result = result
        result.answer = RawAnswer.parse(received)
        if let part = result.answer, !RawAnswer.isComplete(received, afterClose: result.closedAfter != nil) {
            // Half an answer is none.
            result.answer = nil
            result.remark = "an incomplete answer: status \(part.status) and \(part.body.count) bytes of content"
        } else if result.answer == nil, result.remark == nil {
            result.remark =
                received.isEmpty
                ? "the server closed the connection without an answer"
                : "not an HTTP answer: \(ReadableBytes.text(Array(received.prefix(500))))"
        }
        return result
    }
}

extension Duration {
    /// `1.25 s`
    var inSeconds: String {
        let hundredths = Int((self / .milliseconds(10)).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) s"
    }
}
