import GatehouseMessages
import GatehousePasswords
import GatehouseStorage
import HTTPTypes
package import Hummingbird
import Logging
import NIOCore

/// The framework's context: all that we take from it is the connection and the logger.
package struct ConnectionContext: InitializableFromSource, Sendable {
    let channel: any Channel
    let logger: Logger

    package init(source: ApplicationRequestContextSource) {
        channel = source.channel
        logger = source.logger
    }
}

/// Route, who, handler, answer: the one place where a request becomes an answer and an error becomes a refusal.
package struct Responder: HTTPResponder {
    package typealias Context = ConnectionContext

    let routes: RouteTable
    let doors: Doors
    let limits: ConnectionLimits
    let proxies: TrustedProxies
    /// Origins that may read answers from a browser, on every host (`--allowed-origins`).
    let allowedOrigins: Set<String>
    let hosted: HostedDomains
    let makeRequestID: @Sendable () -> String
    /// Whether clients come over TLS.
    let isSecure: Bool

    package func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let id = makeRequestID()
        var logger = context.logger
        logger[metadataKey: "request"] = .string(id)
        let target = request.head.path ?? "/"
        let (path, query) = target.pathAndQuery
        let peer = context.channel.remoteAddress?.ipAddress ?? ""
        let original = original(request, from: peer)
        // The path that is shared by two doors; for the others the store is not asked.
        if path == "/auth" { _ = try? await hosted.domain(ofHost: original.hostName) }
        let door = doors.door(of: path, host: original.host)
        var answer: Answer
        var allOrigins = false
        // Not the path itself: it may name a subject or an account, or hold what only its owner may know.
        var pattern: String?
        do {
            switch routes.match(request.method, path) {
            case .nothing: throw Problem.notFound
            case .otherMethods(let allow, let isPublic):
                allOrigins = isPublic
                answer = otherMethod(request, allow: allow, door: door)
            case .route(let route, let parameters):
                allOrigins = route.isPublicToAllOrigins
                pattern = route.path
                let isSigned = original.isSigned
                let call = Call(
                    original: original, isSigned: isSigned, query: query.map { String($0) },
                    network: network(of: peer, request.headers), parameters: parameters,
                    body: route.readsBody || isSigned
                        ? try await wholeBody(of: request, upTo: route.largestBody ?? limits.body) : [],
                    readsBody: route.readsBody,
                    isFromProxy: proxies.trusts(peer), isFromLoopback: IPAddress(peer)?.isLoopback ?? false)
                answer = try await route.handler(call)
            }
        } catch {
            let problem = Self.problem(for: error, logger)
            answer =
                WebPage.isWanted(path, request.headers)
                ? WebPage.refusal(problem, at: path) : door.answer(to: problem, accept: request.headers[.accept])
            var metadata: Logger.Metadata = ["code": .string(problem.code)]
            if let pattern { metadata["route"] = .string(pattern) }
            if let reason = problem.reason { metadata["reason"] = .string(reason) }
            logger.debug("refused", metadata: metadata)
        }
        await addOrigin(request.headers[.origin], host: original.hostName, allOrigins: allOrigins, to: &answer)
        answer.headers[.xContentTypeOptions] = "nosniff"
        if isSecure { answer.requireTLS() }
        return Self.response(answer, to: request.method)
    }

    // MARK: Before the handler

    private func wholeBody(of request: Request, upTo limit: Int) async throws -> [UInt8] {
        // Without either there is none (RFC 9112 §6.3), and nothing to wait for.
        guard request.headers.contains(.contentLength) || request.headers.contains(.transferEncoding) else { return [] }
        // The parser has let digits pass only; what no `Int` holds is too large as well.
        if let length = request.headers[.contentLength], Int(length) ?? .max > limit {
            throw Self.tooLarge(limit)
        }
        do {
            let buffer = try await request.body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw Self.tooLarge(limit)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            // The connection broke, so nobody reads the answer. The error may hold octets of the body: not for the log.
            throw Problem.malformedRequest
        }
    }

    private static func tooLarge(_ limit: Int) -> Problem {
        .bodyTooLarge.saying("The body is larger than \(limit / 1024) KiB.")
    }

    private func network(of peer: String, _ headers: HTTPFields) -> Network {
        Network(address: proxies.client(peer: peer, forwardedFor: headers[values: .xForwardedFor]))
    }

    private func original(_ request: Request, from peer: String) -> OriginalRequest {
        let head = request.head
        let forwarded = proxies.origin(peer: peer, headers: head.headerFields)
        return OriginalRequest(
            method: head.method.rawValue, target: head.path ?? "/",
            scheme: forwarded.scheme ?? (isSecure ? "https" : "http"),
            host: forwarded.host ?? head.authority ?? "", headers: head.headerFields)
    }

    private func otherMethod(_ request: Request, allow: String, door: Door) -> Answer {
        if request.method == .options { return Answer(status: .noContent, headers: [.allow: allow]) }
        var answer = door.answer(to: .methodNotAllowed, accept: request.headers[.accept])
        answer.headers[.allow] = allow
        return answer
    }

    // MARK: After the handler

    /// Turns whatever was thrown into a refusal. What is not a `Problem` is ours to explain, so its cause goes to the log.
    private static func problem(for error: any Error, _ logger: Logger) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let storage as StorageError where storage.isUnavailable:
            logger.error("store failed", metadata: ["error": .string("\(storage)")])
            return .storeUnavailable
        case let storage as StorageError where storage.kind == .invalidValue:
            // A NUL where nobody looked for one. No store can be asked for it, so there is nothing of that name.
            return .invalidMember.saying("A text has a NUL character.")
        case PasswordHashingError.overloaded, PasswordHashingError.cancelled, PasswordHashingError.outOfMemory:
            return .overloaded
        case is CancellationError: return .overloaded
        default:
            logger.error("unexpected error", metadata: ["error": .string("\(error)")])
            return .internalError
        }
    }

    /// Fetch standard, §3.3 (CORS): all origins where the route is public, otherwise those that the operator named for the
    /// server or for the domain of the host.
    private func addOrigin(_ origin: String?, host: String, allOrigins: Bool, to answer: inout Answer) async {
        if allOrigins {
            answer.headers[.accessControlAllowOrigin] = "*"
        } else if let origin, await isAllowed(origin, host: host) {
            answer.headers[.accessControlAllowOrigin] = origin
            answer.headers.append(.init(name: .vary, value: "Origin"))
        } else {
            return
        }
        answer.headers[.accessControlExposeHeaders] = "ETag, Error-Code, Retry-After"
        if let allow = answer.headers[.allow], answer.status == .noContent {
            answer.headers[.accessControlAllowMethods] = allOrigins ? "GET, HEAD" : allow
            answer.headers[.accessControlAllowHeaders] =
                allOrigins ? "If-None-Match" : Self.headersOfKnownOrigins
            answer.headers[.accessControlMaxAge] = "600"
        }
    }

    private func isAllowed(_ origin: String, host: String) async -> Bool {
        if allowedOrigins.contains(origin) { return true }
        // Without a store there is nothing to read.
        return (try? await hosted.domain(ofHost: host))??.allowedOrigins.contains(origin) ?? false
    }

    private static let headersOfKnownOrigins = """
        Authorization, Bearer, Content-Digest, Content-Type, Digest, Idempotency-Key, If-None-Match, Signature, Signature-Input
        """

    private static func response(_ answer: Answer, to method: HTTPRequest.Method) -> Response {
        var headers = answer.headers
        // RFC 9110 §8.6: no length with 204; 304 and HEAD tell that of the body which a GET would have.
        if answer.status != .noContent && answer.status != .notModified {
            headers[.contentLength] = String(answer.body.count)
        }
        let sendsBody = method != .head && answer.status != .noContent && answer.status != .notModified
        var response = Response(
            status: answer.status, headers: headers,
            body: sendsBody ? ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)) : ResponseBody())
        // The framework adds the length of the empty body.
        if answer.status == .noContent || answer.status == .notModified { response.headers[.contentLength] = nil }
        return response
    }
}
