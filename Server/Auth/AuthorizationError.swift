import GatehouseMessages
public import HTTPTypes
public import Hummingbird
import Logging
import NIOCore

/// Why a request was not let through, with the answer that says so: a problem (RFC 9457) with `title`, `status` and
/// `code`, the code also in the header `Error-Code`, and the challenges: RFC 6750 §3 for tokens, `Signature` and
/// `Accept-Signature` (RFC 9421 §5.1) for signatures. Where only a signature counts, the body of a 401 is
/// `{"message":"Access Denied"}`, as that of Flask-Cavage.
public struct AuthorizationError: HTTPResponseError, Equatable {
    private var problem: Problem
    private var isBrief: Bool

    init(_ problem: Problem, isBrief: Bool = false) {
        self.problem = problem
        self.isBrief = isBrief
    }

    /// `authentication_required`, `invalid_token`, `expired_token`, `signature_missing`, `signature_stale` or
    /// `signature_invalid` with 401, `insufficient_scope` with 403, `keys_unavailable` or `signatures_unavailable` with 503.
    public var code: String { problem.code }
    /// 401, 403 or 503.
    public var status: HTTPResponse.Status { problem.status }

    /// The answer; to HEAD without a body.
    public func response(from request: Request, context: some RequestContext) -> Response {
        var headers = problem.headers
        headers[.contentType] = isBrief ? "application/json" : Problem.mediaType
        headers[.errorCode] = problem.code
        headers[.xContentTypeOptions] = "nosniff"
        // A refusal is about this moment; no cache may keep it.
        headers[.cacheControl] = "no-store"
        let body = isBrief ? Array(#"{"message":"Access Denied"}"#.utf8) : problem.json()
        headers[.contentLength] = String(body.count)
        return Response(
            status: status, headers: headers,
            body: request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// The same refusal where a token and a signature count: as a problem, and saying how to do either.
    ///
    /// - Parameters:
    ///   - token: the challenge for tokens, if the refusal does not have it.
    ///   - signature: the challenges for signatures, in the same way.
    func offering(token: HTTPFields, signature: HTTPFields) -> AuthorizationError {
        guard status == .unauthorized else { return self }
        var offer = self
        offer.isBrief = false
        offer.problem.headers = isBrief ? token + problem.headers : problem.headers + signature
        return offer
    }
}

private func + (a: HTTPFields, b: HTTPFields) -> HTTPFields {
    var sum = a
    sum.append(contentsOf: b)
    return sum
}

extension AuthorizationError: CustomStringConvertible {
    /// A sentence for people.
    public var description: String { problem.title }
}

extension Problem {
    static let insufficientScope = Problem(
        code: "insufficient_scope", status: .forbidden, title: "The token does not allow this.")
    static let keysUnavailable = Problem(
        code: "keys_unavailable", status: .serviceUnavailable, title: "Tokens cannot be checked at the moment.")
    static let signaturesUnavailable = Problem(
        code: "signatures_unavailable", status: .serviceUnavailable,
        title: "Signatures cannot be checked at the moment.")

    /// The same with `Retry-After`: what a closure of the app threw says when, or else it is logged.
    func retry(after error: any Error, _ what: Logger.Message, _ logger: Logger) -> Problem {
        if let error = error as? KeysUnavailable {
            let (seconds, rest) = error.retryAfter.components
            return retryAfter(seconds: rest > 0 ? seconds + 1 : seconds)
        }
        logger.error(what, metadata: ["error": .string("\(error)")])
        return retryAfter(seconds: 5)
    }

    /// The same refusal with `WWW-Authenticate` (RFC 6750 §3), which has no error when no credential was sent.
    func challenging(realm: String, scope: [String]) -> Problem {
        var challenge = "Bearer realm=\(quotedString(realm))"
        switch code {
        case Problem.invalidToken.code, Problem.expiredToken.code: challenge += ", error=\"invalid_token\""
        case Problem.insufficientScope.code:
            challenge += ", error=\"insufficient_scope\", scope=\"\(scope.joined(separator: " "))\""
        default: break
        }
        var problem = self
        problem.headers[.wwwAuthenticate] = challenge
        return problem
    }
}

/// RFC 9110 §5.6.4; what has no place in a header line is left out.
func quotedString(_ text: String) -> String {
    let escaped = text.unicodeScalars.filter { (" "..."~").contains($0) }
        .map { "\"\\".unicodeScalars.contains($0) ? "\\\($0)" : "\($0)" }.joined()
    return "\"\(escaped)\""
}
