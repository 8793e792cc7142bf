import GatehouseMessages
public import HTTPTypes
public import Hummingbird
import NIOCore

/// Why a request was not let through, with the answer that says so: a problem (RFC 9457) with `title`, `status` and
/// `code`, the code also in the header `Error-Code`, and the challenge of RFC 6750 §3.
public struct AuthorizationError: HTTPResponseError, Equatable {
    private let problem: Problem

    init(_ problem: Problem) { self.problem = problem }

    /// `authentication_required`, `invalid_token` or `expired_token` with 401, `insufficient_scope` with 403,
    /// `keys_unavailable` with 503.
    public var code: String { problem.code }
    /// 401, 403 or 503.
    public var status: HTTPResponse.Status { problem.status }

    /// The answer; to HEAD without a body.
    public func response(from request: Request, context: some RequestContext) -> Response {
        var headers = problem.headers
        headers[.contentType] = Problem.mediaType
        headers[.errorCode] = problem.code
        headers[.xContentTypeOptions] = "nosniff"
        // A refusal is about this moment; no cache may keep it.
        headers[.cacheControl] = "no-store"
        let body = problem.json()
        headers[.contentLength] = String(body.count)
        return Response(
            status: status, headers: headers,
            body: request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
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

    /// The same refusal with `WWW-Authenticate` (RFC 6750 §3), which has no error when no credential was sent.
    func challenging(realm: String, scope: [String]) -> Problem {
        // RFC 9110 §5.6.4; what has no place in a header line is left out.
        let quoted = realm.unicodeScalars.filter { (" "..."~").contains($0) }
            .map { "\"\\".unicodeScalars.contains($0) ? "\\\($0)" : "\($0)" }.joined()
        var challenge = "Bearer realm=\"\(quoted)\""
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
