package import GatehouseMessages
import GatehouseJSON
import HTTPTypes

/// One family of paths with its own manner of saying no.
package enum Door: Sendable {
    /// `/v1/…`, as the OpenCAP protocol asks.
    case openCAP
    /// Sign-in and renewal below a prefix that the operator chooses.
    case ampho
    /// `/api/introspect` and `/api/revoke`, as their RFCs ask.
    case oauth
    /// `/hello_…`, where a signature is the only credential.
    case hello
    /// `/verify`, in the same words.
    case verify
    /// `/auth`, `/user…`, `/subject…` and the others of the C3-PRO IDM.
    case idm
    /// `/address…`, `/private/user`, `/ccap/…` as flaskCCAP has them, and `/auth` on the host of a hosted domain.
    case cap
    /// Everything else: the rest of `/api`, health, and paths that do not exist.
    case own

    /// The answer that says `problem` in the manner of this door.
    ///
    /// - Parameter accept: the request's `Accept`.
    package func answer(to problem: Problem, accept: String?) -> Answer {
        var writer = JSONWriter(reserving: 128)
        let contentType: String
        switch self {
        case .cap where !MediaType.namesJSON(accept):
            // Clients of the original tell a refusal by a body that is no JSON.
            contentType = "text/html; charset=utf-8"
            let (code, phrase) = (problem.status.code, problem.status.reasonPhrase)
            writer.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<title>\(code) \(phrase)</title>\n<h1>\(phrase)</h1>\n<p>")
            writer.raw(EscapedHTML().escapeText(problem.title))
            writer.raw("</p>\n</html>\n")
        case .openCAP, .ampho, .cap:
            contentType = "application/json"
            writer.raw("{\"message\":")
            writer.string(problem.title)
            writer.raw("}")
        case .hello, .verify:
            contentType = "application/json"
            writer.raw("{\"message\":")
            // The words of the original, for whichever reason.
            writer.string([401, 403].contains(problem.status.code) ? "Access Denied" : problem.title)
            writer.raw("}")
        case .idm:
            contentType = "application/json"
            writer.raw("{\"error\":{\"status\":")
            writer.integer(Int64(problem.status.code))
            writer.raw(",\"message\":")
            writer.string(IDMTexts.text(of: problem))
            writer.raw("}}")
        case .oauth:
            // RFC 6749 §5.2.
            contentType = "application/json"
            writer.raw("{\"error\":")
            writer.string(Door.oauthError(for: problem))
            writer.raw(",\"error_description\":")
            writer.string(problem.title)
            writer.raw("}")
        case .own:
            contentType = Problem.mediaType
            writer.bytes = problem.json()
        }
        var answer = Answer(status: problem.status, contentType: contentType, body: writer.bytes)
        let bearer =
            problem.status == .unauthorized && self != .hello
            ? HTTPField(name: .wwwAuthenticate, value: Door.bearerChallenge(for: problem)) : nil
        if self == .idm, bearer != nil {
            answer.headers.append(HTTPField(name: .wwwAuthenticate, value: "JWT realm=\"Login Required\""))
        }
        // nginx 1.22 hands on the first challenge of `/verify` only, and that of a signature says more.
        if let bearer, self != .verify { answer.headers.append(bearer) }
        for field in problem.headers { answer.headers.append(field) }
        if let bearer, self == .verify { answer.headers.append(bearer) }
        if contentType.hasPrefix("text/html") {
            answer.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        }
        answer.headers[.errorCode] = problem.code
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

    /// The word of RFC 6749 §5.2 and §4.1.2.1, or of RFC 6750 §3.1 where the caller's own token is at fault (RFC 7662 §2.3).
    private static func oauthError(for problem: Problem) -> String {
        switch problem.status.code {
        case 401: problem.code == Problem.authenticationRequired.code ? "invalid_client" : "invalid_token"
        case 403: "insufficient_scope"
        case 429, 503: "temporarily_unavailable"
        case 500: "server_error"
        default: "invalid_request"
        }
    }
}

/// Which door a path belongs to. Its first segment decides, but Ampho's prefix comes before all.
package struct Doors: Sendable {
    let ampho: AmphoPrefix
    let hosted: HostedDomains

    /// - Parameter host: as in `Host`; nil when the request has none that can be read.
    package func door(of path: some StringProtocol, host: String?) -> Door {
        if Self.isBelow(ampho.path, path) { return .ampho }
        if Self.firstSegmentsOfCAP.contains(where: { Self.isBelow($0, path) }) { return .cap }
        if path == "/auth", let host = host.flatMap({ Authority($0) })?.host, hosted.isKnown(host: host) { return .cap }
        if Self.isBelow("/v1", path) { return .openCAP }
        if path == "/verify" { return .verify }
        if path == "/" || Self.firstSegmentsOfIDM.contains(where: { Self.isBelow($0, path) }) { return .idm }
        if path == "/hello_world" || path == "/hello_world_private" || path == "/hello_someone" { return .hello }
        return path == "/api/introspect" || path == "/api/revoke" ? .oauth : .own
    }

    private static let firstSegmentsOfCAP = ["/address", "/ccap", "/private"]
    private static let firstSegmentsOfIDM = [
        "/auth", "/establish", "/iforgot", "/init", "/link", "/reset", "/status", "/subject", "/user",
    ]

    private static func isBelow(_ top: String, _ path: some StringProtocol) -> Bool {
        path.utf8.starts(with: top.utf8)
            && (path.utf8.count == top.utf8.count || path.utf8.dropFirst(top.utf8.count).first == UInt8(ascii: "/"))
    }
}
