package import GatehouseMessages
import GatehouseJSON
import HTTPTypes

/// One family of paths with its own manners. The first segment of a path decides; today there are two.
package enum Door: Sendable {
    /// `/v1/…`, as the OpenCAP protocol asks.
    case openCAP
    /// Everything else: health, and paths that do not exist.
    case own

    package init(path: some StringProtocol) {
        self = path == "/v1" || path.hasPrefix("/v1/") ? .openCAP : .own
    }

    /// The answer that says `problem` in the manner of this door.
    package func answer(to problem: Problem) -> Answer {
        var writer = JSONWriter(reserving: 128)
        let contentType: String
        switch self {
        case .openCAP:
            contentType = "application/json"
            writer.raw("{\"message\":")
            writer.string(problem.title)
            writer.raw("}")
        case .own:
            // RFC 9457 §3; `type` is absent, so it is about:blank and `title` may be ours.
            contentType = "application/problem+json"
            writer.raw("{\"title\":")
            writer.string(problem.title)
            writer.raw(",\"status\":")
            writer.integer(Int64(problem.status.code))
            writer.raw(",\"code\":")
            writer.string(problem.code)
            writer.raw("}")
        }
        var answer = Answer(status: problem.status, contentType: contentType, body: writer.bytes)
        for field in problem.headers { answer.headers.append(field) }
        answer.headers[.errorCode] = problem.code
        if problem.status == .unauthorized && answer.headers[.wwwAuthenticate] == nil {
            answer.headers[.wwwAuthenticate] = Door.bearerChallenge(for: problem)
        }
        answer.headers[.xContentTypeOptions] = "nosniff"
        // A refusal is about this moment; no cache may keep it.
        answer.headers[.cacheControl] = "no-store"
        return answer
    }

    /// RFC 6750 §3: no error attribute when no credential was sent.
    private static func bearerChallenge(for problem: Problem) -> String {
        switch problem.code {
        case Problem.invalidToken.code, Problem.expiredToken.code: "Bearer realm=\"gatehouse\", error=\"invalid_token\""
        default: "Bearer realm=\"gatehouse\""
        }
    }
}

extension HTTPField.Name {
    static let xContentTypeOptions = HTTPField.Name("X-Content-Type-Options")!
}
