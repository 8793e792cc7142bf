import GatehouseMessages
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1

/// Holds the limits of one connection, right behind the HTTP/1 codec, where the request still has all its `Host` lines and its target as it came.
///
/// It refuses what no route should see (broken framing, too large, too slow, not exactly one host, a host that the certificate
/// does not name) and closes the connection with the answer. It also ends idle connections, and all of them when the server stops.
final class RequestGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Reading { case nothing, head, body }

    private let doors: Doors
    private let limits: ConnectionLimits
    private let meter: HeadMeter
    private let logger: Logger
    /// Nil without TLS.
    private let certificate: ConnectionCertificate?
    private var reading = Reading.nothing
    private var isBodyTimed = false
    private var isContinueAwaited = false
    /// Requests passed on whose answers have not been written whole.
    private var answersOwed = 0
    private var isAnswerBegun = false
    private var closesAfterAnswers = false
    private var refusalWaiting: Problem?
    private var hasRefused = false
    /// Of the last head; its path decides the shape of a refusal.
    private var target = ""
    /// Of the last head, with what else decides the shape of a refusal; nil without exactly one.
    private var host: String?
    private var accept: String?
    /// The client does not take its answers; see `channelWritabilityChanged`.
    private var isStalled = false
    private var deadline: NIODeadline?
    private var timer: Scheduled<Void>?

    init(
        doors: Doors, limits: ConnectionLimits, meter: HeadMeter, certificate: ConnectionCertificate?, logger: Logger
    ) {
        self.doors = doors
        self.limits = limits
        self.meter = meter
        self.certificate = certificate
        self.logger = logger
    }

    // MARK: Reading

    func channelActive(context: ChannelHandlerContext) {
        setDeadline(limits.idleTime, context)
        context.fireChannelActive()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { setDeadline(limits.idleTime, context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What follows a refused request is not looked at, also while answers before it are still owed: an answer to it would
        // overtake the refusal, and the client would take it for that of the refused request.
        guard !hasRefused && refusalWaiting == nil else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            meter.reset()
            reading = .body
            isBodyTimed = false
            target = head.uri
            let hosts = head.headers["host"]
            host = hosts.count == 1 ? hosts[0] : nil
            accept = head.headers.first(name: "accept")
            if let problem = problem(with: head) {
                // Not passed on, so nobody else will answer it.
                reading = .nothing
                return refuse(problem, context)
            }
            // HTTP/1.0 without keep-alive ends with its answer; the parser stops for good after CONNECT and Upgrade.
            if !head.isKeepAlive || head.headers.contains(name: "upgrade") { closesAfterAnswers = true }
            answersOwed += 1
            if head.version == .http1_1 && head.headers.expectsContinue { isContinueAwaited = true }
        case .body: isContinueAwaited = false
        case .end:
            isContinueAwaited = false
            meter.reset()
            reading = .nothing
            restAfterRequest(context)
        }
        context.fireChannelRead(data)
    }

    /// Tells a client that waits with its body (RFC 9110 §10.1.1) to go on, once all answers before are out.
    private func continueIfAwaited(_ context: ChannelHandlerContext) {
        guard isContinueAwaited, answersOwed == 1, !isAnswerBegun else { return }
        isContinueAwaited = false
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if reading == .nothing && meter.hasBegunHead && !hasRefused && refusalWaiting == nil {
            reading = .head
            setDeadline(limits.headerTime, context)
        } else if reading == .body && !isBodyTimed {
            // Only a body that did not come along with its head needs a deadline.
            isBodyTimed = true
            setDeadline(limits.bodyTime, context)
            continueIfAwaited(context)
        }
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The parser reports all that comes after its first error, with the octets themselves, which may be a password.
        guard !hasRefused && refusalWaiting == nil else { return }
        guard let parserError = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        // Who ends before the handshake has begun gets no answer in clear.
        if let certificate, !certificate.isChosen { return context.close(promise: nil) }
        switch parserError {
        case .headerOverflow:
            // While a body is read these are its trailers.
            refuse(meter.hasSeenFirstLine || reading == .body ? .headersTooLarge : .targetTooLong, context)
        case .invalidEOFState, .closedConnection:
            // Something came after the last request, or less than one. The answers before it are owed all the same.
            guard answersOwed > 0, reading != .body else { return context.close(promise: nil) }
            closesAfterAnswers = true
        default: refuse(.malformedRequest, context)
        }
    }

    // MARK: Rules

    private func problem(with head: HTTPRequestHead) -> Problem? {
        if head.uri.utf8.count > limits.target { return .targetTooLong }
        if head.headers.count > limits.headerLines { return .headersTooLarge }
        let size = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        if size > limits.headerSection { return .headersTooLarge }
        // RFC 9112 §6.1: a message with both may be an attempt at smuggling.
        if head.headers.contains(name: "content-length") && head.headers.contains(name: "transfer-encoding") {
            return .malformedRequest.saying("Content-Length and Transfer-Encoding exclude each other.")
        }
        // RFC 9112 §6.1: HTTP/1.0 has no transfer codings, and of those that HTTP/1.1 has we know one.
        let codings = head.headers["transfer-encoding"]
        if !codings.isEmpty && (head.version != .http1_1 || codings.map { $0.lowercased() } != ["chunked"]) {
            return .malformedRequest.saying("The only Transfer-Encoding that is understood is chunked.")
        }
        if head.method == .CONNECT {
            return .malformedRequest.saying("This method is not served.")
        }
        let hosts = head.headers["host"]
        guard hosts.count == 1, let host = Authority(hosts[0]) else { return .invalidHost }
        if !head.uri.hasPrefix("/") && (head.uri != "*" || head.method != .OPTIONS) {
            // RFC 9112 §3.2.2, but where the two differ somebody is being deceived.
            guard let authority = Authority(ofAbsoluteTarget: head.uri) else { return .malformedRequest }
            guard authority == host else {
                return .invalidHost.saying("The request target and Host name different hosts.")
            }
        }
        // RFC 9110 §7.4: a client that takes a connection for another host than the one that it made it for is told so.
        if let certificate, !certificate.cover(host: host.host) { return .misdirectedRequest }
        return nil
    }

    // MARK: Answering

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !hasRefused else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            isAnswerBegun = true
            // The answer overtakes the body (it is too large, or nobody asked for it). What is left of it on the way would run
            // into the next request, so there is none on this connection.
            if reading == .body { closesAfterAnswers = true }
            if closesAfterAnswers && answersOwed <= 1 {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
                context.write(wrapOutboundOut(.head(head)), promise: promise)
            } else {
                context.write(data, promise: promise)
            }
        case .body: context.write(data, promise: promise)
        case .end:
            isAnswerBegun = false
            answersOwed -= 1
            context.write(data, promise: promise)
            guard answersOwed == 0 else { return continueIfAwaited(context) }
            if let refusalWaiting {
                self.refusalWaiting = nil
                refuse(refusalWaiting, context)
            } else if closesAfterAnswers {
                finish(context)
            } else {
                restAfterRequest(context)
            }
        }
    }

    /// Answers `problem` and closes. Answers that are still owed go out first.
    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard !hasRefused else { return }
        if reading == .body {
            // The request at fault has been passed on. Its handler waits for the body, so we answer in its place, unless the
            // answer is out already or the one before is still owed.
            guard answersOwed == 1 && !isAnswerBegun else { return context.close(promise: nil) }
        } else if answersOwed > 0 {
            if refusalWaiting == nil { refusalWaiting = problem }
            return
        }
        logger.debug("refused before routing", metadata: ["code": .string(problem.code)])
        var answer = doors.door(of: target.pathAndQuery.path, host: host).answer(to: problem, accept: accept)
        if certificate != nil { answer.requireTLS() }
        var headers = HTTPHeaders(answer.headers.map { ($0.name.rawName, $0.value) })
        headers.add(name: "Content-Length", value: String(answer.body.count))
        headers.add(name: "Connection", value: "close")
        let head = HTTPResponseHead(
            version: .http1_1,
            status: .init(statusCode: answer.status.code, reasonPhrase: answer.status.reasonPhrase), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        hasRefused = true
        finish(context)
    }

    /// Closes in two steps, because closing with unread input resets the connection and the answer may be lost (RFC 9112 §9.6).
    private func finish(_ context: ChannelHandlerContext) {
        hasRefused = true
        context.flush()
        context.close(mode: .output, promise: nil)
        setDeadline(limits.lingerTime, context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            closesAfterAnswers = true
            if answersOwed == 0 && reading != .body { context.close(promise: nil) }
        case ChannelEvent.inputClosed where hasRefused || (answersOwed == 0 && reading != .body):
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Time

    /// A client that asks for more and more and takes no answer would hold its connection, and our memory, for ever.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !context.channel.isWritable {
            isStalled = true
            setDeadline(limits.answerTime, context)
        } else if isStalled {
            isStalled = false
            switch reading {
            case .head: setDeadline(limits.headerTime, context)
            case .body: setDeadline(limits.bodyTime, context)
            case .nothing: restAfterRequest(context)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    /// Between requests a connection may idle; while a handler works there is no deadline of ours.
    private func restAfterRequest(_ context: ChannelHandlerContext) {
        guard reading == .nothing, !hasRefused, !isStalled else { return }
        if answersOwed == 0 { setDeadline(limits.idleTime, context) } else { deadline = nil }
    }

    private func setDeadline(_ time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline = .now() + time
        // One timer per connection, moved only when it fires: setting a deadline for each request costs no more than a store.
        if timer == nil || time < limits.idleTime { schedule(context) }
    }

    private func schedule(_ context: ChannelHandlerContext) {
        guard let deadline else { return }
        timer?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: deadline) {
            let (guardian, context) = bound.value
            guardian.timerFired(context)
        }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer = nil
        guard let deadline else { return }
        if deadline > .now() { return schedule(context) }
        self.deadline = nil
        if hasRefused || isStalled || reading == .nothing {
            context.close(promise: nil)
        } else {
            refuse(.requestTimeout, context)
        }
    }
}

extension HTTPHeaders {
    fileprivate var expectsContinue: Bool {
        self[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
    }
}

/// Counts, before the HTTP/1 codec, what the codec does not tell: that a head has begun, and that its first line has ended.
final class HeadMeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private(set) var hasBegunHead = false
    private(set) var hasSeenFirstLine = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if buffer.readableBytes > 0 {
            hasBegunHead = true
            if !hasSeenFirstLine { hasSeenFirstLine = buffer.readableBytesView.contains(UInt8(ascii: "\n")) }
        }
        context.fireChannelRead(data)
    }

    /// The codec has delivered a head or the end of a body; what follows counts for the next head.
    func reset() {
        hasBegunHead = false
        hasSeenFirstLine = false
    }
}
