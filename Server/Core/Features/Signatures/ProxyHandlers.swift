import GatehouseMessages
import HTTPSignatures
import HTTPTypes

/// Decides for a reverse proxy about the request that it holds (nginx `auth_request`, Traefik, Caddy).
struct ProxyHandlers: Sendable {
    let callers: Callers

    /// `GET /verify[?scope=…][&body=refuse]`
    @Sendable func verify(_ call: Call, _: Anyone) async throws -> Answer {
        // Whoever else asks could describe a request that nobody made, and use up somebody's signature.
        guard call.isFromProxy else { throw Problem.untrustedPeer }
        let query = try call.queryMembers("scope", "body")
        let scope = try query["scope"].map { text throws(Problem) in
            guard let scope = KeyScope(text) else { throw .invalidQuery.saying("There is no such scope.") }
            return scope
        }
        guard ["refuse", nil].contains(query["body"]) else {
            throw Problem.invalidQuery.saying("The query member body can be refuse.")
        }
        let original = try OriginalRequest(describedBy: call)
        do {
            return try await answer(to: original, scope: scope, takesBody: query["body"] == nil)
        } catch let problem as Problem where problem.status == .unauthorized {
            throw problem.challenging(method: original.method, readsBody: false, callers.policy)
        }
    }

    /// - Parameter takesBody: whether somebody behind the proxy compares the digest of the body.
    private func answer(to original: OriginalRequest, scope: KeyScope?, takesBody: Bool) async throws -> Answer {
        let verdict = try await verdict(on: original)
        if let scope, !verdict.scopes.contains(scope, isSafe: original.isSafe) { throw Problem.insufficientKeyScope }
        var headers: HTTPFields = [.cacheControl: "no-store"]
        headers[.xAuthAccount] = verdict.account.id
        headers[.xAuthScope] = verdict.scopes.text
        if let verified = verdict.signature {
            if let field = verified.coveredDigest {
                // Its body is with the proxy.
                guard takesBody else { throw Problem.bodyNotCompared }
                headers[.xAuthContentDigest] = try Self.contentDigest(field, of: original)
            }
            try await callers.signatures.accept(verified)
        }
        return Answer(status: .noContent, headers: headers)
    }

    private struct Verdict {
        let account: Account
        let scopes: Set<KeyScope>
        let signature: VerifiedSignature?
    }

    private func verdict(on original: OriginalRequest) async throws -> Verdict {
        guard original.isSigned else {
            guard let token = try original.headers.bearerToken() else { throw Problem.authenticationRequired }
            let account = try await callers.tokens.check(token).account
            return Verdict(account: account, scopes: Set(account.roles.map(KeyScope.role)), signature: nil)
        }
        let verified = try await callers.signatures.verify(
            original, body: .elsewhere(hasContent: original.mayHaveContent), by: callers.policy)
        return Verdict(account: verified.key.account, scopes: verified.key.scopes, signature: verified)
    }

    /// In the form of RFC 9530, whichever field the client sent.
    private static func contentDigest(_ field: BodyDigest, of original: OriginalRequest) throws(Problem) -> String {
        do { return try field.contentDigest(of: original.message) } catch {
            var problem = Problem.signatureInvalid
            problem.reason = "\(error)"
            throw problem
        }
    }
}

extension OriginalRequest {
    /// Whether somebody behind the proxy may read a body. One of GET or HEAD nobody reads.
    fileprivate var mayHaveContent: Bool {
        if SignaturePolicy.expectsContent(method) { return true }
        return !isSafe
            && (![nil, "0"].contains(headers[.contentLength]) || headers.contains(.transferEncoding))
    }

    /// The request that a proxy holds, as it says itself. The same thing said twice must be the same: what the proxy did not
    /// set comes from its client.
    ///
    /// - Throws: `Problem.invalidForwarding`.
    fileprivate init(describedBy call: Call) throws(Problem) {
        var headers = call.headers
        func take(_ names: [HTTPField.Name]) throws(Problem) -> String? {
            let values = Set(names.flatMap { headers[values: $0] })
            for name in names { headers[name] = nil }
            guard values.count <= 1 else { throw .invalidForwarding.saying("The proxy says two things at once.") }
            return values.first
        }
        let method = try take([.xOriginalMethod, .xForwardedMethod])
        let target = try take([.xOriginalURI, .xForwardedURI])
        let host = try take([.xOriginalHost, .xForwardedHost])
        let length = try take([.xOriginalContentLength])
        guard let method, let target, let host, HTTPRequest.Method(method) != nil, Authority(host) != nil,
            target.hasPrefix("/")
        else { throw .invalidForwarding }
        if let length { headers[.contentLength] = length.isEmpty ? nil : length }
        self.init(method: method, target: target, scheme: call.original.scheme, host: host, headers: headers)
    }
}

extension HTTPField.Name {
    fileprivate static let xAuthAccount = HTTPField.Name("X-Auth-Account")!
    fileprivate static let xAuthScope = HTTPField.Name("X-Auth-Scope")!
    fileprivate static let xAuthContentDigest = HTTPField.Name("X-Auth-Content-Digest")!
    fileprivate static let xOriginalMethod = HTTPField.Name("X-Original-Method")!
    fileprivate static let xOriginalURI = HTTPField.Name("X-Original-URI")!
    fileprivate static let xOriginalHost = HTTPField.Name("X-Original-Host")!
    fileprivate static let xOriginalContentLength = HTTPField.Name("X-Original-Content-Length")!
    fileprivate static let xForwardedMethod = HTTPField.Name("X-Forwarded-Method")!
    fileprivate static let xForwardedURI = HTTPField.Name("X-Forwarded-Uri")!
}
